"""Real runs of small playbooks: how each kind of end arrives, and what a run leaves behind."""

from __future__ import annotations

import errno
import json
import os
import signal
import stat
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from namaskah_deploy import launch
from namaskah_deploy.events import Event, HostStarted
from namaskah_deploy.interrupts import Stop
from namaskah_deploy.launch import End
from namaskah_deploy.plan import LaunchPlan
from namaskah_deploy.report import Fold, Part
from namaskah_deploy.termination import Termination
from tests.support.command_line.record import STREAMS, essence, keeping, plan_of
from tests.support.command_line.small import CANARIES, world
from tests.support.command_line.streams import CODES, raw

LONG = 47.25
"""Seconds that a step takes which is going to be interrupted; the figure finds its process."""


@pytest.fixture(autouse=True)
def _memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "memory").mkdir()  # the runs of one test are counted apart from all others
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "memory"))


def _run(
    plan: LaunchPlan,
    *,
    wish: Callable[[], Stop] = lambda: Stop.NO,
    listen: Callable[[Event], None] | None = None,
    redact: Callable[[Any], Any] = lambda raw: raw,
) -> tuple[End, Part]:
    fold = Fold(plan.expected)

    def both(event: Event) -> None:
        fold.add(event)
        if listen:
            listen(event)

    end = launch.run(plan, both, redact=redact, wish=wish, termination=Termination(grace=5, last_grace=2))
    return end, fold.part(code=end.code, stopped=end.stopped, problems=end.problems)


@pytest.mark.parametrize(
    ("name", "good"), [("rescued", True), ("no_hosts", False), ("bad_argument", False), ("broken", False)]
)
def test_every_kind_of_end(tmp_path: Path, name: str, good: bool) -> None:
    """Those of releases, and the streams of these, have test_commands.py."""
    playbook, arguments = STREAMS[name]
    lines: list[str] = []
    plan = plan_of(world(tmp_path, **arguments), playbook)
    end, part = _run(plan, redact=keeping(lines, str(tmp_path)))
    assert (end, part.good) == (End(CODES[name]), good)
    assert list((tmp_path / "memory").iterdir()) == []
    assert essence(map(json.loads, lines)) == essence(raw(name)), "record anew: tests/support/command_line/record.py"


@dataclass
class Echo:
    """What was seen of a run whose playbook writes down what it was given."""

    end: End
    given: dict[str, Any]
    modes: dict[str, int]
    arguments: list[str]
    environment: dict[str, str]


TYPED = '100 %: it\'s "é"'
TEMPLATE = "{{ lookup('pipe', 'id') }} sentinel-of-a-reason"
SIGNALS = (signal.SIGINT, signal.SIGTERM)


@pytest.fixture(scope="module")
def echoes(tmp_path_factory: pytest.TempPathFactory) -> tuple[Echo, Echo]:
    """Two runs one after the other, with other words; at the second the environment's programs are in no PATH."""
    folder = tmp_path_factory.mktemp("echoes")
    (folder / "memory").mkdir()
    made = world(folder, {"web1": {}})
    first = plan_of(made, "echo", CANARIES, allow=("drift",))
    first.variables["namaskah_reason"] = TEMPLATE  # type: ignore[index]  # past the allow-list
    second = plan_of(made, "echo", reason=TYPED, allow=("drift",))
    system = {**second.environment, "PATH": f"{second.environment['PATH'].partition(':')[0]}:/usr/bin:/bin"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", str(folder / "memory"))
        for name, canary in CANARIES.items():
            patch.setenv(name, canary)
        patch.setenv("ANSIBLE_LIBRARY", "/nowhere")
        patch.setenv("LC_ALL", "C")
        return _echo(first, folder), _echo(LaunchPlan(**{**second.__dict__, "environment": system}), folder)


def _echo(plan: LaunchPlan, folder: Path) -> Echo:
    found = Echo(End(None), {}, {}, [], {})

    def look(event: Event) -> None:
        for path in (folder / "memory").rglob("*"):
            name = "top" if path.name.startswith("namaskah-run-") else path.name
            if name in ("top", "env", "tmp", "extravars"):
                found.modes[name] = stat.S_IMODE(path.stat().st_mode)
        if isinstance(event, HostStarted):
            main = _main_of(os.getpid())
            found.arguments, found.environment = main.cmdline(), main.environ()

    handlers = [signal.getsignal(number) for number in SIGNALS]
    found.end, _ = _run(plan, listen=look)
    assert [signal.getsignal(number) for number in SIGNALS] == handlers, "signal handlers are left alone"
    found.given = json.loads((folder / "hosts" / "given.json").read_text(encoding="utf-8"))
    return found


def test_values_arrive_as_they_were_typed_and_are_never_evaluated(echoes: tuple[Echo, Echo]) -> None:
    first, second = echoes
    assert (first.end.code, first.end.problems) == (0, ())
    assert first.given == {"reason": TEMPLATE, "allow": ["drift"], "ref": "new"}
    assert second.given["reason"] == TYPED


def test_two_runs_do_not_know_each_other(echoes: tuple[Echo, Echo]) -> None:
    """A folder that is used again would give the second run the variables of the first."""
    assert echoes[1].given == {"reason": TYPED, "allow": ["drift"], "ref": "new"}


def test_what_the_child_sees(echoes: tuple[Echo, Echo]) -> None:
    seen = echoes[0]
    assert not [word for word in [*seen.environment.values(), *seen.arguments] if "Zqcanary" in word]
    assert "sentinel" not in " ".join([*seen.environment.values(), *seen.arguments])
    assert "ANSIBLE_LIBRARY" not in seen.environment
    assert seen.environment["ANSIBLE_HOST_KEY_CHECKING"] == "True"
    assert seen.environment["LC_ALL"] == "C.UTF-8"
    assert any("echo.yml" in word for word in seen.arguments)


def test_files_of_a_run_are_private_while_it_runs(echoes: tuple[Echo, Echo]) -> None:
    for seen in echoes:
        assert seen.modes == {"top": 0o700, "env": 0o700, "tmp": 0o700, "extravars": 0o600}


def test_ansible_is_found_without_an_activated_environment(echoes: tuple[Echo, Echo]) -> None:
    assert (echoes[1].end.code, echoes[1].end.problems) == (0, ())


def test_a_slow_listener_that_makes_mistakes_does_no_harm(tmp_path: Path) -> None:
    """Neither its time nor its mistakes ever reach the play."""

    def clumsy(_: Event) -> None:
        time.sleep(0.3)
        raise KeyError("no such colour")

    end, part = _run(plan_of(world(tmp_path), "verify"), listen=clumsy)
    assert end == End(0, problems=("KeyError while showing or recording an event: 'no such colour'",))
    assert part.good
    assert part.missing == ()


def _sleepers() -> list[int]:
    found = []
    for process in psutil.process_iter():
        try:
            if str(LONG) in process.cmdline():
                found.append(process.pid)
        except psutil.Error:
            continue
    return found


@pytest.fixture
def _nothing_left() -> Iterator[None]:
    assert _sleepers() == []
    yield
    deadline = time.monotonic() + 5
    while _sleepers() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert _sleepers() == []


class Wish:
    """What the operator wishes, from the moment on that the step of a phase works."""

    def __init__(self, stop: Stop, phase: str) -> None:
        self._stop = stop
        self._phase = phase
        self._on = threading.Event()

    def hear(self, event: Event) -> None:
        if isinstance(event, HostStarted) and (event.action, event.phase) == ("raw", self._phase):
            threading.Timer(0.3, self._on.set).start()

    def __call__(self) -> Stop:
        return self._stop if self._on.is_set() else Stop.NO


@pytest.mark.usefixtures("_nothing_left")
@pytest.mark.fault("controller interrupted", ends="cleaned up")
def test_a_run_that_is_stopped_at_once_leaves_no_process(tmp_path: Path) -> None:
    wish = Wish(Stop.NOW, "verification")
    plan = plan_of(world(tmp_path, small_slow="verification", small_seconds=LONG), "verify")
    began = time.monotonic()
    end, part = _run(plan, wish=wish, listen=wish.hear)
    assert end.stopped
    assert end.problems == ()
    assert time.monotonic() - began < LONG - 10
    assert not part.good
    assert list((tmp_path / "memory").iterdir()) == []


@pytest.mark.fault("controller interrupted", ends="cleaned up")
def test_a_run_that_is_stopped_when_safe_ends_its_step_first(tmp_path: Path) -> None:
    """The step after it takes its time as well: how late the end of a step is seen depends on the machine."""
    wish = Wish(Stop.WHEN_SAFE, "lock")
    plan = plan_of(world(tmp_path, small_slow="lock preparation", small_seconds=(seconds := 3)), "deploy")
    end, part = _run(plan, wish=wish, listen=wish.hear)
    assert end.stopped
    (slept,) = [phase for phase in part.phases if phase.name == "lock"]
    assert slept.seconds >= seconds
    assert not part.reached("activation")


@pytest.mark.usefixtures("_nothing_left")
def test_ansible_is_asked_before_it_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[int] = []
    send = psutil.Process.send_signal

    def noted(process: psutil.Process, number: int) -> None:
        sent.append(number)
        send(process, number)

    monkeypatch.setattr(psutil.Process, "send_signal", noted)
    wish = Wish(Stop.NOW, "verification")
    plan = plan_of(world(tmp_path, small_slow="verification", small_seconds=LONG), "verify")
    _run(plan, wish=wish, listen=wish.hear)
    assert sent[0] == signal.SIGINT
    assert signal.SIGTERM not in sent


@pytest.mark.parametrize("stop", [Stop.WHEN_SAFE, Stop.NOW])
@pytest.mark.fault("playbook process deaf", ends="cleaned up")
def test_a_play_that_does_not_hear_is_not_left_to_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stop: Stop
) -> None:
    """SIGINT is lost where Python can raise no exception, as while it forks; here it is never sent.

    Later steps take their time as well, as real ones do: a play that is over before anybody can look proves nothing.
    """
    send = psutil.Process.send_signal
    monkeypatch.setattr(
        psutil.Process, "send_signal", lambda process, number: number == signal.SIGINT or send(process, number)
    )
    wish = Wish(stop, "preparation")
    plan = plan_of(world(tmp_path, small_slow="preparation verification confirmation", small_seconds=2), "deploy")
    end, part = _run(plan, wish=wish, listen=wish.hear)
    assert end.stopped
    assert not part.completed
    assert not part.reached("finish")


@pytest.mark.usefixtures("_nothing_left")
def test_a_playbook_that_is_killed_leaves_no_worker_behind(tmp_path: Path) -> None:
    """As by the kernel where memory is short: nobody asked it to end, and its workers are in sessions of their own."""
    began = time.monotonic()
    killed: list[psutil.Process] = []

    def kill(event: Event) -> None:
        if isinstance(event, HostStarted) and (event.action, event.phase) == ("raw", "verification") and not killed:
            killed.append(_main_of(os.getpid()))
            threading.Timer(1, killed[0].kill).start()

    plan = plan_of(world(tmp_path, small_slow="verification", small_seconds=LONG), "verify")
    end, part = _run(plan, listen=kill)
    assert time.monotonic() - began < LONG - 10
    assert not end.stopped
    assert not part.good
    assert any("was killed" in problem for problem in end.problems), end
    assert list((tmp_path / "memory").iterdir()) == []


def _main_of(pid: int) -> psutil.Process:
    """Return the ansible-playbook below a process, not one of its workers."""
    (main,) = [
        child for child in psutil.Process(pid).children() if any("ansible-playbook" in word for word in child.cmdline())
    ]
    return main


def test_a_missing_ansible_is_said(tmp_path: Path) -> None:
    plan = plan_of(world(tmp_path), "status")
    nothing = {**plan.environment, "PATH": os.fspath(tmp_path)}
    end, part = _run(LaunchPlan(**{**plan.__dict__, "environment": nothing}))
    assert end.code == 127
    assert not part.good
    assert any("ansible-playbook" in line for line in part.lines)


def test_no_room_for_the_files_of_a_run_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(**_: Any) -> str:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/memory/namaskah-run-1-x")

    monkeypatch.setattr(tempfile, "mkdtemp", full)
    end, part = _run(plan_of(world(tmp_path), "status"))
    assert (end.code, part.good) == (None, False)
    assert "No space left on device; make room there" in end.problems[0]
    assert "/memory/" in end.problems[0]
