"""The command that is interrupted: real signals, real terminals, real workers that must not outlive it."""

from __future__ import annotations

import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from namaskah_deploy.outcome import Code
from tests.support.command_line.small import OLD, World, world
from tests.support.project import ROOT
from tests.support.terminal import HIDDEN, SECONDS, Terminal


def _start(made: World, **streams: Any) -> subprocess.Popen[str]:
    """Start a release."""
    command = made.command("production", "--yes")
    return subprocess.Popen(command, cwd=ROOT, env=made.environ(), text=True, **streams)


def _at_terminal(made: World) -> Terminal:
    """Start a release at a terminal."""
    return Terminal(made.command("production", "--yes"), folder=ROOT, environ=made.environ())


def _wait_for(text: str, process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    seen = ""
    for line in process.stdout:
        seen += line
        if text in line:
            return seen
    raise AssertionError(f"{text!r} was never said:\n{seen}")


def _descendants(process: subprocess.Popen[str]) -> list[psutil.Process]:
    return psutil.Process(process.pid).children(recursive=True)


@pytest.mark.parametrize(
    ("phase", "signals", "code", "said"),
    [
        ("verification", (signal.SIGINT, signal.SIGINT), Code.INTERRUPTED, "interrupted, and returned"),
        ("verification", (signal.SIGTERM,), Code.INTERRUPTED, "interrupted, and returned"),
        ("preparation", (signal.SIGTERM,), Code.INTERRUPTED, "nothing was switched"),
    ],
)
def test_an_interrupted_release_brings_the_hosts_back(
    tmp_path: Path, phase: str, signals: tuple[signal.Signals, ...], code: Code, said: str
) -> None:
    made = world(tmp_path, small_slow=phase, small_seconds=47.5)
    process = _start(made, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    _wait_for(f"{phase} ...", process)
    time.sleep(0.5)
    tree = _descendants(process)
    for number in signals:
        process.send_signal(number)
        time.sleep(0.3)
    output, _ = process.communicate(timeout=SECONDS)
    assert process.returncode == code, output
    assert said in output
    assert made.serving() == OLD
    assert [one for one in tree if one.is_running() and one.status() != psutil.STATUS_ZOMBIE] == []


def test_the_first_interrupt_lets_the_step_end(tmp_path: Path) -> None:
    made = world(tmp_path, small_slow="preparation", small_seconds=3)
    process = _start(made, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    _wait_for("preparation ...", process)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=SECONDS)
    assert process.returncode == Code.INTERRUPTED, output
    assert "Stopping as soon as the running step is over" in output
    assert "preparation done" in output
    assert made.serving() == OLD


def test_a_closed_pipe_keeps_no_host_from_coming_back(tmp_path: Path) -> None:
    made = world(tmp_path, small_breaks="confirmation")
    process = _start(made, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(timeout=SECONDS) == Code.RETURNED
    assert made.serving() == OLD
    assert made.record()["exit_code"] == Code.RETURNED


@pytest.mark.fault("controller hung up", ends="returned")
def test_a_closed_terminal_stops_the_run_and_brings_the_hosts_back(tmp_path: Path) -> None:
    made = world(tmp_path, small_slow="verification", small_seconds=47.5)
    at = _at_terminal(made)
    deadline = time.monotonic() + SECONDS
    while made.serving() == OLD and time.monotonic() < deadline:
        at.read()
    assert made.serving() != OLD
    at.close()
    assert at.process.wait(timeout=SECONDS) == Code.INTERRUPTED
    assert made.serving() == OLD


@pytest.mark.parametrize(
    ("keys", "slow", "said"),
    [
        pytest.param(1, "preparation", "Stopping as soon as the running step is over", id="once: when it is safe"),
        pytest.param(2, "verification", "Stopping now", id="twice: at once"),
    ],
)
@pytest.mark.fault("controller interrupted", ends="returned", where="Ctrl-C at the terminal")
def test_ctrl_c_is_answered_and_leaves_the_terminal_as_it_was(tmp_path: Path, keys: int, slow: str, said: str) -> None:
    made = world(tmp_path, small_slow=slow, small_seconds=3 if keys == 1 else 47.5)
    at = _at_terminal(made)
    at.wait_for(HIDDEN, slow)
    time.sleep(1)
    tree = _descendants(at.process)
    for _ in range(keys):
        at.type("\x03")
        at.wait_for("Stopping")
    at.wait_for(said)
    assert at.end() == Code.INTERRUPTED, at.seen[-3000:]
    assert made.serving() == OLD
    assert [one for one in tree if one.is_running() and one.status() != psutil.STATUS_ZOMBIE] == []


def test_a_playbook_that_is_killed_has_its_hosts_brought_back(tmp_path: Path) -> None:
    """Only ansible-playbook dies, as where memory is short: the command line brings back and leaves no worker."""
    made = world(tmp_path, small_slow="verification", small_seconds=47.5)
    process = _start(made, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    _wait_for("verification ...", process)
    time.sleep(1)
    tree = _descendants(process)
    psutil.Process(process.pid).children()[0].kill()
    output, _ = process.communicate(timeout=SECONDS)
    assert process.returncode == Code.RETURNED, output
    assert "ansible-playbook was killed" in output
    assert made.serving() == OLD
    assert [one for one in tree if one.is_running() and one.status() != psutil.STATUS_ZOMBIE] == []
