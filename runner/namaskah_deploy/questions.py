"""May the release go on without a host? Carries a question of the running play to the terminal, and the answer back.

The play (roles/waves) puts a file `question-NAME` into the run's folder and waits for `answer-NAME` for a bounded time.
Nothing blocks here: progress and Ctrl-C go on while the question is open.
"""

import os
import select
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

from namaskah_deploy.foreign import visible

GO_ON = "continue"
NOBODY = "none"
"""What the play is told instead of a folder where nobody can be asked; plain ansible-playbook asks by itself."""


class Questions:
    """The open questions of one run; `folder` is where they are put, `terminal` where they are answered."""

    def __init__(self, folder: Path, terminal: TextIO, say: Callable[[str], None]) -> None:
        self._folder = folder
        self._terminal = terminal
        self._say = say
        self._asked: Path | None = None

    def tick(self) -> None:
        """Show a new question, or take an answer that has been typed; called a few times a second."""
        question = next((path for path in sorted(self._folder.glob("question-*")) if not _answer(path).exists()), None)
        if question is None:
            return
        if question != self._asked:
            self._asked = question
            self._say(visible(question.read_text(encoding="utf-8", errors="replace")))
        elif select.select([self._terminal], [], [], 0)[0]:
            typed = self._terminal.readline().strip()
            self._say("Going on." if typed == GO_ON else "All hosts return.")
            _write(_answer(question), typed)


def _answer(question: Path) -> Path:
    return question.with_name(question.name.replace("question-", "answer-", 1))


def _write(path: Path, text: str) -> None:
    """Write the whole answer at once: whoever waits for the file must not read a part of it."""
    unfinished = path.with_name(f".{path.name}")
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(f"{text}\n")
    unfinished.rename(path)
