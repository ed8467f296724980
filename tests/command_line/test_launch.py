"""Real runs of small playbooks: how each kind of end arrives, and what a run leaves behind."""

from __future__ import annotations

import json
import os
import signal
import stat
import threading
import time
from collections.abc import Callable, Iterator
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
from tests.support.command_line.record import plan_of
from tests.support.command_line.small import LOST, world

LONG = 47.25
"""Seconds that a step takes which is going to be interrupted; the figure finds its process."""


@pytest.fixture(autouse=True)
def _memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "memory").mkdir()  # the runs of one test are counted apart from all others
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "memory"))


def _run(
    plan: LaunchPlan, *, wish: Callable[[], Stop] = lambda: Stop.NO, listen: Callable[[Event], None] | None = None
) -> tuple[End, Part]:
    fold = Fold(plan.expected)

    def both(event: Event) -> None:
        fold.add(event)
        if listen:
            listen(event)

    end = launch.run(plan, both, redact=lambda raw: raw, wish=wish, termination=Termination(grace=5, last_grace=2))
    return end, fold.part(code=end.code, stopped=end.stopped, problems=end.problems)


@pytest.mark.parametrize(
    ("playbook", "hosts", "code", "good"),
    [
        ("status", None, 0, True),
        ("rescued", None, 0, True),
        ("nobody", None, 0, False),
        ("spec", None, 2, False),
        ("verify", {"web1": {}, "web2": {"small_breaks": "verification"}}, 2, False),
        ("status", {"web1": {}, "web2": LOST}, 4, False),
        ("broken", None, 1, False),
    ],
)
def test_every_kind_of_end(tmp_path: Path, playbook: str, hosts: dict[str, Any] | None, code: int, good: bool) -> None:
    end, part = _run(plan_of(world(tmp_path, hosts), playbook))
    assert (end, part.good) == (End(code), good)
    assert list((tmp_path / "memory").iterdir()) == []


def test_values_arrive_as_they_were_typed_and_are_never_evaluated(tmp_path: Path) -> None:
    plan = plan_of(world(tmp_path, {"web1": {}}), "echo", reason='100 %: it\'s "é"', allow=("drift",))
    plan.variables["namaskah_reason"] = "{{ lookup('pipe', 'id') }}"  # type: ignore[index]  # past the allow-list
    end, _ = _run(plan)
    given = json.loads((tmp_path / "hosts" / "given.json").read_text(encoding="utf-8"))
    assert end.code == 0
    assert given == {"reason": "{{ lookup('pipe', 'id') }}", "allow": ["drift"], "ref": "new"}


def test_what_the_child_sees(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DB_PASSWORD", "sentinel-of-the-environment")
    monkeypatch.setenv("ANSIBLE_LIBRARY", "/nowhere")
    monkeypatch.setenv("LC_ALL", "C")
    made = world(tmp_path, {"web1": {}})
    end, _ = _run(plan_of(made, "surroundings", reason="sentinel-of-a-reason"))
    told = {name: (tmp_path / "hosts" / name).read_text() for name in ("environment", "arguments")}
    assert end.code == 0
    assert "sentinel" not in told["environment"] + told["arguments"]
    assert "ANSIBLE_LIBRARY" not in told["environment"]
    assert "ANSIBLE_HOST_KEY_CHECKING=True" in told["environment"]
    assert "LC_ALL=C.UTF-8" in told["environment"]


def test_files_of_a_run_are_private_while_it_runs(tmp_path: Path) -> None:
    modes: dict[str, int] = {}

    def look(_: Event) -> None:
        for path in (tmp_path / "memory").rglob("*"):
            name = "top" if path.name.startswith("namaskah-run-") else path.name
            if name in ("top", "env", "tmp", "extravars"):
                modes[name] = stat.S_IMODE(path.stat().st_mode)

    _run(plan_of(world(tmp_path, {"web1": {}}), "status"), listen=look)
    assert modes == {"top": 0o700, "env": 0o700, "tmp": 0o700, "extravars": 0o600}


def test_a_mistake_in_a_listener_never_reaches_the_play(tmp_path: Path) -> None:
    def clumsy(_: Event) -> None:
        raise KeyError("no such colour")

    end, part = _run(plan_of(world(tmp_path), "status"), listen=clumsy)
    assert (end.code, part.missing) == (0, ())
    assert end.problems == ("KeyError while showing or recording an event: 'no such colour'",)


def test_a_slow_listener_does_not_harm(tmp_path: Path) -> None:
    end, part = _run(plan_of(world(tmp_path), "verify"), listen=lambda _: time.sleep(0.3))
    assert end == End(0)
    assert part.good


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


def test_two_runs_do_not_know_each_other(tmp_path: Path) -> None:
    """A folder that is used again would give the second run the variables of the first."""
    made = world(tmp_path, {"web1": {}})
    _run(plan_of(made, "echo", reason="first", allow=("drift",)))
    plan = plan_of(made, "echo", reason="second", allow=("other",))
    _run(plan)
    given = json.loads((tmp_path / "hosts" / "given.json").read_text(encoding="utf-8"))
    assert (given["reason"], given["allow"]) == ("second", ["other"])


def test_signal_handlers_are_left_alone(tmp_path: Path) -> None:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    _run(plan_of(world(tmp_path), "nobody"))
    assert {number: signal.getsignal(number) for number in before} == before


def test_ansible_is_found_without_an_activated_environment(tmp_path: Path) -> None:
    plan = plan_of(world(tmp_path), "status")
    only_system = {**plan.environment, "PATH": f"{plan.environment['PATH'].partition(':')[0]}:/usr/bin:/bin"}
    end, _ = _run(LaunchPlan(**{**plan.__dict__, "environment": only_system}))
    assert end.code == 0


def test_a_missing_ansible_is_said(tmp_path: Path) -> None:
    plan = plan_of(world(tmp_path), "status")
    nothing = {**plan.environment, "PATH": os.fspath(tmp_path)}
    end, part = _run(LaunchPlan(**{**plan.__dict__, "environment": nothing}))
    assert end.code == 127
    assert not part.good
    assert any("ansible-playbook" in line for line in part.lines)
