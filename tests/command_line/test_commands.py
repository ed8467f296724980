"""The command from words to exit code, on the small world: real playbooks on folders that stand for hosts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from namaskah_deploy import cli
from namaskah_deploy.launch import End
from namaskah_deploy.outcome import Code
from tests.support.command_line.record import essence
from tests.support.command_line.runs import Heard, hear, replay
from tests.support.command_line.small import CANARIES, LOST, NEW, OLD, SPLIT, World, declare, world
from tests.support.command_line.streams import CODES, raw


@pytest.fixture
def heard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Heard]]:
    """Every run of ansible-playbook that the test starts; of none something is left behind."""
    (tmp_path / "memory").mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "memory"))
    yield hear(monkeypatch, tmp_path)
    assert list((tmp_path / "memory").iterdir()) == []


def _run(made: World, *words: str, **environ: str) -> int:
    return cli.run([*words, "--inventory", str(made.inventory)], made.surroundings(terminal=False, **environ))


def _ended(made: World, said: tuple[str, str], code: Code, serving: dict[str, str]) -> None:
    """Assert that a release ended so, for its hosts, its record and its reader."""
    assert made.serving() == serving
    assert made.record()["exit_code"] == code
    out, err = said
    assert "Traceback" not in out + err
    assert "report.md" in (err if code else out)


@pytest.mark.parametrize(
    ("second", "breaks", "code", "serving", "stream"),
    [
        ({}, "", Code.DONE, NEW, "ok"),
        ({}, "preparation", Code.FAILED, OLD, ""),
        (LOST, "", Code.UNREACHABLE, OLD, "unreachable"),
        ({"small_unhealthy": True}, "", Code.RETURNED, OLD, "failed"),
        ({"small_stuck": True}, "confirmation", Code.NOT_RETURNED, SPLIT, ""),
    ],
)
def test_every_end_of_a_release(  # noqa: PLR0917 - the columns of the table above
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    heard: list[Heard],
    second: dict[str, Any],
    breaks: str,
    code: Code,
    serving: dict[str, str],
    stream: str,
) -> None:
    """Further ends have the tests below. `stream` is the recorded one that such a run gave, and has to give yet."""
    made = world(tmp_path, {"web1": {}, "web2": second}, small_breaks=breaks)
    assert _run(made, "production", "--yes") == code
    _ended(made, capsys.readouterr(), code, serving)
    if stream:
        assert heard[0].end == End(CODES[stream])
        assert essence(heard[0].raw) == essence(raw(stream)), "record anew: tests/support/command_line/record.py"


def test_standard_output_is_one_document_on_request(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Also of a release that cannot be confirmed, and returns."""
    made = world(tmp_path, small_breaks="confirmation")
    assert _run(made, "production", "--yes", "--json", "--reason", "due") == Code.RETURNED
    said = capsys.readouterr()
    _ended(made, said, Code.RETURNED, OLD)
    found = json.loads(said.out)
    assert (found["exit_code"], found["by"], found["reason"]) == (Code.RETURNED, "ada@laptop", "due")
    assert "activation ..." in said.err


def test_standard_output_is_lines_of_json_on_request(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Also of a release that stands, and was not tidied up after."""
    made = world(tmp_path, small_breaks="finish")
    assert _run(made, "production", "--yes", "--events") == Code.UNFINISHED
    said = capsys.readouterr()
    _ended(made, said, Code.UNFINISHED, NEW)
    found = [json.loads(line) for line in said.out.splitlines()]
    assert (found[-1]["event"], found[-1]["exit_code"]) == ("End", Code.UNFINISHED)
    assert {"TaskStarted", "HostResult", "Ended"} <= {event["event"] for event in found}


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Heard]:
    """What the hosts said to the two questions that only read; asking leaves no record, and nothing of its run."""
    folder = tmp_path_factory.mktemp("asked")
    made = world(folder)
    (folder / "memory").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", str(folder / "memory"))
        runs = hear(patch, folder)
        for word in ("status", "releases"):
            assert _run(made, word, "production") == 0
    assert [run.end for run in runs] == [End(0), End(0)]
    assert not made.state.exists()
    assert list((folder / "memory").iterdir()) == []
    return dict(zip(("status", "releases"), runs, strict=True))


@pytest.mark.parametrize("words", [("status",), ("releases",), ("lock", "status")])
def test_reading_needs_no_yes_and_leaves_no_record(
    tmp_path: Path,
    words: tuple[str, ...],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    asked: dict[str, Heard],
) -> None:
    made = world(tmp_path)
    replay(monkeypatch, [asked[words[-1]]] * 2)
    assert _run(made, *words, "production") == 0
    assert "web1" in capsys.readouterr().out
    assert _run(made, *words, "production", "--json") == 0
    assert set(json.loads(capsys.readouterr().out)["hosts"]) == {"web1", "web2"}
    assert not made.state.exists()


def test_a_lost_host_does_not_hide_the_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], heard: list[Heard]
) -> None:
    made = world(tmp_path, {"web1": {}, "web2": LOST})
    assert _run(made, "status", "production") == Code.UNREACHABLE
    assert [run.end for run in heard] == [End(4)]
    said = capsys.readouterr()
    assert "web1" in said.out
    assert "web2 cannot be reached" in said.err


def test_checks_that_fail(tmp_path: Path, heard: list[Heard]) -> None:
    made = world(tmp_path, {"web1": {}, "web2": {"small_breaks": "verification"}})
    assert _run(made, "verify", "production") == Code.CHECKS_FAILED
    assert [run.end for run in heard] == [End(2)]


def test_recover_by_hand(tmp_path: Path, heard: list[Heard], monkeypatch: pytest.MonkeyPatch) -> None:
    """`abort` is another word for it."""
    made = world(tmp_path)
    (tmp_path / "hosts/web1/state.json").write_text(json.dumps({"serving": "new", "old": "old"}))
    assert _run(made, "recover", "production", "--yes") == Code.DONE
    assert made.serving() == OLD
    replay(monkeypatch, heard)
    assert _run(made, "abort", "production", "--yes") == Code.DONE


def test_the_printed_command_does_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = world(tmp_path, {"web1": {}})
    assert _run(made, "production", "--print-command", "--ref", "other", "--reason", "it's due") == 0
    line = capsys.readouterr().out
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {"PATH": path, "HOME": os.environ["HOME"], "LC_ALL": "C.UTF-8"}
    done = subprocess.run(["/bin/sh", "-c", line], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert made.serving() == {"web1": "other"}


def test_the_environment_without_a_name_is_the_marked_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = world(tmp_path, {"web1": {}}, namaskah_default=True)
    declare(made, "staging", {})
    assert _run(made, "rollback", "--yes", "--tag", "older") == 0
    assert "environment: production (marked as the default)" in capsys.readouterr().err
    assert made.serving() == {"web1": "older"}


def test_what_the_controller_holds_secret_is_in_nothing_that_is_left(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even of a release that fails and returns, of which most is told."""
    planted = "sentinel-4711-of-the-controller"
    environ = {**CANARIES, "DB_PASSWORD": planted}
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    hosts = {"web1": {}, "web2": {"small_breaks": "verification"}}
    made = world(tmp_path, hosts, small_breaks=f"{planted} broke")
    words = ("production", "--yes", "--ref", planted, "--reason", planted, "-v", "--json")
    assert _run(made, *words, **environ) == Code.RETURNED
    said = capsys.readouterr()
    _ended(made, said, Code.RETURNED, OLD)
    kept = "".join(
        path.read_text() for path in made.root.rglob("*") if path.is_file() and made.inventory not in path.parents
    )
    assert planted not in said.out + said.err + kept
    assert "Zqcanary" not in said.out + said.err + kept


def test_a_declared_secret_reaches_the_run_and_nobody_else(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What stands unencrypted in the inventory as well is none; a database named like a variable stays readable."""
    environ = {"APP_SECRET": "Zqdeclared", "APP_DATABASE": "shopdata"}
    broken = "{{ lookup('env', 'APP_SECRET') }} and {{ lookup('env', 'APP_DATABASE') }} broke"
    made = world(
        tmp_path,
        {"web1": {}},
        small_breaks="preparation",
        small_words=broken,
        namaskah_pass_on=["APP_SECRET", "APP_DATABASE"],
        provision_database_name="shopdata",
    )
    assert _run(made, "production", "--yes", "-v", **environ) == Code.FAILED
    said = capsys.readouterr()
    kept = "".join(path.read_text() for path in made.state.rglob("*") if path.is_file())
    assert "*** and shopdata broke" in said.out + said.err
    assert "Zqdeclared" not in said.out + said.err + kept
