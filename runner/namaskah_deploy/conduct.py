"""How does a request become an outcome? Launches the plan, keeps the record, brings the hosts back after a bad end."""

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from namaskah_deploy import launch, outcome, plan, readable, report
from namaskah_deploy.content import Content
from namaskah_deploy.environments import Environment
from namaskah_deploy.errors import Refused
from namaskah_deploy.events import Event
from namaskah_deploy.interrupts import Interrupts, Stop
from namaskah_deploy.plan import LaunchPlan
from namaskah_deploy.progress import Display, Unfailing
from namaskah_deploy.questions import NOBODY, Questions
from namaskah_deploy.record import Record
from namaskah_deploy.redact import Redactor, known_secrets
from namaskah_deploy.report import Fold, Part, Report
from namaskah_deploy.request import SWITCHING, Request

_SAID: Mapping[Stop, str] = {
    Stop.WHEN_SAFE: "Stopping as soon as the running step is over. Ctrl-C again stops at once and returns.",
    Stop.NOW: "Stopping now.",
}
_SAID_IN_RECOVERY: Mapping[Stop, str] = {
    Stop.WHEN_SAFE: "The hosts are being brought back; this is waited for. Ctrl-C again leaves it to the hosts.",
    Stop.NOW: "Leaving. Each host returns by itself when its time is over; see `namaskah-deploy status`.",
}


@dataclass(frozen=True, kw_only=True)
class Session:
    """What a run works with besides its plan: where content is, where state goes, what the run is shown by."""

    environment: Environment
    content: Content
    display: Display
    environ: Mapping[str, str]
    state: Path | None
    """Folder for the record; None keeps none."""
    terminal: TextIO | None = None
    """Where a question of the run is answered; None where nobody can be asked."""


def run(request: Request, launch_plan: LaunchPlan, run_id: str, session: Session) -> tuple[Report, Path | None]:
    """Carry out `launch_plan` and return the report with the folder of its record.

    Raises Refused when no record can be begun; nothing was started then.
    """
    started = datetime.now(UTC)
    session = replace(session, display=Unfailing(session.display))
    try:
        return _conducted(request, launch_plan, run_id, session, started)
    finally:  # whatever happens, the terminal gets its cursor back
        session.display.close()


def _conducted(
    request: Request, launch_plan: LaunchPlan, run_id: str, session: Session, started: datetime
) -> tuple[Report, Path | None]:
    record = _begin_record(session, request, launch_plan, run_id) if session.state else None
    hosts = plan.application_hosts(launch_plan, session.environment)
    recovery: Part | None = None
    launch_plan = _asking(request, launch_plan, session, record)
    with Interrupts() as interrupts:
        part = _play(launch_plan, session, record, interrupts, said=_SAID)
        if outcome.needs_recovery(request, part, hosts):
            session.display.say("Bringing every host to a final state ...")
            why, bad = outcome.blame(part)
            back = plan.recovery(launch_plan, session.environment, session.content, why=why, bad=bad)
            recovery = _play(back, session, record, interrupts, said=_SAID_IN_RECOVERY)
        judged = outcome.judge(request, part, recovery, hosts)
        session.display.close()
        result = Report(
            run=run_id,
            request=request,
            words=_redactor(session)(dataclasses.asdict(request)),
            started=started,
            ended=datetime.now(UTC),
            part=part,
            recovery=recovery,
            exit_code=judged.code,
            headline=judged.headline,
            advice=judged.advice,
            facts=report.facts(part),
        )
        return (_end_record(record, result), record.folder) if record else (result, None)


def _asking(request: Request, launch_plan: LaunchPlan, session: Session, record: Record | None) -> LaunchPlan:
    """Tell a run that switches where its questions are answered: in the folder of its record, or by nobody."""
    if request.kind not in SWITCHING:
        return launch_plan
    place = str(record.folder) if record and session.terminal else NOBODY
    return replace(launch_plan, variables={**launch_plan.variables, "namaskah_questions": place})


def _begin_record(session: Session, request: Request, launch_plan: LaunchPlan, run_id: str) -> Record:
    state = session.state or Path()
    told = {name: value for name, value in dataclasses.asdict(request).items() if value and name != "resumes"}
    plan_told = {**told, "hosts": launch_plan.expected, "limit": launch_plan.limit}
    try:
        return Record(state, run_id, _redactor(session)(plan_told), again=request.resumes is not None)
    except OSError as error:
        raise Refused(
            "the record of the run cannot be begun",
            f"{error.filename or state}: {error.strerror}",
            next_step="make room or rights there, or name another folder by XDG_STATE_HOME",
        ) from error


def _end_record(record: Record, result: Report) -> Report:
    """Write the report; what happened to the hosts is told even where this fails."""
    document = report.document(result)
    try:
        record.close(document, readable.markdown(document, outcome.MEANING[outcome.Code(result.exit_code)]))
    except OSError as error:
        problem = f"the record in {record.folder} is not complete: {error.strerror}"
        return replace(result, part=replace(result.part, problems=(*result.part.problems, problem)))
    return result


def _play(
    launch_plan: LaunchPlan,
    session: Session,
    record: Record | None,
    interrupts: Interrupts,
    *,
    said: Mapping[Stop, str],
) -> Part:
    fold = Fold(launch_plan.expected)

    def listen(event: Event) -> None:
        fold.add(event)
        session.display.event(event, fold.phases)
        if record is not None:
            record.add(event)

    questions = Questions(record.folder, session.terminal, session.display.say) if record and session.terminal else None

    def tick() -> None:
        session.display.tick()
        if questions is not None:
            questions.tick()

    interrupts.begin(lambda wish: session.display.say(said[wish]))
    end = launch.run(
        launch_plan,
        listen,
        redact=_redactor(session),
        wish=_wish(interrupts, stop_when_safe=said is _SAID),
        tick=tick,
    )
    return fold.part(code=end.code, stopped=end.stopped, problems=end.problems)


def _redactor(session: Session) -> Redactor:
    environment = session.environment
    secrets = known_secrets(session.environ, environment.passes, environment.public)
    return Redactor(secrets - environment.plain, environment.names)


def _wish(interrupts: Interrupts, *, stop_when_safe: bool) -> Callable[[], Stop]:
    """A recovery is not stopped by the first Ctrl-C: it is the safe state that the operator asked for."""

    def wish() -> Stop:
        stop = interrupts.wish()
        return stop if stop_when_safe or stop is Stop.NOW else Stop.NO

    return wish
