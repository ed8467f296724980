"""How is a plan run? Starts ansible-playbook through ansible-runner and hands on what happens, as typed events.

The only importer of ansible_runner. Its habits that are worked round here, all tried with 2.4.3: it keeps variables of
an earlier run in a folder that is used again, writes the environment to disk, switches host-key checking off, takes
the signal handlers and never gives them back, kills instead of ending, and fails when an event handler is slow.
"""

import contextlib
import json
import os
import queue
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil

from namaskah_deploy import events, workspace
from namaskah_deploy.events import Event, Other, TaskStarted
from namaskah_deploy.interrupts import Stop
from namaskah_deploy.plan import LaunchPlan, extra_variables
from namaskah_deploy.termination import Termination

_POLL = 0.2
_UNHEARD = timedelta(seconds=1)
_RUNNER_OWN = frozenset(
    {"ANSIBLE_STDOUT_CALLBACK", "ANSIBLE_RETRY_FILES_ENABLED", "AWX_ISOLATED_DATA_DIR", "RUNNER_OMIT_EVENTS"}
    | {"RUNNER_ONLY_FAILED_EVENTS"},
)
_OWN_FOLDER = "ANSIBLE_LOCAL_TEMP"
Listener = Callable[[Event], None]


@dataclass(frozen=True)
class End:
    """How a run ended.

    `code` is ansible-playbook's exit code (None = it could not be run or was killed), `stopped` whether it was ended
    on request, `problems` what went wrong around it: a listener's mistake, a process that could not be ended.
    """

    code: int | None
    stopped: bool = False
    problems: tuple[str, ...] = ()


@dataclass
class _Child:
    """What the thread that runs ansible-runner tells the main thread."""

    raw: "queue.SimpleQueue[dict[str, Any] | None]" = field(default_factory=queue.SimpleQueue)
    code: int | None = None
    problem: str = ""


def run(
    plan: LaunchPlan,
    listen: Listener,
    *,
    redact: Callable[[Any], Any],
    wish: Callable[[], Stop] = lambda: Stop.NO,
    tick: Callable[[], None] = lambda: None,
    termination: Termination | None = None,
) -> End:
    """Run `plan`, calling `listen` with each event in the calling thread, and return how it ended.

    `redact` takes the secrets out of every raw event, `wish` says whether to stop, `tick` is called a few times a
    second. A mistake in `listen` never reaches the play: it is noted in the result.
    """
    termination = termination or Termination()
    with contextlib.ExitStack() as stack:
        try:
            folder = stack.enter_context(workspace.private_folder(os.environ))
        except OSError as error:
            why = f"the files of a run cannot be kept in {error.filename or 'any folder'}: {error.strerror}"
            return End(code=None, problems=(f"{why}; make room there, or name another folder by TMPDIR",))
        child = _Child()
        others = _children()
        thread = threading.Thread(target=_work, args=(plan, folder, child), name="ansible-runner", daemon=True)
        thread.start()
        problems = _follow(child, listen, redact=redact, wish=wish, tick=tick, termination=termination, others=others)
        thread.join()
        termination.kill_rest()
        if child.code is None and not child.problem and not termination.began:
            child.problem = "ansible-playbook was killed, by somebody or by the system where memory was short"
            termination.kill_orphans(_OWN_FOLDER, str(_temporary(folder)))
    if child.problem and not termination.began:
        problems.append(child.problem)
    problems += [f"process {pid} could not be ended" for pid in termination.left()]
    return End(code=child.code, stopped=termination.began, problems=tuple(dict.fromkeys(problems)))


def _follow(
    child: _Child,
    listen: Listener,
    *,
    redact: Callable[[Any], Any],
    wish: Callable[[], Stop],
    tick: Callable[[], None],
    termination: Termination,
    others: set[int],
) -> list[str]:
    """Hand on events until the run is over, and end it where that is wished and safe."""
    problems: list[str] = []
    root: psutil.Process | None = None
    asked: datetime | None = None
    while True:
        with contextlib.suppress(queue.Empty):
            raw = child.raw.get(timeout=_POLL)
            if raw is None:
                return problems
            event, wrong = _parsed(redact, raw)
            problems += [*wrong, *_told(listen, event)]
            if isinstance(event, TaskStarted):
                if asked is not None and event.at - asked > _UNHEARD:
                    termination.unheard()
                if wish() is Stop.WHEN_SAFE and event.safe:
                    termination.poll(root := root or _main_process(others))
        problems += _told(lambda _: tick(), None)
        if wish() is Stop.NOW or termination.began:
            termination.poll(root := root or _main_process(others))
        if termination.began and asked is None:
            asked = datetime.now(UTC)


def _parsed(redact: Callable[[Any], Any], raw: dict[str, Any]) -> tuple[Event, list[str]]:
    """Return the event of `raw`, and what is wrong with it: a host's answer that cannot be read is left out of it.

    How the task ended is Ansible's own word, so that a host that lies cannot hide it.
    """
    try:
        return events.parse(redact(raw)), []
    except Exception as error:  # noqa: BLE001 - whatever a host answers must not abort a release
        wrong = f"{type(error).__name__} while reading an event"
    data = raw.get("event_data")
    if isinstance(data, dict):
        with contextlib.suppress(Exception):
            host = redact(str(data.get("host", "")))
            wrong = f"{wrong}: what {host or 'Ansible'} answered cannot be read"
            return events.parse(redact({**raw, "event_data": {**data, "res": {"msg": wrong}}})), [wrong]
    return Other(at=datetime.now(UTC), name=str(raw.get("event", ""))[:100]), [wrong]


def _told(listen: Callable[[Any], None], event: Event | None) -> list[str]:
    try:
        listen(event)
    except Exception as error:  # noqa: BLE001 - a mistake in a progress line must not abort a release
        return [f"{type(error).__name__} while showing or recording an event: {error}"]
    return []


def _work(plan: LaunchPlan, folder: Path, child: _Child) -> None:
    """Run ansible-runner in a thread of its own; the handler only enqueues."""
    try:
        child.code = _runner(plan, folder, child.raw.put).run()[1]
    except Exception as error:  # noqa: BLE001 - whatever the library raises becomes a fact of the result
        child.problem = f"ansible-runner: {type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
    finally:
        child.raw.put(None)


def _runner(plan: LaunchPlan, folder: Path, put: Callable[[dict[str, Any]], None]) -> Any:
    from ansible_runner import Runner, RunnerConfig  # noqa: PLC0415 - 0.2 s that `-h` need not pay

    own = folder / "env"
    own.mkdir(mode=0o700)
    _temporary(folder).mkdir(mode=0o700)
    _write(own / "extravars", extra_variables(plan))
    _write(own / "settings", json.dumps({"pexpect_timeout": _POLL, "suppress_ansible_output": True}))
    config = RunnerConfig(
        str(folder),
        playbook=str(plan.playbook),
        inventory=str(plan.inventory),
        limit=",".join(plan.limit) or None,
        ident="run",
        fact_cache_type="",
    )
    config.prepare()
    config.cwd = str(plan.folder)
    config.env = _environment(config.env, plan.environment, folder)

    def handle(event: dict[str, Any]) -> bool:
        put(event)
        return False  # keep no copy on disk

    return Runner(config, event_handler=handle, cancel_callback=lambda: False)


def _environment(prepared: Mapping[str, str], wanted: Mapping[str, str], folder: Path) -> dict[str, str]:
    """Return the child's environment: the plan's, and what ansible-runner itself needs to be told of events."""
    own = {name: prepared[name] for name in _RUNNER_OWN if name in prepared}
    events_folder = prepared["ANSIBLE_CALLBACK_PLUGINS"].rpartition(":")[2]
    own["ANSIBLE_CALLBACK_PLUGINS"] = ":".join(filter(None, [events_folder, wanted.get("ANSIBLE_CALLBACK_PLUGINS")]))
    own[_OWN_FOLDER] = str(_temporary(folder))
    return {**wanted, **own}


def _temporary(folder: Path) -> Path:
    """Return where modules and their arguments are packed: no other run is told of this folder."""
    return folder / "tmp"


def _write(path: Path, text: str) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)


def _children() -> set[int]:
    return {process.pid for process in psutil.Process().children()}


def _main_process(others: set[int]) -> psutil.Process | None:
    """Return the ansible-playbook that this run started: the one child that was not there before."""
    for process in psutil.Process().children():
        if process.pid not in others:
            return process
    return None
