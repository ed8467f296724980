"""The command from words to exit code, on the small world: real playbooks on folders that stand for hosts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from namaskah_deploy import cli
from namaskah_deploy.outcome import Code
from tests.support.command_line.small import LOST, NEW, OLD, SPLIT, World, declare, world


def _run(made: World, *words: str, **environ: str) -> int:
    return cli.run([*words, "--inventory", str(made.inventory)], made.surroundings(terminal=False, **environ))


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
