"""The group `lock`: who may change the application now."""

import click

from namaskah_deploy.commands.common import CONTEXT, carry_out
from namaskah_deploy.errors import Refused
from namaskah_deploy.options import Options, shared
from namaskah_deploy.request import Kind


@click.group("lock", context_settings=CONTEXT)
def lock() -> None:
    """Who may change the application now."""


@lock.command("status", context_settings=CONTEXT)
@click.argument("env")
@shared("limit")
def _status(env: str, options: Options) -> None:
    """Show which run holds the lease on each host."""
    carry_out(Kind.STATUS, env, options, lease_only=True)


@lock.command("acquire", context_settings=CONTEXT)
@click.argument("env")
@click.option(
    "--for",
    "seconds",
    type=click.IntRange(60, 7 * 86400),
    default=3600,
    show_default=True,
    metavar="SECONDS",
    help="So long it lasts.",
)
@shared("limit", "reason")
def _acquire(env: str, seconds: int, options: Options) -> None:
    """Hold the application: no run may change it until the hold is released or over. Needs --reason."""
    if not options.reason:
        raise Refused(
            "a hold without a reason is refused",
            "whoever meets it has to know what it is for",
            next_step='say it: -m "incident 4711, ask Ada"',
        )
    carry_out(Kind.HOLD, env, options, seconds=seconds)


@lock.command("release", context_settings=CONTEXT)
@click.argument("env")
@shared("limit", "reason", "allow")
def _release(env: str, options: Options) -> None:
    """End your own hold. With --allow take-over and --reason somebody else's; the hosts' journals keep that."""
    carry_out(Kind.LET_GO, env, options)
