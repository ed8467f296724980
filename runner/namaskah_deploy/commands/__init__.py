"""Which commands are there? Each turns its words into a request; what follows is the same for all."""

from collections.abc import Callable
from typing import Any

import click

from namaskah_deploy.commands.backups import backups
from namaskah_deploy.commands.common import plain
from namaskah_deploy.commands.deploy import deploy
from namaskah_deploy.commands.lock import lock
from namaskah_deploy.commands.plan import plan
from namaskah_deploy.commands.resume import resume
from namaskah_deploy.commands.rollback import rollback
from namaskah_deploy.request import Kind

_RECOVER_HELP = """Bring every host to a final state, from whatever is found there.

An unconfirmed switch returns, or is completed where another host has confirmed it. Running it again changes nothing."""

ALL: tuple[click.Command, ...] = (
    deploy,
    rollback,
    plan,
    plain("status", Kind.STATUS, "Show what each host runs, and what differs from its records.", "limit"),
    plain("releases", Kind.RELEASES, "List the releases on each host.", "limit"),
    plain("backup", Kind.BACKUP, "Back up the database and the files, and prove the backup.", "limit", "reason"),
    backups,
    plain("verify", Kind.VERIFY, "Check what runs now: HTTP, WebSocket, static files, processes, hosts.", "limit"),
    resume,
    plain("recover", Kind.RECOVER, _RECOVER_HELP, "limit", "reason", "allow"),
    plain("abort", Kind.RECOVER, "The same as recover: end a release that nobody ended.", "limit", "reason", "allow"),
    plain("provision", Kind.PROVISION, "Make bare hosts ready for releases. Run again, it changes nothing.", "limit"),
    lock,
)


def add_all(add: Callable[[click.Command], Any]) -> None:
    """Give every command to `add`."""
    for command in ALL:
        add(command)
