"""The command at a terminal: what it asks there, and what it draws."""

from __future__ import annotations

from pathlib import Path

from namaskah_deploy.outcome import Code
from tests.support.command_line.small import OLD, SPLIT, World, world
from tests.support.project import ROOT
from tests.support.terminal import Terminal


def _at_terminal(made: World, *words: str, answer: str = "") -> tuple[int, str]:
    """Run the command at a terminal, answer its question if it is to have an answer, and return what was seen."""
    at = Terminal(made.command(*words), folder=ROOT, environ=made.environ())
    if answer:
        at.wait_for("[y/N]")
        at.type(answer)
    return at.end(), at.seen


def test_at_a_terminal_a_release_is_confirmed_and_drawn(tmp_path: Path) -> None:
    made = world(tmp_path)
    code, text = _at_terminal(made, "production", "--ref", "v2", answer="y\n")
    assert code == 0, text
    assert "Release v2 to production (web1, web2)? [y/N]" in text
    assert "\x1b[" in text
    assert "activation" in text
    assert made.serving() == {"web1": "v2", "web2": "v2"}


def test_at_a_terminal_a_rollback_says_where_it_leads(tmp_path: Path) -> None:
    made = world(tmp_path)
    code, text = _at_terminal(made, "rollback", "production", "--tag", "v1", answer="n\n")
    assert (code, made.serving()) == (Code.REFUSED, OLD), text
    release = "old (v1, live, ada, 2026-01-31T23:59:59Z)"
    assert f"web2: {release} -> {release}" in text
    assert "database: unknown: no host has told" in text
    assert "Go back to v1 on production (web1, web2)? [y/N]" in text


def test_an_environment_may_do_without_the_question_and_only_the_hosts_of_limit_are_touched(tmp_path: Path) -> None:
    made = world(tmp_path, namaskah_ask=False)
    code, text = _at_terminal(made, "production", "--no-color", "--limit", "web2")
    assert (code, made.serving()) == (0, SPLIT), text
    assert "[y/N]" not in text
