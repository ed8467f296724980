"""Which programs does a test start? Python itself tells of each one that begins, also in a fork of this process."""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# Python's audit events (docs.python.org, audit events table) that begin a program, and where its words stand in them.
EVENTS = {"subprocess.Popen": (0, 1), "os.posix_spawn": (0, 1), "os.exec": (0, 1), "os.system": (0,)}


class Starts:
    """Notes, while `noting`, each start of a program whose name fits `pattern`, by whatever word names it.

    What a program starts that is started here is not seen: it has no ears of ours.
    """

    def __init__(self, pattern: str) -> None:
        self._pattern = re.compile(pattern)
        # A file, for a terminal's program is started in a fork, which closes what is open and whose memory is its own.
        descriptor, name = tempfile.mkstemp(prefix="namaskah-starts-")
        os.close(descriptor)
        self._file = Path(name)
        self.noting = False
        sys.addaudithook(self._hear)  # for good: Python takes none back

    def taken(self) -> list[str]:
        """Return what was noted, and forget it."""
        found = self._file.read_text(encoding="utf-8").splitlines()
        self._file.write_text("", encoding="utf-8")
        return found

    def end(self) -> None:
        """Note nothing more, and remove the notes."""
        self.noting = False
        self._file.unlink()

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self.noting or event not in EVENTS:
            return
        words = [word for place in EVENTS[event] for word in _words(arguments[place])]
        if any(self._pattern.fullmatch(Path(piece).name) for word in words for piece in word.split()):
            with self._file.open("a", encoding="utf-8") as file:
                file.write(" ".join(" ".join(words).split()) + "\n")


def _words(given: Any) -> Iterator[str]:
    """Give the words of a command as its start was told them: one, several or none, as text, bytes or paths."""
    for word in given if isinstance(given, list | tuple) else [given]:
        if word is not None:
            yield os.fsdecode(word)
