"""Can anything that a host, an application or a commit says act on a terminal, or as markup of a report?"""

from __future__ import annotations

import io
import json
import unicodedata
from datetime import UTC, datetime
from typing import Any

import pytest
from ansible.module_utils.namaskah_host import foreign as on_hosts
from rich.console import Console

from namaskah_deploy import backup_tables, events, foreign, progress, readable, summary, tables
from namaskah_deploy.events import HostResult, Line, Retry
from namaskah_deploy.live import LiveTable, Waiting
from namaskah_deploy.outcome import Code
from namaskah_deploy.phases import Phases
from namaskah_deploy.report import Fold, document
from namaskah_deploy.request import Kind
from tests.support.reports import made

ATTACK = (
    "/x\x1b]0;PWNED\x07\x1b[2J\x1b[32mok\u202e\u2066\u2028# big\r<script>x</script>[red]r[/foo] `**b** :bomb: | \udcff"
)
ACTING = "\x1b\x07\u202e\u2066\u2028\r\udcff"


def raw(name: str, res: dict[str, Any]) -> dict[str, Any]:
    data = {"role": "activation", "task": f"T {ATTACK}", "task_action": "namaskah_activate", "host": "web1", "res": res}
    return {"event": name, "created": "2026-01-01T00:00:00", "event_data": data}


def failed() -> HostResult:
    told = {"class": "unhealthy", "what": ATTACK, "where": ATTACK, "why": f"{ATTACK}\n- # x\n1. y", "next": ATTACK}
    event = events.parse(raw("runner_on_failed", {"failure": told, "result": {ATTACK: [ATTACK, {"deep": ATTACK}]}}))
    assert isinstance(event, HostResult)
    return event


def acts(text: str) -> set[str]:
    return {letter for letter in text if letter in ACTING}


def test_nothing_that_acts_comes_through_the_door() -> None:
    event = failed()
    assert event.failure is not None
    for text in (event.task, event.failure.what, event.failure.where, event.failure.why, event.failure.next_step):
        assert not acts(text)
    assert event.result is not None
    (name,) = event.result
    assert not acts(name + "".join([event.result[name][0], event.result[name][1]["deep"]]))
    retry = events.parse(raw("runner_retry", {"attempts": 1, "retries": 3, "failure": {"why": ATTACK}}))
    assert isinstance(retry, Retry)
    assert not acts(retry.why)
    line = events.parse({"event": "verbose", "stdout": f"\x1b[0;31m{ATTACK}\x1b[0m"})
    assert isinstance(line, Line)
    assert not acts(line.text)


def test_a_text_without_end_is_cut_at_the_door() -> None:
    event = events.parse(raw("runner_on_failed", {"msg": "x" * 10_000_000 + "the end"}))
    assert isinstance(event, HostResult)
    assert event.failure is not None
    assert len(event.failure.why) < 2 * foreign.LONGEST
    assert event.failure.why.endswith("the end")


def test_hosts_and_controller_show_the_same() -> None:
    text = "".join(map(chr, range(0x3200))) + ATTACK + "\ufe0f\uffa0\U000e0041\U000e0100"
    assert on_hosts.visible(text) == foreign.visible(text)
    assert not set(foreign.visible(text)) & set("\u034f\u115f\u2800\u3164\ufe0f\uffa0\U000e0100")
    assert (
        not {unicodedata.category(letter) for letter in foreign.visible(text) if letter not in "\t\n"} & foreign._ACTING
    )


def test_lines_of_progress_and_the_summary_act_on_nothing() -> None:
    event, stream = failed(), io.StringIO()
    fold = Fold(("web1",))
    fold.add(event)
    progress.Lines(stream, verbose=True).event(event, fold.phases)
    progress.JsonLines(stream).event(event, fold.phases)
    report = made(fold.part(code=2), exit_code=Code.FAILED)
    shown = (
        stream.getvalue() + "\n".join(summary.lines(report, None)) + json.dumps(document(report), ensure_ascii=False)
    )
    assert r"\x1b]0;PWNED" in shown
    assert not acts(shown)


def console() -> Console:
    """A console that would obey markup, as rich's own default does."""
    return Console(file=io.StringIO(), width=400, force_terminal=True, color_system=None)


def printed(shown: Console) -> str:
    return str(shown.file.getvalue())  # type: ignore[attr-defined]  # it is the StringIO above


@pytest.mark.parametrize("kind", [Kind.PLAN, Kind.STATUS, Kind.RELEASES, Kind.BACKUPS, Kind.BACKUPS_SHOW])
def test_markup_in_a_table_is_text(kind: Kind) -> None:
    words = "[/foo] [red]x[/red] [link=http://a]b[/link] :bomb:"
    release = {"id": words, "tag": words, "by": words, "state": words}
    state = {
        "subject": words, "range": {"added": [{"subject": words}]}, "live": release, "drift": [words],
        "releases": [release], "backups": [{"id": words, "tag": words}], "wrong": [words],
    }  # fmt: skip
    shown = console()
    tables.show(kind, {"web1": state}, shown)
    assert words in printed(shown)


def test_markup_in_a_lease_in_the_live_table_and_beside_a_sign_is_text() -> None:
    words = "[/foo] [red]x[/red] :bomb:"
    shown = console()
    tables.lease({"web1": {"lease": {"run": words, "by": words, "reason": words}}}, shown)
    live = LiveTable(shown, words)
    live.event(failed(), Phases())
    live.close()
    waiting = Waiting(shown, words)
    waiting.say(words)
    waiting.close()
    text = printed(shown)
    assert text.count(words) >= 3
    assert r"[red]r[/foo]" in text
    assert "\U0001f4a3" not in text


def test_pruning_is_shown_as_text() -> None:
    shown = console()
    verdict = {"id": "[/x]", "does": "goes", "why": "[red]", "stays": False}
    backup_tables.of(Kind.BACKUPS_PRUNE)({"web1": {"verdicts": [verdict]}}, shown)
    assert "[/x]" in printed(shown)


def test_no_text_of_others_is_markup_in_a_report() -> None:
    fold = Fold(("web1",))
    fold.add(failed())
    fold.add(events.parse({"event": "verbose", "stdout": "```\n# not a heading\n<b>"}))
    report = made(fold.part(code=2), exit_code=Code.FAILED, advice=(f"{ATTACK}\n# no heading\n---",))
    text = readable.markdown(document(report), "meaning")
    assert not acts(text)
    assert "<script>" not in text
    assert "\n# big" not in text
    outside = text.replace("<details><summary>", "").replace("</details>", "").replace("</summary>", "")
    assert "<" not in outside
    assert r"\[red\]r\[/foo\]" in text
    assert r"\*\*b\*\*" in text
    assert "\n  \\- # x\n  1\\. y" in text
    assert "\n  \\# no heading\n  \\---" in text


def test_a_block_of_lines_cannot_be_left() -> None:
    assert readable._block(["a", "````", "b"]) == "`````text\na\n````\nb\n`````"


@pytest.mark.parametrize(("given", "shown"), [
    ("namaskah_step_timeout is 5", "namaskah_step_timeout is 5"),
    ("_a_ *b*", r"\_a\_ \*b\*"),
    ("a < b & c", "a &lt; b & c"),
    ("&amp; &#60;", "&amp;amp; &amp;#60;"),
    (r"\x1b \*", r"\x1b \\\*"),
    ("~/x ~~y~~", r"~/x \~~y\~~"),
    ("~~~\nx", "\\~\\~~\nx"),
    ("1. a\n2) b", "1\\. a\n2\\) b"),
    ("> q\n+ p\n=== x", "\\> q\n\\+ p\n\\=== x"),
    ("[a](http://b)", r"\[a\](http://b)"),
    ("see `namaskah-deploy status`", "see `namaskah-deploy status`"),
    ("`<b>` and ` alone", r"\`&lt;b>` and ` alone"),
])  # fmt: skip
def test_marks_of_markdown_are_escaped(given: str, shown: str) -> None:
    assert readable._text(given) == shown


def test_moment_of_the_door_is_kept() -> None:
    assert failed().at == datetime(2026, 1, 1, tzinfo=UTC)
