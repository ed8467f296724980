"""The group `lock`: who may change the application now."""

import click

from namaskah_deploy.commands.common import CONTEXT, carry_out
from namaskah_deploy.options import Options, shared
from namaskah_deploy.request import Kind


@click.group("lock", context_settings=CONTEXT)
def lock() -> None:
    """Who may change the application now."""


@lock.command("status", context_settings=CONTEXT)
@click.argument("env")
@shared
def _status(env: str, options: Options) -> None:
    """Show which run holds the lease on each host."""
    carry_out(Kind.STATUS, env, options, lease_only=True)
