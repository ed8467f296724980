"""The command from words to exit code, on the small world: real playbooks, real signals, a real terminal."""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil
import pytest

from namaskah_deploy import cli
from namaskah_deploy.outcome import Code
from tests.unit.small import LOST, World, declare, world

PROGRAM = """
import fcntl, json, os, sys, termios
from pathlib import Path
from namaskah_deploy import cli
from tests.unit.small import World
if os.isatty(0) and os.getsid(0) == os.getpid():
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)  # the terminal of this session, whose keys are signals
made = World(Path(sys.argv[1]))
cli.main([*sys.argv[2:], "--inventory", str(made.inventory)], made.surroundings(terminal=sys.stdin.isatty()))
"""
SECONDS = 60


def _run(made: World, *words: str, terminal: bool = False, **environ: str) -> int:
    return cli.run([*words, "--inventory", str(made.inventory)], made.surroundings(terminal=terminal, **environ))


def _start(
    made: World, *words: str, variables: Mapping[str, str] | None = None, **streams: Any
) -> subprocess.Popen[str]:
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": f"{root}:{root / 'runner'}", "TERM": "xterm", **(variables or {})}
    command = [sys.executable, "-c", PROGRAM, str(made.root), *words]
    return subprocess.Popen(command, cwd=root, env=environment, text=True, **streams)


OLD, NEW, SPLIT = ({"web1": one, "web2": two} for one, two in (("old", "old"), ("new", "new"), ("old", "new")))


@pytest.mark.parametrize(
    ("second", "breaks", "code", "serving"),
    [
        ({}, "", Code.DONE, NEW),
        ({}, "preparation", Code.FAILED, OLD),
        (LOST, "", Code.UNREACHABLE, OLD),
        ({"small_unhealthy": True}, "", Code.RETURNED, OLD),
        ({"small_breaks": "verification"}, "", Code.RETURNED, OLD),
        ({}, "confirmation", Code.RETURNED, OLD),
        ({"small_stuck": True}, "confirmation", Code.NOT_RETURNED, SPLIT),
        ({}, "finish", Code.UNFINISHED, NEW),
    ],
)
def test_every_end_of_a_release(  # noqa: PLR0917 - the columns of the table above
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    second: dict[str, Any],
    breaks: str,
    code: Code,
    serving: dict[str, str],
) -> None:
    made = world(tmp_path, {"web1": {}, "web2": second}, small_breaks=breaks)
    assert _run(made, "production", "--yes") == code
    assert made.serving() == serving
    assert made.record()["exit_code"] == code
    said = capsys.readouterr()
    assert "Traceback" not in said.out + said.err
    assert "report.md" in (said.err if code else said.out)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("deploy", "production"), "add --yes"),
        (("rollback", "production"), "add --yes"),
        (("recover", "production"), "add --yes"),
        (("abort", "production"), "add --yes"),
        (("prodution", "--yes"), "did you mean 'production'?"),
        (("rollbak", "--tag", "v1"), "did you mean 'rollback'?"),
        (("deploy", "producion", "--yes"), "did you mean 'production'?"),
        (("production", "--yes", "--ref", "{{x}}"), "is not allowed"),
        (("rollback", "production", "--yes", "--tag", "v1;id"), "is not allowed"),
        (("rollback", "--yes"), "ENV is missing"),
        (("production", "--yes", "--limit", "web9"), "means no host"),
        (("production", "--yes", "--limit", "-x"), "is not allowed"),
        (("production", "--yes", "--reason", "{{x}}"), "is not allowed"),
        (("production", "--yes", "--allow", "A B"), "is not allowed"),
        (("production", "--nonsense"), "No such option"),
        (("deploy",), "Missing argument"),
        (("init",), "neither a command nor a declared environment"),
        (("backups", "prune", "production"), "add --yes"),
        (("backups", "prume", "production"), "did you mean 'prune'?"),
        (("backups", "producion"), "did you mean 'production'?"),
        (("backups", "show", "production"), "Missing argument"),
        (("backups", "show", "production", "../x"), "is not allowed"),
        (("backups", "keep", "production", "{{x}}"), "is not allowed"),
    ],
)
def test_a_command_that_is_refused_starts_nothing(
    tmp_path: Path, words: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    made = world(tmp_path)
    assert _run(made, *words) == Code.REFUSED
    assert said in capsys.readouterr().err
    assert not made.state.exists()
    assert made.serving() == OLD


def test_a_refusal_is_a_document_where_one_was_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(world(tmp_path), "prodution", "--yes", "--json") == Code.REFUSED
    found = json.loads(capsys.readouterr().out)
    assert found["exit_code"] == Code.REFUSED
    assert found["advice"] == ["did you mean 'production'?"]


def test_standard_output_is_one_document_on_request(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(world(tmp_path), "production", "--yes", "--json", "--reason", "due") == 0
    said = capsys.readouterr()
    found = json.loads(said.out)
    assert (found["exit_code"], found["by"], found["reason"]) == (0, "ada@laptop", "due")
    assert "activation ..." in said.err


def test_standard_output_is_lines_of_json_on_request(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(world(tmp_path), "production", "--yes", "--events") == 0
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert found[-1]["event"] == "End"
    assert {"TaskStarted", "HostResult", "Ended"} <= {event["event"] for event in found}


@pytest.mark.parametrize("words", [("status",), ("releases",), ("lock", "status")])
def test_reading_needs_no_yes_and_leaves_no_record(
    tmp_path: Path, words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    made = world(tmp_path)
    assert _run(made, *words, "production") == 0
    assert "web1" in capsys.readouterr().out
    assert _run(made, *words, "production", "--json") == 0
    assert set(json.loads(capsys.readouterr().out)["hosts"]) == {"web1", "web2"}
    assert not made.state.exists()


def test_a_lost_host_does_not_hide_the_others(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = world(tmp_path, {"web1": {}, "web2": LOST})
    assert _run(made, "status", "production") == Code.UNREACHABLE
    said = capsys.readouterr()
    assert "web1" in said.out
    assert "web2 cannot be reached" in said.err


def test_checks_that_fail(tmp_path: Path) -> None:
    assert _run(world(tmp_path, small_breaks="verification"), "verify", "production") == Code.CHECKS_FAILED


def test_recover_by_hand(tmp_path: Path) -> None:
    made = world(tmp_path)
    (tmp_path / "hosts/web1/state.json").write_text(json.dumps({"serving": "new", "old": "old"}))
    assert _run(made, "recover", "production", "--yes") == Code.DONE
    assert made.serving() == OLD
    assert _run(made, "abort", "production", "--yes") == Code.DONE


def test_only_the_hosts_of_limit_are_touched(tmp_path: Path) -> None:
    made = world(tmp_path)
    assert _run(made, "production", "--yes", "--limit", "web2") == 0
    assert made.serving() == SPLIT


def test_the_printed_command_does_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = world(tmp_path)
    assert _run(made, "production", "--print-command", "--ref", "other", "--reason", "it's due") == 0
    line = capsys.readouterr().out
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {"PATH": path, "HOME": os.environ["HOME"], "LC_ALL": "C.UTF-8"}
    done = subprocess.run(["/bin/sh", "-c", line], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert made.serving() == {"web1": "other", "web2": "other"}


def test_the_environment_without_a_name_is_the_marked_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = world(tmp_path, namaskah_default=True)
    declare(made, "staging", {})
    assert _run(made, "rollback", "--yes", "--tag", "older") == 0
    assert "environment: production (marked as the default)" in capsys.readouterr().err
    assert made.serving() == {"web1": "older", "web2": "older"}


def test_help_lists_commands_and_environments(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made = world(tmp_path)
    declare(made, "staging", {})
    monkeypatch.chdir(tmp_path)
    assert cli.run(["-h"], made.surroundings()) == 0
    text = capsys.readouterr().out
    assert "production, staging" in text
    assert text.index("deploy") < text.index("rollback") < text.index("provision")


def test_what_the_controller_holds_secret_is_in_nothing_that_is_left(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    planted = "sentinel-4711-of-the-controller"
    monkeypatch.setenv("DB_PASSWORD", planted)
    made = world(tmp_path, {"web1": {}, "web2": {"small_unhealthy": True}}, small_breaks=f"{planted} broke")
    assert (
        _run(made, "production", "--yes", "--ref", planted, "--reason", planted, "-v", "--json", DB_PASSWORD=planted)
        == Code.RETURNED
    )
    said = capsys.readouterr()
    kept = "".join(path.read_text() for path in made.state.rglob("*") if path.is_file())
    assert planted not in said.out + said.err + kept


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
    process = _start(made, "production", "--yes", stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
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
    process = _start(made, "production", "--yes", stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    _wait_for("preparation ...", process)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=SECONDS)
    assert process.returncode == Code.INTERRUPTED, output
    assert "Stopping as soon as the running step is over" in output
    assert "preparation done" in output
    assert made.serving() == OLD


def test_a_closed_pipe_keeps_no_host_from_coming_back(tmp_path: Path) -> None:
    made = world(tmp_path, small_breaks="confirmation")
    process = _start(made, "production", "--yes", stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(timeout=SECONDS) == Code.RETURNED
    assert made.serving() == OLD
    assert made.record()["exit_code"] == Code.RETURNED


@pytest.mark.fault("controller hung up", ends="returned")
def test_a_closed_terminal_stops_the_run_and_brings_the_hosts_back(tmp_path: Path) -> None:
    made = world(tmp_path, small_slow="verification", small_seconds=47.5)
    ours, theirs = pty.openpty()
    process = _start(made, "production", "--yes", stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True)
    os.close(theirs)
    deadline = time.monotonic() + SECONDS
    while made.serving() == OLD and time.monotonic() < deadline:
        if select.select([ours], [], [], 0.05)[0]:
            os.read(ours, 65536)
    assert made.serving() != OLD
    os.close(ours)
    process.send_signal(signal.SIGHUP)
    assert process.wait(timeout=SECONDS) == Code.INTERRUPTED
    assert made.serving() == OLD


def test_without_room_for_the_record_nothing_starts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = world(tmp_path)
    made.state.write_text("a file where a folder should be")
    assert _run(made, "production", "--yes") == Code.REFUSED
    assert "XDG_STATE_HOME" in capsys.readouterr().err
    assert made.serving() == OLD


def _at_terminal(made: World, *words: str, answer: str = "") -> tuple[int, str]:
    """Run the command at a pseudo-terminal and answer its question."""
    ours, theirs = pty.openpty()
    process = _start(made, *words, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    seen, deadline, answered = b"", time.monotonic() + SECONDS, False
    while time.monotonic() < deadline:
        if select.select([ours], [], [], 0.2)[0]:
            try:
                seen += os.read(ours, 65536)
            except OSError:  # the terminal's last user is gone
                break
        if b"[y/N]" in seen and not answered:
            os.write(ours, f"{answer}\n".encode())
            answered = True
    os.close(ours)
    return process.wait(timeout=SECONDS), seen.decode(errors="replace")


def test_at_a_terminal_a_release_is_confirmed_and_drawn(tmp_path: Path) -> None:
    made = world(tmp_path)
    code, text = _at_terminal(made, "production", "--ref", "v2", answer="y")
    assert code == 0, text
    assert "Release v2 to production (web1, web2)? [y/N]" in text
    assert "\x1b[" in text
    assert "activation" in text
    assert made.serving() == {"web1": "v2", "web2": "v2"}


LONGEST = 4095  # bytes of a path
HIDDEN, SHOWN = "\x1b[?25l", "\x1b[?25h"


class Terminal:
    """The command with a pseudo-terminal of its own, at which a person types."""

    def __init__(self, made: World, *words: str, **variables: str) -> None:
        self.ours, theirs = pty.openpty()
        # With echo on, as a shell leaves it: what the command changes has to be put back.
        self.before = termios.tcgetattr(theirs)
        self.theirs = theirs
        self.seen = ""
        self.process = _start(
            made, *words, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True, variables=variables
        )

    def read(self) -> str:
        if select.select([self.ours], [], [], 0.2)[0]:
            self.seen += os.read(self.ours, 65536).decode(errors="replace")
        return self.seen

    def wait_for(self, *texts: str) -> None:
        end = time.monotonic() + SECONDS
        while not all(text in self.read() for text in texts):
            assert time.monotonic() < end, self.seen[-3000:]
            assert self.process.poll() is None, self.seen[-3000:]

    def type(self, key: str) -> None:
        os.write(self.ours, key.encode())

    def end(self) -> int:
        """Wait for the end; assert that the terminal is as it was, with its cursor."""
        end = time.monotonic() + SECONDS
        while self.process.poll() is None:
            assert time.monotonic() < end, self.seen[-3000:]
            self.read()
        self.read()
        assert termios.tcgetattr(self.theirs) == self.before
        assert self.seen.rfind(SHOWN) > self.seen.rfind(HIDDEN), self.seen[-2000:]
        os.close(self.theirs)
        os.close(self.ours)
        return self.process.returncode


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
    at = Terminal(made, "production", "--yes")
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


def test_a_command_that_fails_by_a_mistake_gives_the_cursor_back(tmp_path: Path) -> None:
    """Here the folder of the run cannot be made: its name would be too long."""
    made = world(tmp_path)
    folder = tmp_path
    while len(str(folder)) < LONGEST - 230:
        folder /= "x" * 200
    folder /= "x" * (LONGEST - 10 - len(str(folder)))
    folder.mkdir(parents=True)
    at = Terminal(made, "production", "--yes", XDG_RUNTIME_DIR=str(folder))
    assert at.end() != Code.DONE
    assert HIDDEN in at.seen
    assert "File name too long" in at.seen
    assert made.serving() == OLD


def test_a_playbook_that_is_killed_has_its_hosts_brought_back(tmp_path: Path) -> None:
    """Only ansible-playbook dies, as where memory is short: the command line brings back and leaves no worker."""
    made = world(tmp_path, small_slow="verification", small_seconds=47.5)
    process = _start(made, "production", "--yes", stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    _wait_for("verification ...", process)
    time.sleep(1)
    tree = _descendants(process)
    psutil.Process(process.pid).children()[0].kill()
    output, _ = process.communicate(timeout=SECONDS)
    assert process.returncode == Code.RETURNED, output
    assert "ansible-playbook was killed" in output
    assert made.serving() == OLD
    assert [one for one in tree if one.is_running() and one.status() != psutil.STATUS_ZOMBIE] == []


def test_at_a_terminal_no_is_the_default(tmp_path: Path) -> None:
    made = world(tmp_path)
    code, text = _at_terminal(made, "production", answer="")
    assert (code, made.serving()) == (Code.REFUSED, OLD), text
    assert "was not confirmed" in text


def test_at_a_terminal_a_rollback_says_where_it_leads(tmp_path: Path) -> None:
    made = world(tmp_path)
    code, text = _at_terminal(made, "rollback", "production", "--tag", "v1", answer="n")
    assert (code, made.serving()) == (Code.REFUSED, OLD), text
    assert "web2: old (v1, live, ada) -> old (v1, live, ada)" in text
    assert "database: unknown: no host has told" in text
    assert "Go back to v1 on production (web1, web2)? [y/N]" in text


def test_an_environment_may_do_without_the_question(tmp_path: Path) -> None:
    made = world(tmp_path, namaskah_ask=False)
    code, text = _at_terminal(made, "production", "--no-color")
    assert (code, made.serving()) == (0, NEW), text
    assert "[y/N]" not in text


@pytest.mark.parametrize("words", [("backups",), ("backups", "list")])
def test_backups_of_an_environment_are_listed_by_two_ways_of_saying_it(
    tmp_path: Path, words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run(world(tmp_path), *words, "production", "--limit", "web1", "--print-command") == 0
    said = capsys.readouterr().out
    assert "playbooks/backups.yml" in said
    assert '"backup_list_state": "listed"' in said
