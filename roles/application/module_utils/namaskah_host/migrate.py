"""Which migrations are pending, and how are they applied without taking the site down?"""

from __future__ import annotations

import re
import time
from typing import Any

from . import launch
from .build import Build
from .failure import Failure

# The server's words for SQLSTATE 55P03, and the names that drivers give it.
WAITED_TOO_LONG = re.compile(r"lock timeout|LockNotAvailable|55P03", re.IGNORECASE)
PAUSE = 2.0  # seconds between two tries


class Migration:
    """The migrations of one prepared release, run once for the whole fleet."""

    def __init__(self, build: Build) -> None:
        self.build = build
        self.contract = build.contract
        self.further: dict[str, str] = {}

    def pending(self) -> list[str]:
        """Return the names of the pending migrations, oldest first; none where the application has no such command."""
        if not self.contract.pending_command:
            return []
        output = self._run(self.contract.pending_command, "list the pending migrations")
        found = (re.match(self.contract.pending_pattern, line.strip()) for line in output.splitlines())
        return [match.group(1) for match in found if match]

    def apply(self) -> dict[str, Any]:
        """Apply what is pending; return what was pending, what was applied, and how many tries it took.

        Raises Failure whose reason names the migrations that were committed before the failing one: they stay.
        """
        before = self.pending()
        if not self.contract.migrate_command or (self.contract.pending_command and not before):
            return {"pending": before, "applied": [], "tries": 0}
        for attempt in range(1, self.contract.migrate_tries + 1):
            try:
                self._run(self.contract.migrate_command, "migrate the database")
            except Failure as failure:
                if attempt == self.contract.migrate_tries or not WAITED_TOO_LONG.search(failure.why):
                    raise self._with_applied(failure, before) from None
                time.sleep(PAUSE)
            else:
                return {"pending": before, "applied": before, "tries": attempt}
        raise AssertionError("unreachable: the last try returns or raises")

    def _with_applied(self, failure: Failure, before: list[str]) -> Failure:
        try:
            left = self.pending()
        except Failure as unknown:
            return Failure(
                failure.kind,
                failure.what,
                failure.where,
                f"{failure.why}\nand what was applied is unknown: {unknown.why}",
                failure.next_step,
            )
        applied = [name for name in before if name not in left]
        told = f"APPLIED AND KEPT before it failed: {', '.join(applied)}" if applied else "no migration was applied"
        return Failure(
            failure.kind,
            failure.what,
            failure.where,
            f"{failure.why}\n{told}",
            "the old release still serves; mend the migration and release again"
            + (", or reverse the applied ones by hand" if applied else ""),
        )

    def _run(self, words: list[str], what: str) -> str:
        self._read_environment()
        return self.build.command(words, what, self.contract.migrate_timeout, self.further)

    def _read_environment(self) -> None:
        if self.further:
            return
        self.build.secrets = launch.read_environment(self.contract.env_file) if self.contract.env_file else {}
        if self.contract.migrate_env_file:
            self.further = launch.read_environment(self.contract.migrate_env_file)
        # libpq hands these to the server at connect (libpq, PGOPTIONS): no application code is needed.
        milliseconds = round(float(self.contract.migrate_lock_timeout) * 1000)
        self.further["PGOPTIONS"] = f"-c lock_timeout={milliseconds}"
