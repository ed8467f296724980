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
    if request.replaces_data:
        _confirm_by_name(request, environment, terminal=terminal, preview=preview)
        return
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


def _confirm_by_name(
    request: Request, environment: Environment, *, terminal: bool, preview: Callable[[], Iterable[str]]
) -> None:
    """Return when the environment's name was given: rows are taken away, and a y is typed too easily."""
    given = request.confirmed
    if not given and not terminal:
        raise Refused(
            f"{request.kind} of {environment.name} was not confirmed",
            "it takes away rows that were written since, and nobody can be asked: this is no terminal",
            next_step=f"add --confirm {environment.name}",
        )
    if not given:
        for line in preview():
            click.echo(line, err=True)
        words = f"This takes away rows of {environment.name}. Type the environment's name to go on"
        given = click.prompt(words, default="", show_default=False, err=True)
    if given != environment.name:
        raise Refused(
            f"{request.kind} of {environment.name} was not confirmed",
            f"{given!r} is not the environment's name",
            next_step=f"a prepared database is dropped by: namaskah-deploy recover {environment.name}",
        )


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
