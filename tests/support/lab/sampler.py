"""What is to be seen while something runs? Looks of a thread beside a block, some ten times a second or more."""

from __future__ import annotations

import contextlib
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self


class Looks(ABC):
    """Looks again and again from the beginning of its block to the end."""

    interval = 0.1  # seconds between two looks

    def __init__(self) -> None:
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name=type(self).__name__, daemon=True)

    def __enter__(self) -> Self:
        """Begin to look."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Look for the last time."""
        self._stop.set()
        self._thread.join(timeout=30)

    def _work(self) -> None:
        while not self._stop.wait(self.interval):
            self.look()

    @abstractmethod
    def look(self) -> None:
        """Look once."""


class Sampler(Looks):
    """Collects the command lines of all processes, those of a lab's hosts as well: this machine carries them."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: set[bytes] = set()

    def look(self) -> None:
        """See Looks."""
        for process in Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):  # it has ended meanwhile
                self.seen.add(process.read_bytes())


class Split(Looks):
    """For how many seconds did hosts serve different commits? `currents` are their links, seen from this machine."""

    interval = 0.05

    def __init__(self, currents: Sequence[Path]) -> None:
        super().__init__()
        self.seconds = 0.0
        self._currents = currents
        self._last = time.monotonic()

    def look(self) -> None:
        """See Looks."""
        now = time.monotonic()
        if len({link.readlink().name.rpartition("-")[2] for link in self._currents}) > 1:
            self.seconds += now - self._last
        self._last = now
