"""May it be done? Asks the person at the terminal; where nobody can be asked, only --yes is an answer."""

from collections.abc import Callable, Iterable

import click

from namaskah_deploy.environments import Environment
from namaskah_deploy.errors import Refused
from namaskah_deploy.request import CHANGING, Kind, Request

_ASKS = frozenset({Kind.DEPLOY, Kind.ROLLBACK, Kind.PROVISION, Kind.RECOVER, Kind.BACKUPS_PRUNE})


def confirm(
    request: Request,
    environment: Environment,
    *,
    yes: bool,
    terminal: bool,
    preview: Callable[[], Iterable[str]] = tuple,
) -> None:
    """Return when the change may be done; raises Refused when it may not.

    `preview` is shown before the question; it is only called when there is one.
    """
    if yes or request.kind not in CHANGING:
        return
    if not terminal:
        raise Refused(
            f"{request.kind} of {environment.name} was not confirmed",
            "nobody can be asked: this is no terminal",
            next_step=f"add --yes: namaskah-deploy {request.kind} {environment.name} --yes",
        )
    if not environment.asks or request.kind not in _ASKS:
        return
    for line in preview():
        click.echo(line, err=True)
    if not click.confirm(question(request, environment), err=True):
        raise Refused(f"{request.kind} of {environment.name} was not confirmed", "the answer was no")


def question(request: Request, environment: Environment) -> str:
    """Return the question for `request`, which names what is done and where."""
    group = "database" if request.kind is Kind.BACKUPS_PRUNE else "app"
    hosts = ", ".join(request.limit or environment.members(group)) or "no host"
    if request.resumes:
        return f"Finish run {request.resumes.run} ({request.kind} of {request.resumes.commit[:12]}) on {hosts}?"
    what = {
        Kind.DEPLOY: f"Release {request.ref or 'the ref of the inventory'} to",
        Kind.ROLLBACK: f"Go back to {request.tag or 'the last good release before the live one'} on",
        Kind.PROVISION: "Provision",
        Kind.RECOVER: "Bring to a final state (an unconfirmed switch returns)",
        Kind.BACKUPS_PRUNE: "Remove the backups shown above from",
    }[request.kind]
    return f"{what} {environment.name} ({hosts})?"
