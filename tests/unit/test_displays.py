"""What people and programs read of recorded runs: lines, JSON lines, the table, the summary, the kept report."""

from __future__ import annotations

import dataclasses
import io
import json
import re
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest
from rich.console import Console

from namaskah_deploy import outcome, readable, report, summary
from namaskah_deploy.live import LiveTable, Waiting
from namaskah_deploy.outcome import MEANING, Code
from namaskah_deploy.phases import Phases
from namaskah_deploy.progress import Display, JsonLines, Lines, Silent
from namaskah_deploy.record import Record, state_folder
from namaskah_deploy.report import Result
from tests.support.command_line.streams import CODES, part, typed
from tests.support.reports import made


def _show(name: str, display: Display) -> None:
    phases = Phases()
    for event in typed(name):
        phases.add(event)
        display.event(event, phases)
        display.tick()
    display.say("and that was all")
    display.close()


def _lines(name: str, *, verbose: bool = False) -> list[str]:
    stream = io.StringIO()
    _show(name, Lines(stream, verbose=verbose))
    return stream.getvalue().splitlines()


def test_a_phase_is_a_line_when_it_begins_and_one_when_it_ends() -> None:
    lines = [line.split(" ", 1)[1] for line in _lines("ok") if line[0].isdigit()]
    assert lines[0] == "resolve ..."
    assert re.fullmatch(r"resolve done in \d+\.\d s \(ok: web1, web2\)", lines[1])
    assert lines.count("activation ...") == lines.count("activation again ...") == 1
    assert re.fullmatch(r"finish done in \d+\.\d s \(ok: web1, web2\)", lines[-1])


@pytest.mark.parametrize("name", CODES)
def test_lines_in_a_pipe_hold_no_escapes(name: str) -> None:
    assert not any("\x1b" in line or "\r" in line for line in _lines(name))


def test_a_failure_is_a_line_at_once_and_the_end_of_a_rescue_is_none() -> None:
    text = "\n".join(_lines("failed"))
    assert "web2: FAILED: the new instance is not healthy: it answered 500" in text
    assert "End the run" not in text
    assert "activation FAILED" in text


def test_every_task_is_a_line_on_request() -> None:
    assert len(_lines("ok", verbose=True)) > len(_lines("ok")) + 10
    assert any("changed: Switch the folder" in line for line in _lines("ok", verbose=True))


@pytest.mark.parametrize("name", CODES)
def test_each_event_is_an_object_on_a_line(name: str) -> None:
    stream = io.StringIO()
    _show(name, JsonLines(stream))
    found = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert found
    assert all({"event", "at"} <= set(event) for event in found)


def test_silence() -> None:
    _show("ok", Silent())


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
@pytest.mark.parametrize("name", CODES)
def test_the_table_ends_with_every_phase(name: str, encoding: str) -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding)
    console = Console(file=stream, force_terminal=True, width=100, color_system=None)
    _show(name, LiveTable(console, "deploy production"))
    stream.flush()
    text = raw.getvalue().decode(encoding)
    last = text[text.rindex("phase") :]
    assert all(phase.name in last for phase in part(name).phases)
    assert "and that was all" in text


def test_a_sign_turns_while_hosts_are_asked() -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=80)
    _show("ok", Waiting(console, "asking the hosts"))
    text = str(console.file.getvalue())  # type: ignore[attr-defined]  # it is the StringIO above
    assert "asking the hosts" in text
    assert "and that was all" in text


def _summary(name: str, code: Code, recovery: str = "") -> str:
    return "\n".join(
        summary.lines(made(part(name), part(recovery) if recovery else None, exit_code=code), Path("/runs/1"))
    )


def test_a_good_end_is_short() -> None:
    assert _summary("ok", Code.DONE).splitlines() == [
        "ok: deploy of production",
        "  release: new",
        "  from: old",
        "  report: /runs/1/report.md",
    ]


def test_a_bad_end_says_what_where_and_why_once() -> None:
    text = _summary("failed", Code.RETURNED, "ok")
    assert text.startswith("FAILED: ")
    assert "activation: the new instance is not healthy (web2)\n    it answered 500\n    where: GET /healthz" in text
    assert text.count("it answered 500") == 1


def test_the_same_failure_of_two_hosts_is_told_once() -> None:
    text = _summary("bad_argument", Code.FAILED)
    assert "(web1, web2)" in text or "(web2, web1)" in text
    assert text.count("must be one of: right") == 1


def test_errors_before_the_first_play_are_ansibles_own_words() -> None:
    assert "missing.yml" in _summary("broken", Code.FAILED)


@pytest.mark.parametrize("name", CODES)
def test_no_operator_sees_a_traceback(name: str) -> None:
    assert "Traceback" not in _summary(name, Code.FAILED) + "\n".join(_lines(name, verbose=True))


@pytest.mark.parametrize("name", CODES)
def test_every_report_is_kept_and_readable(tmp_path: Path, name: str) -> None:
    record = Record(tmp_path, "run-1")
    for event in typed(name):
        record.add(event)
    document = report.document(made(part(name), part("ok"), exit_code=Code.RETURNED, advice=("do | this",)))
    record.close(document, readable.markdown(document, MEANING[Code.RETURNED]))
    text = (record.folder / "report.md").read_text(encoding="utf-8")
    assert text.startswith("# deploy of production\n")
    assert "2026-11-23 21:00:00 UTC" in text
    assert "\n\n\n" not in text
    assert json.loads((record.folder / "report.json").read_text())["run"] == "run-1"
    assert {stat.S_IMODE(path.stat().st_mode) for path in record.folder.iterdir()} == {0o600}
    assert stat.S_IMODE(record.folder.stat().st_mode) == 0o700


def test_state_stands_where_the_base_directory_specification_puts_it() -> None:
    assert state_folder({"HOME": "/home/ada"}) == Path("/home/ada/.local/state/namaskah-deploy")
    assert state_folder({"HOME": "/h", "XDG_STATE_HOME": "/state"}) == Path("/state/namaskah-deploy")


def test_a_run_is_recorded_once(tmp_path: Path) -> None:
    Record(tmp_path, "run-1").close({}, "")
    with pytest.raises(FileExistsError):
        Record(tmp_path, "run-1")


def test_the_return_is_part_of_the_summary() -> None:
    recovery = part("failed")
    text = "\n".join(summary.lines(made(part("failed"), recovery, exit_code=outcome.Code.RETURNED), None))
    assert "web2: had nothing to return from; serves old" in text


def test_what_the_run_brought_back_itself_is_told_as_returned() -> None:
    """A recovery afterwards, for a host that was lost, finds nothing to do on the others."""
    failed, after = part("unreachable"), part("failed")
    within = Result("web2", "recovery", "namaskah_recover", {"state": "returned", "serving": "old"})
    failed = dataclasses.replace(failed, results=(*failed.results, within))
    text = "\n".join(summary.lines(made(failed, after, exit_code=outcome.Code.NOT_RETURNED), None))
    assert "web2: returned; serves old" in text
    assert "nothing to return from" not in text


def test_what_was_laid_aside_is_told_with_the_return() -> None:
    found = {"state": "nothing", "serving": "old", "notes": ["lease.json was damaged and was laid aside"]}
    after = dataclasses.replace(part("failed"), results=(Result("web2", "recovery", "namaskah_recover", found),))
    for told in (made(part("failed"), after, exit_code=outcome.Code.RETURNED), made(after, exit_code=Code.DONE)):
        assert "  web2: lease.json was damaged and was laid aside" in list(summary.lines(told, None))


def test_advice_of_several_lines_stays_together() -> None:
    text = "\n".join(summary.lines(made(part("failed"), exit_code=Code.FAILED, advice=("- this\n- that",)), None))
    assert "  next: - this\n        - that" in text


def test_moments_are_shown_in_utc() -> None:
    assert datetime.now(UTC).tzinfo is UTC
    assert re.match(r"\d\d:\d\d:\d\d ", _lines("ok")[0])
