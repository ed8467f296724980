"""The command `plan`: what a release would do."""

import click

from namaskah_deploy.commands.common import CONTEXT, carry_out
from namaskah_deploy.options import Options, shared
from namaskah_deploy.request import Kind


@click.command("plan", context_settings=CONTEXT)
@click.argument("env")
@click.option(
    "--prepare",
    is_flag=True,
    help="Prepare the release on one host, to show the SQL and locks of its migrations, and remove it again.",
)
@shared("ref", "limit", "allow")
def plan(env: str, prepare: bool, options: Options) -> None:
    """Say what a release would do on each host; change nothing."""
    carry_out(Kind.PLAN, env, options, prepare=prepare)
