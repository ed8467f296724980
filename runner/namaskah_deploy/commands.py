"""Which commands are there? Each turns its words into a request; what follows is the same for all."""

from collections.abc import Callable
from typing import Any

import click

from namaskah_deploy import environments
from namaskah_deploy.options import Options, shared
from namaskah_deploy.request import Kind, Request

_CONTEXT = {"help_option_names": ["-h", "--help"]}


def _carry_out(kind: Kind, env: str, options: Options, *, tag: str = "", lease_only: bool = False) -> None:
    from namaskah_deploy.execute import execute  # noqa: PLC0415 - half a second that a refused word need not pay
    from namaskah_deploy.surroundings import Surroundings, look  # noqa: PLC0415 - see above

    context = click.get_current_context()
    surroundings = context.find_object(Surroundings) or look()
    request = Request(
        kind=kind,
        environment=env,
        ref=options.ref,
        tag=tag,
        limit=options.limit,
        allow=options.allow,
        reason=options.reason,
        by=surroundings.by,
    )
    context.exit(execute(request, options, surroundings, lease_only=lease_only))


def _command(name: str, kind: Kind, help_text: str) -> click.Command:
    """Return a command that takes an environment and the shared options, and nothing else."""

    @click.command(name, help=help_text, context_settings=_CONTEXT)
    @click.argument("env")
    @shared
    def command(env: str, options: Options) -> None:
        _carry_out(kind, env, options)

    return command


@click.command("rollback", context_settings=_CONTEXT)
@click.argument("env", default="")
@click.option(
    "--tag", metavar="TAG", default="", help="The release to go back to; else the last good one before the live."
)
@shared
def _rollback(env: str, tag: str, options: Options) -> None:
    """Go back to an earlier release, by the same switch as a release.

    Without ENV the one environment that its inventory marks `namaskah_default: true`.
    """
    name = env or environments.default(options.inventory).name
    if not env:
        click.echo(f"environment: {name} (marked as the default)", err=True)
    _carry_out(Kind.ROLLBACK, name, options, tag=tag)


@click.group("lock", context_settings=_CONTEXT)
def _lock() -> None:
    """Who may change the application now."""


@_lock.command("status", context_settings=_CONTEXT)
@click.argument("env")
@shared
def _lock_status(env: str, options: Options) -> None:
    """Show which run holds the lease on each host."""
    _carry_out(Kind.STATUS, env, options, lease_only=True)


_RECOVER_HELP = """Bring every host to a final state, from whatever is found there.

An unconfirmed switch returns, or is completed where another host has confirmed it. Running it again changes nothing."""

ALL: tuple[click.Command, ...] = (
    _command(
        "deploy",
        Kind.DEPLOY,
        "Release to ENV: back up, prepare, switch, verify, confirm. `namaskah-deploy ENV` is short for it.",
    ),
    _rollback,
    _command("plan", Kind.PLAN, "Say what a release would do on each host; change nothing."),
    _command("status", Kind.STATUS, "Show what each host runs, and what differs from its records."),
    _command("releases", Kind.RELEASES, "List the releases on each host."),
    _command("backup", Kind.BACKUP, "Back up the database and the files, and prove the backup."),
    _command("backups", Kind.BACKUPS, "List the backups."),
    _command("verify", Kind.VERIFY, "Check what runs now: HTTP, WebSocket, static files, processes, hosts."),
    _command("recover", Kind.RECOVER, _RECOVER_HELP),
    _command("abort", Kind.RECOVER, "The same as recover: end a release that nobody ended."),
    _command("provision", Kind.PROVISION, "Make bare hosts ready for releases. Run again, it changes nothing."),
    _lock,
)


def add_all(add: Callable[[click.Command], Any]) -> None:
    """Give every command to `add`."""
    for command in ALL:
        add(command)
