"""What does the controller's record of a run say while it runs?"""

from __future__ import annotations

from pathlib import Path

from namaskah_deploy import chain


class Runs:
    """The runs that begin in a folder of records from now on; the one that matters is the newest."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known = set(folder.glob("*"))

    def journal(self) -> Path | None:
        """Return the journal of the new run, or None while there is none."""
        found = set(self._folder.glob("*")) - self._known
        return found.pop() / "journal.jsonl" if found else None

    def records(self) -> int:
        """Return how many records the new run has written."""
        journal = self.journal()
        return len(chain.read(journal)) if journal else 0
