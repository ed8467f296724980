"""What does one command do, from the checked request to the exit code? Plans, asks, runs, shows."""

import dataclasses
import json
import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TextIO

import click
from rich.console import Console

from namaskah_deploy import (
    asking,
    backup_tables,
    conduct,
    environments,
    loss,
    outcome,
    plan,
    preview,
    progress,
    summary,
    tables,
    words,
)
from namaskah_deploy import resume as resumption
from namaskah_deploy.environments import Environment
from namaskah_deploy.errors import Refused
from namaskah_deploy.live import LiveTable, Waiting
from namaskah_deploy.options import Options
from namaskah_deploy.plan import LaunchPlan
from namaskah_deploy.progress import Display
from namaskah_deploy.report import Report, document
from namaskah_deploy.request import BACKUPS, Kind, Request
from namaskah_deploy.surroundings import Surroundings, new_run_id

READING = frozenset(
    {Kind.STATUS, Kind.RELEASES, Kind.BACKUPS, Kind.BACKUPS_SHOW, Kind.BACKUPS_VERIFY, Kind.BACKUPS_PREVIEW}
)
"""Kinds that only ask the hosts: they show what was said, and leave no record."""
_WIDE = 200
"""Columns of a table where no terminal says how many there are: a pipe cuts nothing short."""
_ANSWERS = {
    Kind.STATUS: "namaskah_status",
    Kind.RELEASES: "namaskah_status",
    **dict.fromkeys(BACKUPS, "namaskah_backups"),
    Kind.BACKUPS_PREVIEW: "namaskah_backup_prune",
    Kind.BACKUPS_PRUNE: "namaskah_backup_prune",
    Kind.PLAN: "namaskah_plan",
    Kind.OUTLOOK: "namaskah_status",
    Kind.RESTORE_PREVIEW: "namaskah_restore",
}
_FORESEEN: Mapping[Kind, Kind] = {
    Kind.ROLLBACK: Kind.OUTLOOK,
    Kind.BACKUPS_PRUNE: Kind.BACKUPS_PREVIEW,
    Kind.RESTORE: Kind.RESTORE_PREVIEW,
}
"""Kinds before whose question the operator is shown what the hosts say, and the kind that asks them."""


def execute(request: Request, options: Options, surroundings: Surroundings, *, lease_only: bool = False) -> int:
    """Carry out `request` and return the exit code. Raises Refused when it is refused before anything starts."""
    environment = environments.load(options.inventory, request.environment)
    run_id = request.resumes.run if request.resumes else new_run_id()
    launch_plan = _plan(request, environment, surroundings, run_id)
    if options.print_command:
        click.echo(plan.plain_command(launch_plan))
        return 0

    def outlook() -> Iterable[str]:
        return _outlook(request, environment, surroundings) if request.kind in _FORESEEN else ()

    asking.confirm(request, environment, yes=options.yes, terminal=surroundings.terminal, preview=outlook)
    display = _display(request, options, run_id)
    state = None if request.kind in READING else surroundings.state
    session = _session(environment, surroundings, display, state=state)
    report, folder = conduct.run(request, launch_plan, run_id, session)
    if lease_only and report.exit_code == outcome.Code.CHECKS_FAILED:  # it was asked about the lease alone
        report = dataclasses.replace(report, exit_code=outcome.Code.DONE, headline="", advice=())
    try:
        _show(report, folder, options, lease_only=lease_only)
        sys.stdout.flush()
    except OSError:  # nobody reads any more; the exit code still tells, and Python must not fail at its last flush
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return int(report.exit_code)


def resume(name: str, run_id: str, options: Options, surroundings: Surroundings) -> int:
    """Finish the unfinished run `run_id` ("" = the only one) and return the exit code. Raises Refused."""
    environment = environments.load(options.inventory, words.environment(name))
    question = Request(kind=Kind.STATUS, environment=name, by=surroundings.by)
    report, _ = _asked(question, environment, surroundings)
    if not report.part.by_host(_ANSWERS[Kind.STATUS]):
        raise Refused(f"no host of {name} told how it stands", report.headline, next_step="see `status`")
    request = resumption.request(name, report.part.by_host(_ANSWERS[Kind.STATUS]), run_id, surroundings.by)
    return execute(request, options, surroundings)


def _asked(question: Request, environment: Environment, surroundings: Surroundings) -> tuple[Report, Path | None]:
    """Ask the hosts in silence, without a record."""
    run_id = new_run_id()
    session = _session(environment, surroundings, progress.Silent(), state=None)
    return conduct.run(question, _plan(question, environment, surroundings, run_id), run_id, session)


def _plan(request: Request, environment: Environment, surroundings: Surroundings, run_id: str) -> LaunchPlan:
    return plan.make(
        request,
        environment,
        surroundings.content,
        run_id=run_id,
        environ=surroundings.environ,
        programs=surroundings.programs,
        folder=surroundings.folder,
    )


def _session(
    environment: Environment, surroundings: Surroundings, display: Display, *, state: Path | None
) -> conduct.Session:
    return conduct.Session(
        environment=environment,
        content=surroundings.content,
        display=display,
        environ=surroundings.environ,
        state=state,
        terminal=sys.stdin if surroundings.terminal else None,
    )


def _outlook(request: Request, environment: Environment, surroundings: Surroundings) -> Iterable[str]:
    """Ask the hosts what a change would lead to; a host that gives no answer is no reason not to ask the operator."""
    asked = _FORESEEN[request.kind]
    report = _ask(request, asked, environment, surroundings)
    if asked is Kind.BACKUPS_PREVIEW:
        return backup_tables.lines(_told(report))
    if asked is Kind.RESTORE_PREVIEW:
        return _losses(report)
    before = list(preview.lines(_told(report), request.tag))
    if request.restore_database:
        return [*before, *_losses(_ask_of_restore(request, _told(report), environment, surroundings))]
    schema = next(iter(report.part.by_host("namaskah_schema").values()), {})
    return [*before, *preview.schema_lines(schema, reverse=request.reverse_migrations)]


def _ask_of_restore(
    request: Request, hosts: Mapping[str, Mapping[str, Any]], environment: Environment, surroundings: Surroundings
) -> Report:
    """Have the backup that fits restored beside the live database, and ask what would be lost. Raises Refused."""
    commit = preview.target_commit(hosts, request.tag)
    if not (commit or request.backup):
        raise Refused(
            "which backup fits is not known",
            "the hosts do not all keep the same release to go back to, so nobody can say yet which commit it is",
            next_step=f"name a backup with --backup; see `namaskah-deploy backups list {environment.name}`",
        )
    return _ask(request, Kind.RESTORE_PREVIEW, environment, surroundings, commit=commit)


def _ask(
    request: Request, kind: Kind, environment: Environment, surroundings: Surroundings, *, commit: str = ""
) -> Report:
    """Ask the hosts one question more about what `request` would do."""
    question = Request(
        kind=kind,
        environment=request.environment,
        tag=request.tag,
        limit=request.limit,
        by=request.by,
        allow=request.allow,
        backup=request.backup if kind is Kind.RESTORE_PREVIEW else "",
        commit=commit,
    )
    return _asked(question, environment, surroundings)[0]


def _losses(report: Report) -> Iterable[str]:
    """What a restore would take away; without that nobody should be asked, so a failure is refused. Raises Refused."""
    if report.exit_code == outcome.Code.DONE:
        return loss.lines(_told(report))
    why = "; ".join(failed.failure.why for failed in report.part.failures) or report.headline
    raise Refused("the restore cannot be prepared", why, next_step="; ".join(report.advice))


def _display(request: Request, options: Options, run_id: str) -> Display:
    """Choose how the run is shown: JSON lines on request, a table at a terminal, lines anywhere else."""
    if options.events:
        return progress.JsonLines(sys.stdout)
    reading = request.kind in _ANSWERS
    stream = sys.stderr if reading else _people(options)
    console = _console(stream, options)
    if options.verbose or not stream.isatty() or console.is_dumb_terminal:
        lines = progress.Lines(stream, verbose=bool(options.verbose))
        return progress.Silent() if reading and not options.verbose else lines
    if reading:
        return Waiting(console, f"asking the hosts of {request.environment} ...")
    return LiveTable(console, f"{request.kind} {request.environment} - run {run_id}")


def _show(report: Report, folder: Path | None, options: Options, *, lease_only: bool) -> None:
    hosts = _told(report)
    reading = report.request.kind in _ANSWERS
    if options.json:
        whole = document(report)
        if reading:
            data = {host: state.get("lease") for host, state in hosts.items()} if lease_only else hosts
            kept = ("environment", "exit_code", "headline", "advice", "failures", "lines")
            whole = {**{name: whole[name] for name in kept}, "hosts": data}
        click.echo(json.dumps(whole, indent=2, ensure_ascii=False, default=str))
    elif options.events:
        click.echo(json.dumps({"event": "End", **document(report)}, ensure_ascii=False, default=str))
    elif reading and lease_only:
        tables.lease(hosts, _console(_people(options), options))
    elif reading:
        tables.show(report.request.kind, hosts, _console(_people(options), options))
        for line in resumption.lines(report.request.environment, hosts):
            click.echo(line, file=_people(options))
    bad = report.exit_code != outcome.Code.DONE
    if bad or not reading:
        stream = sys.stderr if bad else _people(options)
        for line in summary.lines(report, folder):
            click.echo(line, file=stream)


def _told(report: Report) -> dict[str, Mapping[str, Any]]:
    """Return what each host told, by the module whose answer the command is about."""
    told = report.part.by_host(_ANSWERS.get(report.request.kind, ""))
    if report.request.kind is Kind.PLAN:
        told = preview.with_migrations(told, report.part.by_host("namaskah_migrate"))
    return dict(sorted(told.items()))


def _people(options: Options) -> TextIO:
    """Return the stream for people: standard output is a program's where JSON was asked for."""
    return sys.stderr if options.json or options.events else sys.stdout


def _console(stream: TextIO, options: Options) -> Console:
    width = None if stream.isatty() else _WIDE
    # Marks of rich and names of pictures in what hosts say are text.
    return Console(
        file=stream,
        no_color=options.no_color or None,
        highlight=False,
        markup=False,
        emoji=False,
        soft_wrap=width is not None,
        width=width,
    )
