"""How does a request become an outcome? Launches the plan, keeps the record, brings the hosts back after a bad end."""

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from namaskah_deploy import launch, outcome, plan, readable, report
from namaskah_deploy.content import Content
from namaskah_deploy.environments import Environment
from namaskah_deploy.events import Event
from namaskah_deploy.interrupts import Interrupts, Stop
from namaskah_deploy.plan import LaunchPlan
from namaskah_deploy.progress import Display
from namaskah_deploy.record import Record
from namaskah_deploy.redact import Redactor, known_secrets
from namaskah_deploy.report import Fold, Part, Report
from namaskah_deploy.request import Request

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


def run(request: Request, launch_plan: LaunchPlan, run_id: str, session: Session) -> tuple[Report, Path | None]:
    """Carry out `launch_plan` and return the report with the folder of its record."""
    started = datetime.now(UTC)
    record = Record(session.state, run_id) if session.state else None
    part = _play(launch_plan, session, record, _SAID, stop_when_safe=True)
    recovery: Part | None = None
    hosts = plan.application_hosts(launch_plan, session.environment)
    if outcome.needs_recovery(request, part, hosts):
        session.display.say("Bringing every host to a final state ...")
        why, bad = outcome.blame(part)
        back = plan.recovery(launch_plan, session.environment, session.content, why=why, bad=bad)
        recovery = _play(back, session, record, _SAID_IN_RECOVERY, stop_when_safe=False)
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
    if record is not None:
        document = report.document(result)
        record.close(document, readable.markdown(document, outcome.MEANING[judged.code]))
    return result, record.folder if record else None


def _play(
    launch_plan: LaunchPlan, session: Session, record: Record | None, said: Mapping[Stop, str], *, stop_when_safe: bool
) -> Part:
    fold = Fold(launch_plan.expected)

    def listen(event: Event) -> None:
        fold.add(event)
        if record is not None:
            record.add(event)
        session.display.event(event, fold.phases)

    with Interrupts(lambda wish: session.display.say(said[wish])) as interrupts:
        end = launch.run(
            launch_plan,
            listen,
            redact=_redactor(session),
            wish=_wish(interrupts, stop_when_safe=stop_when_safe),
            tick=session.display.tick,
        )
    return fold.part(code=end.code, stopped=end.stopped, problems=end.problems)


def _redactor(session: Session) -> Redactor:
    return Redactor(known_secrets(session.environ))


def _wish(interrupts: Interrupts, *, stop_when_safe: bool) -> Callable[[], Stop]:
    """A recovery is not stopped by the first Ctrl-C: it is the safe state that the operator asked for."""
    return lambda: interrupts.stop if stop_when_safe or interrupts.stop is Stop.NOW else Stop.NO
