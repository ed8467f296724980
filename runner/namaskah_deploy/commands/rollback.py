"""The command `rollback`: back to an earlier release."""

from typing import Any

import click

from namaskah_deploy import environments
from namaskah_deploy.commands.common import CONTEXT, carry_out, lock_wait
from namaskah_deploy.errors import Refused
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
@click.option(
    "--restore-database",
    is_flag=True,
    help="Take the database back as well, as it was backed up while that release ran.",
)
@click.option("--backup", metavar="ID", default="", help="With --restore-database: this backup instead.")
@click.option(
    "--confirm",
    metavar="ENV",
    default="",
    help="With --restore-database: the environment's name again; needed where nobody can be asked.",
)
@lock_wait
@shared("limit", "reason", "allow", why="--tag names the release to go back to", called={"ref": "tag"})
def rollback(env: str, options: Options, **words: Any) -> None:
    """Go back to an earlier release, by the same switch as a release.

    It is refused where that release would fail on the database as it is: reverse the migrations, restore the database,
    or --allow schema-ahead. Without ENV the one environment that its inventory marks `namaskah_default: true`.
    """
    name = env or environments.default(options.inventory).name
    if not env:
        click.echo(f"environment: {name} (marked as the default)", err=True)
    if not words["restore_database"] and (words["backup"] or words["confirm"]):
        raise Refused(
            "--backup and --confirm belong to --restore-database",
            "without it the code alone goes back, and no row is lost",
            next_step="add --restore-database, or leave them out",
        )
    carry_out(Kind.ROLLBACK, name, options, confirmed=words.pop("confirm"), **words)
