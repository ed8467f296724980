"""What does one command do, from the checked request to the exit code? Plans, asks, runs, shows."""

import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click

from namaskah_deploy import asking, environments, plan
from namaskah_deploy.environments import Environment
from namaskah_deploy.options import Options
from namaskah_deploy.plan import LaunchPlan
from namaskah_deploy.progress import Display
from namaskah_deploy.report import Report
from namaskah_deploy.request import Kind, Request
from namaskah_deploy.surroundings import Surroundings, new_run_id

if TYPE_CHECKING:
    from rich.console import Console

    from namaskah_deploy import conduct

READING = frozenset({Kind.STATUS, Kind.RELEASES, Kind.BACKUPS})
"""Kinds that only ask the hosts: they show what was said, and leave no record."""
_TABLES = READING | {Kind.PLAN}


def execute(request: Request, options: Options, surroundings: Surroundings, *, lease_only: bool = False) -> int:
    """Carry out `request` and return the exit code. Raises Refused when it is refused before anything starts."""
    environment = environments.load(options.inventory, request.environment)
    run_id = new_run_id()
    launch_plan = _plan(request, environment, surroundings, run_id)
    if options.print_command:
        click.echo(plan.plain_command(launch_plan))
        return 0

    def preview() -> Iterable[str]:
        return _preview(request, environment, surroundings) if request.kind is Kind.ROLLBACK else ()

    asking.confirm(request, environment, yes=options.yes, terminal=surroundings.terminal, preview=preview)
    display = _display(request, options, run_id)
    state = None if request.kind in READING else surroundings.state
    report, folder = _run(request, launch_plan, run_id, _session(environment, surroundings, display, state))
    _show(report, folder, options, lease_only=lease_only)
    return int(report.exit_code)


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
    environment: Environment, surroundings: Surroundings, display: Display, state: Path | None
) -> "conduct.Session":
    from namaskah_deploy import conduct  # noqa: PLC0415 - its libraries cost time that a refusal need not pay

    return conduct.Session(
        environment=environment,
        content=surroundings.content,
        display=display,
        environ=surroundings.environ,
        state=state,
    )


def _run(
    request: Request, launch_plan: LaunchPlan, run_id: str, session: "conduct.Session"
) -> tuple[Report, Path | None]:
    from namaskah_deploy import conduct  # noqa: PLC0415 - see above

    return conduct.run(request, launch_plan, run_id, session)


def _preview(request: Request, environment: Environment, surroundings: Surroundings) -> Iterable[str]:
    """Ask the hosts where a rollback would lead; a host that gives no answer is no reason not to ask the operator."""
    from namaskah_deploy import preview, progress  # noqa: PLC0415 - see above

    question = Request(kind=Kind.RELEASES, environment=request.environment, limit=request.limit, by=request.by)
    run_id = new_run_id()
    session = _session(environment, surroundings, progress.Silent(), None)
    report, _ = _run(question, _plan(question, environment, surroundings, run_id), run_id, session)
    return preview.lines(_told(report), request.tag)


def _display(request: Request, options: Options, run_id: str) -> Display:
    """Choose how the run is shown: JSON lines on request, a table at a terminal, lines anywhere else."""
    from namaskah_deploy import progress  # noqa: PLC0415 - see above

    if options.events:
        return progress.JsonLines(sys.stdout)
    if request.kind in _TABLES and not options.verbose:
        return progress.Silent()
    stream = _people(options)
    if stream.isatty() and not options.verbose:
        from namaskah_deploy.live import LiveTable  # noqa: PLC0415 - see above

        console = _console(stream, options)
        if not console.is_dumb_terminal:
            return LiveTable(console, f"{request.kind} {request.environment} - run {run_id}")
    return progress.Lines(stream, verbose=bool(options.verbose))


def _show(report: Report, folder: Path | None, options: Options, *, lease_only: bool) -> None:
    from namaskah_deploy import outcome, summary, tables  # noqa: PLC0415 - see above
    from namaskah_deploy.report import document  # noqa: PLC0415 - see above

    hosts = _told(report)
    reading = report.request.kind in _TABLES
    if options.json:
        whole = document(report)
        if reading:
            data = {host: state.get("lease") for host, state in hosts.items()} if lease_only else hosts
            whole = {"environment": report.request.environment, "exit_code": report.exit_code, "hosts": data}
        click.echo(json.dumps(whole, indent=2, ensure_ascii=False, default=str))
    elif options.events:
        click.echo(json.dumps({"event": "End", **document(report)}, ensure_ascii=False, default=str))
    elif reading and lease_only:
        tables.lease(hosts, _console(_people(options), options))
    elif reading:
        tables.show(report.request.kind, hosts, _console(_people(options), options))
    bad = report.exit_code != outcome.Code.DONE
    if bad or not reading:
        stream = sys.stderr if bad else _people(options)
        for line in summary.lines(report, folder):
            click.echo(line, file=stream)


def _told(report: Report) -> dict[str, Mapping[str, Any]]:
    """Return the last thing that each host told."""
    return {result.host: result.data for result in sorted(report.part.results, key=lambda result: result.host)}


def _people(options: Options) -> TextIO:
    """Return the stream for people: standard output is a program's where JSON was asked for."""
    return sys.stderr if options.json or options.events else sys.stdout


def _console(stream: TextIO, options: Options) -> "Console":
    from rich.console import Console  # noqa: PLC0415 - see above

    return Console(file=stream, no_color=options.no_color or None, highlight=False, soft_wrap=not stream.isatty())
