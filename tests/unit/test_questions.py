"""Does a question of the play reach the terminal once, and the typed answer the play, without anything waiting?"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from namaskah_deploy.questions import Questions


class Asked:
    """A run's folder with a pseudo-terminal, as a person sits at it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.person, other = os.openpty()
        self.terminal = os.fdopen(other, "r", encoding="utf-8")
        self.said: list[str] = []
        self.questions = Questions(folder, self.terminal, self.said.append)

    def type(self, words: str) -> None:
        os.write(self.person, f"{words}\n".encode())

    def answer(self, name: str) -> str | None:
        path = self.folder / f"answer-{name}"
        return path.read_text() if path.exists() else None


@pytest.fixture
def asked(tmp_path: Path) -> Iterator[Asked]:
    made = Asked(tmp_path)
    yield made
    made.terminal.close()
    os.close(made.person)


def test_nothing_is_asked_and_nothing_read_without_a_question(asked: Asked) -> None:
    asked.type("continue")
    asked.questions.tick()
    assert asked.said == []
    assert list(asked.folder.iterdir()) == []


def test_a_question_is_shown_once_and_waits_without_blocking(asked: Asked) -> None:
    (asked.folder / "question-app2").write_text("Go on without app2?")
    for _ in range(3):
        asked.questions.tick()
    assert asked.said == ["Go on without app2?"]
    assert asked.answer("app2") is None


@pytest.mark.parametrize(("typed", "kept"), [("continue", "continue\n"), (" continue ", "continue\n"), ("no", "no\n")])
def test_what_is_typed_becomes_the_answer(asked: Asked, typed: str, kept: str) -> None:
    (asked.folder / "question-app2").write_text("Go on without app2?")
    asked.questions.tick()
    asked.type(typed)
    asked.questions.tick()
    assert asked.answer("app2") == kept
    assert (asked.folder / "answer-app2").stat().st_mode & 0o777 == 0o600


def test_a_second_question_is_asked_by_itself(asked: Asked) -> None:
    for name in ("app2", "app3"):
        (asked.folder / f"question-{name}").write_text(name)
        asked.questions.tick()
        asked.type("continue")
        asked.questions.tick()
    assert (asked.answer("app2"), asked.answer("app3")) == ("continue\n", "continue\n")
    assert [line for line in asked.said if line.startswith("app")] == ["app2", "app3"]
