"""The command `deploy`: a release, from the backup to its confirmation."""

import click

from namaskah_deploy.commands.common import CONTEXT, carry_out, lock_wait
from namaskah_deploy.options import Options, shared
from namaskah_deploy.request import Kind


@click.command("deploy", context_settings=CONTEXT)
@click.argument("env")
@lock_wait
@shared("ref", "limit", "reason", "allow")
def deploy(env: str, lock_wait: int, options: Options) -> None:
    """Release to ENV: back up, prepare, switch, verify, confirm. `namaskah-deploy ENV` is short for it."""
    carry_out(Kind.DEPLOY, env, options, lock_wait=lock_wait)
