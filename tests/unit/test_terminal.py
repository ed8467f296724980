"""The command at a terminal where no playbook is run: an answer that is no, and a mistake before the run."""

from __future__ import annotations

from pathlib import Path

from namaskah_deploy.outcome import Code
from tests.support.command_line.small import OLD, world
from tests.support.project import ROOT
from tests.support.terminal import HIDDEN, Terminal

LONGEST = 4095  # bytes of a path


def test_at_a_terminal_no_is_the_default(tmp_path: Path) -> None:
    made = world(tmp_path)
    at = Terminal(made.command("production"), folder=ROOT, environ=made.environ())
    at.wait_for("[y/N]")
    at.type("\n")
    code, text = at.end(), at.seen
    assert (code, made.serving()) == (Code.REFUSED, OLD), text
    assert "was not confirmed" in text


def test_a_command_that_fails_by_a_mistake_gives_the_cursor_back(tmp_path: Path) -> None:
    """Here the folder of the run cannot be made: its name would be too long."""
    made = world(tmp_path)
    folder = tmp_path
    while len(str(folder)) < LONGEST - 230:
        folder /= "x" * 200
    folder /= "x" * (LONGEST - 10 - len(str(folder)))
    folder.mkdir(parents=True)
    at = Terminal(made.command("production", "--yes"), folder=ROOT, environ=made.environ(XDG_RUNTIME_DIR=str(folder)))
    assert at.end() != Code.DONE
    assert HIDDEN in at.seen
    assert "File name too long" in at.seen
    assert made.serving() == OLD
