"""Is what programs print read from standard output alone, shown without acting, and told in words where it is odd?"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible.module_utils.namaskah_command import readable
from ansible.module_utils.namaskah_command import run as run_bounded
from ansible.module_utils.namaskah_host import commands, drift, foreign, launch, managers, observed, processes, workers
from ansible.module_utils.namaskah_host.failure import Failure
from ansible.module_utils.namaskah_host.health import Answer, complaint

WARNING = "sudo: unable to resolve host app1: Name or service not known"


PROCESS = {"pid": 1, "parent": 0, "state": "S", "started": 1.5, "cwd": "/a\udcff", "environment": {}}


def program(folder: Path, text: str) -> str:
    """A program that warns on standard error first, as sudo does on a host whose name does not resolve."""
    path = folder / "program"
    path.write_text(f"#!/bin/sh\necho '{WARNING}' >&2\n{text}\n")
    path.chmod(0o755)
    return str(path)


@pytest.fixture
def other_user(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A contract whose application runs as another user; its programs are run without sudo."""
    monkeypatch.setattr(managers, "as_root", lambda _, words: words)
    monkeypatch.setattr(observed, "as_root", lambda _, words: words)
    return SimpleNamespace(app="shop", app_user="shop", deploy_user="deploy")


def test_a_warning_is_no_part_of_the_list_of_processes(
    tmp_path: Path, other_user: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(observed, "PROGRAM", program(tmp_path, f"printf '%s' '{json.dumps([PROCESS])}'"))
    assert observed.running_processes(other_user) == [{**PROCESS, "cwd": r"/a\udcff"}]


def test_what_sudo_says_on_standard_output_is_no_part_of_the_list_either(
    tmp_path: Path, other_user: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = f"printf '[!] Your account expires in 3 days.\\n%s\\n' '{json.dumps([PROCESS])}'"
    monkeypatch.setattr(observed, "PROGRAM", program(tmp_path, text))
    assert [one["pid"] for one in observed.running_processes(other_user)] == [1]


def test_what_is_no_list_of_processes_is_told_in_words(
    tmp_path: Path, other_user: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = program(tmp_path, "printf 'Welcome \\033[2J%s' $(head -c 5000 /dev/zero | tr '\\0' A)")
    monkeypatch.setattr(observed, "PROGRAM", place)
    with pytest.raises(Failure) as caught:
        observed.running_processes(other_user)
    assert f"{place} was to print JSON, and printed" in caught.value.why
    assert "\x1b" not in caught.value.why
    assert len(caught.value.why) < len(place) + 400


def test_pm2_is_understood_beside_a_warning_and_a_greeting(
    tmp_path: Path, other_user: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = {"name": "shop-web-blue", "pid": 7, "pm2_env": {"status": "online", "restart_time": 0}}
    monkeypatch.setattr(managers, "PM2", program(tmp_path, f"echo '[PM2] Spawning'; echo '{json.dumps([entry])}'"))
    unit = managers.Pm2(other_user).unit(SimpleNamespace(name="web"), "blue")  # type: ignore[arg-type]  # its name alone
    assert (unit.active, unit.pid) == (True, 7)
    monkeypatch.setattr(managers, "PM2", program(tmp_path, "echo nothing of use"))
    with pytest.raises(Failure, match="nothing of use"):
        managers.Pm2(other_user).unit(SimpleNamespace(name="web"), "blue")  # type: ignore[arg-type]  # its name alone


@pytest.mark.parametrize("told", ["{}", "[1]", '[{"pid": 1}]', "null", "", "[" * 9999])
def test_json_of_another_form_is_told_in_words(
    tmp_path: Path, other_user: Any, monkeypatch: pytest.MonkeyPatch, told: str
) -> None:
    monkeypatch.setattr(observed, "PROGRAM", program(tmp_path, f"printf '%s' '{told}'"))
    with pytest.raises(Failure, match="was to print"):
        observed.running_processes(other_user)
    monkeypatch.setattr(managers, "PM2", program(tmp_path, f"printf '%s' '{told}'"))
    with pytest.raises(Failure, match="was to print"):
        managers.Pm2(other_user).unit(SimpleNamespace(name="web"), "blue")  # type: ignore[arg-type]  # its name alone


@pytest.mark.parametrize("told", [
    {"name": ["x"]}, {"pid": [7]}, {"pid": "x"}, {"pm2_env": 5}, {"pm2_env": {"status": [1], "restart_time": 1e999}},
])  # fmt: skip
def test_an_odd_entry_of_pm2_is_told_in_words(
    tmp_path: Path, other_user: Any, monkeypatch: pytest.MonkeyPatch, told: dict[str, Any]
) -> None:
    good = {"name": "shop-web-blue", "pid": 7, "pm2_env": {"status": "online", "restart_time": 0}}
    monkeypatch.setattr(managers, "PM2", program(tmp_path, f"echo '{json.dumps([{**good, **told}])}'"))
    with pytest.raises(Failure, match="was to tell") if "name" not in told else contextlib.nullcontext():
        managers.Pm2(other_user).unit(SimpleNamespace(name="web"), "blue")  # type: ignore[arg-type]  # its name alone


def test_a_failure_shows_both_outputs_and_obeys_neither(tmp_path: Path) -> None:
    with pytest.raises(Failure) as caught:
        commands.run([program(tmp_path, "printf 'out \\033]0;x\\007'; exit 3")], what="try", timeout=10)
    assert WARNING in caught.value.why
    assert r"out \x1b]0;x\x07" in caught.value.why
    with pytest.raises(Failure) as caught:
        commands.run([program(tmp_path, "echo so far; sleep 60")], what="try", timeout=0.5)
    assert "so far" in caught.value.why
    assert WARNING in caught.value.why


def test_marks_that_end_lines_elsewhere_divide_no_name() -> None:
    assert foreign.lines("a\u2028b\nc\x85d\n") == ["a\u2028b", "c\x85d"]
    assert foreign.lines("") == []
    assert foreign.last_line(" \n \n") == ""
    assert foreign.last_line("a\nb \n\n") == "b"


def test_nothing_acts_in_what_is_quoted() -> None:
    assert foreign.brief("a\r\n  b\t\x1b[2J\u2028" + "A" * 10_000) == "a b \\x1b[2J\\u2028" + "A" * 183 + "..."
    assert readable("x \x1b[2J https://me:secret@host/") == r"x \x1b[2J https://***@host/"
    assert json.dumps(foreign.inert({"\udcff": ["\udcff", 1, None, ("\x00",)]}))
    assert foreign.visible("a\u3164\u115f\u034f\ufe0f\U000e0100b é") == r"a\u3164\u115f\u034f\ufe0f\U000e0100b é"
    assert str(Failure("failed", "a\x1b", "b\u202e", "c\nd", "e")) == "a\\x1b (b\\u202e): c\nd"


def test_a_carriage_return_ends_no_line_of_an_output() -> None:
    done = run_bounded(["printf", "a\\rb\\r\\nc"], env=dict(os.environ), timeout=10)
    assert done.out == "a\rb\r\nc"


@pytest.fixture
def oddly_placed(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process that works in a folder whose name is no UTF-8, under a name that is none."""
    place = os.fsencode(tmp_path) + b"/caf\xe9"
    os.mkdir(place)  # noqa: PTH102 - a name of bytes
    code = "import ctypes, time; ctypes.CDLL(None).prctl(15, b'caf\\xe9'); print(flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", code], cwd=place, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process
        process.kill()


def test_a_folder_and_a_name_that_are_no_utf8_are_shown(oddly_placed: subprocess.Popen[bytes], tmp_path: Path) -> None:
    found = processes.describe(oddly_placed.pid, processes.boot_time())
    assert found["cwd"] == f"{tmp_path}/caf\ufffd"
    json.dumps(found, ensure_ascii=False).encode()
    assert workers._name(Path(f"/proc/{oddly_placed.pid}")) == "caf\ufffd"


def test_a_value_of_the_environment_may_hold_marks_that_end_lines_elsewhere(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("A=x\u2028y\nB='\x85'\r\nC=1")
    assert launch.read_environment(str(file)) == {"A": "x\u2028y", "B": "\x85", "C": "1"}


def test_only_the_very_name_of_a_tag_counts() -> None:
    """What git answers may only end in the name: a branch `refs/tags/v1` must not be taken for the tag."""
    one, two = "1" * 40, "2" * 40
    listing = f"{one}\trefs/tags/v1\n{two}\trefs/zeta/refs/tags/v1\n{two}\trefs/tags/x\u2028{two}\trefs/tags/v1\n"
    assert drift.moved("v1", one, listing) == []
    assert drift.moved("v1", two, f"{one}\trefs/tags/v1\n{two}\trefs/tags/v1^{{}}\n") == []
    assert [found.name for found in drift.moved("v1", two, f"{one}\trefs/tags/v1\n")] == ["drift-tag"]


@pytest.mark.parametrize("body", [b"[" * 100_000, b"\xff", b'{"release": "' + b"A" * 900_000 + b'"}'])
def test_an_answer_of_any_length_makes_a_short_reason(monkeypatch: pytest.MonkeyPatch, body: bytes) -> None:
    from ansible.module_utils.namaskah_host import health  # noqa: PLC0415 - its function is exchanged here

    wanted = SimpleNamespace(timeout=1, path="/healthz", host="x", status=200, release_key="release")
    service: Any = SimpleNamespace(health=wanted, listen="port", ports={"blue": 1}, name="web")
    for answer in (
        Answer(200, body, {}),
        Answer(302, body, {"location": "/x\x1b[2J" * 9000}),
        Answer(0, b"", {}, "BadStatusLine: " + "\x1b" * 60_000),
    ):
        monkeypatch.setattr(health, "get", lambda *_, answer=answer: answer)
        told = complaint(SimpleNamespace(), service, "blue", "r1")  # type: ignore[arg-type]  # unused by a port
        assert told.isprintable()
        assert 0 < len(told) < 400
