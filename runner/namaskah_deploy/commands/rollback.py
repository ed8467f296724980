"""The command `rollback`: back to an earlier release."""

import click

from namaskah_deploy import environments
from namaskah_deploy.commands.common import CONTEXT, carry_out, lock_wait
from namaskah_deploy.options import Options, shared
from namaskah_deploy.request import Kind


@click.command("rollback", context_settings=CONTEXT)
@click.argument("env", default="")
@click.option(
    "--tag", metavar="TAG", default="", help="The release to go back to; else the last good one before the live."
)
@click.option(
    "--reverse-migrations", is_flag=True, help="First take back the migrations that the release to go back to lacks."
)
@lock_wait
@shared
def rollback(env: str, tag: str, reverse_migrations: bool, lock_wait: int, options: Options) -> None:
    """Go back to an earlier release, by the same switch as a release.

    It is refused where that release would fail on the database as it is: reverse the migrations, or --allow
    schema-ahead. Without ENV the one environment that its inventory marks `namaskah_default: true`.
    """
    name = env or environments.default(options.inventory).name
    if not env:
        click.echo(f"environment: {name} (marked as the default)", err=True)
    carry_out(Kind.ROLLBACK, name, options, tag=tag, reverse_migrations=reverse_migrations, lock_wait=lock_wait)
