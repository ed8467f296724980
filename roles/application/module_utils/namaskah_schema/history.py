"""What does a release's own code say about migrations: which it knows, which are pending, their SQL, how they go back?

The commands are the preset's; the named groups of `known_pattern` are places in them, as {migration} is.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible.module_utils.namaskah_host import launch
from ansible.module_utils.namaskah_host.build import Build, variables_of
from ansible.module_utils.namaskah_host.contract import Contract
from ansible.module_utils.namaskah_host.failure import Failure
from ansible.module_utils.namaskah_host.foreign import lines
from ansible.module_utils.namaskah_host.release import Release

SQL_TIMEOUT = 60.0  # seconds for the SQL of one migration


@dataclass(frozen=True)
class Migration:
    """A migration by its name, with what else its line says: places in commands."""

    name: str
    places: dict[str, str] = field(hash=False)


class History:
    """The migrations of one release on this host, by its own code and virtualenv."""

    def __init__(
        self, contract: Contract, release: Release, run: dict[str, Any] | None = None, held: int | None = None
    ) -> None:
        """`held` is the descriptor of the work lock, which every command of the application keeps."""
        self.contract = contract
        self.release = release
        record = release.record
        self.build = Build(contract, {**(run or {}), "release": release.id, "commit": record.get("commit", "")}, held)
        self.build.venv = Path(contract.root) / "venvs" / record.get("venv", "")
        self.further: dict[str, str] = {}
        self._said: dict[tuple[str, ...], str] = {}

    @property
    def runs(self) -> bool:
        """Whether the release and its virtualenv are there to be asked."""
        return self.release.complete and (self.build.venv / ".complete").exists()

    @property
    def variables(self) -> dict[str, str]:
        """The environment of migrations: that of the application, then that of the owner of the tables."""
        self._read_environment()
        return {**self.build.secrets, **self.further}

    def known(self) -> list[Migration]:
        """Return every migration that the code has, oldest first; none where the preset has no such command."""
        return self._read_known(self._ask(self.contract.known_command, "list the known migrations"))

    def pending(self) -> list[str]:
        """Return the names of the pending migrations, oldest first; none where the application has no such command."""
        output = self._ask(self.contract.pending_command, "list the pending migrations")
        found = (re.match(self.contract.pending_pattern, line.strip()) for line in lines(output))
        names = [match.group(1) for match in found if match]
        return names[::-1] if self.contract.known_newest_first else names

    def named(self, names: list[str]) -> list[Migration]:
        """Return the known migrations of these names, oldest first."""
        return [migration for migration in self.known() if migration.name in names]

    def sql(self, migration: Migration, *, backwards: bool = False) -> str:
        """Return the statements of a migration, or of its reversal. Raises Failure where the code prints none."""
        words = self.contract.reverse_sql_command if backwards else self.contract.sql_command
        if not words:
            raise Failure("failed", "print SQL", migration.name, "the preset has no command for it", "")
        return self.run(launch.fill(words, migration.places), "print SQL", SQL_TIMEOUT)

    def forget(self) -> None:
        """Ask anew: somebody has changed the database."""
        self._said.clear()

    def migrate(self) -> None:
        """Apply everything that is pending. Raises Failure."""
        self.forget()
        self.run(self.contract.migrate_command, "migrate the database")

    def reversal(self, migration: Migration) -> list[str]:
        """Return the words of the command that takes one migration back; none where the preset has none."""
        return launch.fill(launch.fill(self.contract.reverse_command, migration.places), self.build.places)

    def reverse(self, migration: Migration) -> None:
        """Take one migration back. Raises Failure, also where the command says that it did and did not."""
        self.forget()
        self.run(launch.fill(self.contract.reverse_command, migration.places), f"reverse {migration.name}")
        if self.contract.pending_command and migration.name not in self.pending():
            next_step = "reverse it by hand from the release's folder"
            raise Failure("failed", f"reverse {migration.name}", self.contract.host, "it is applied still", next_step)

    def run(self, words: list[str], what: str, timeout: float = 0) -> str:
        """Run a command of the release with the environment of migrations."""
        self._read_environment()
        return self.build.command(words, what, timeout or self.contract.migrate_timeout, self.further)

    def _ask(self, words: list[str], what: str) -> str:
        """Return what a command that only reads says, once for all who ask before anything changes."""
        if words and tuple(words) not in self._said:
            self._said[tuple(words)] = self.run(words, what)
        return self._said[tuple(words)] if words else ""

    def _read_known(self, text: str) -> list[Migration]:
        matches = [match for line in lines(text) if (match := re.match(self.contract.known_pattern, line.strip()))]
        found: list[Migration] = []
        before: dict[str, str] = {}
        for match in matches[::-1] if self.contract.known_newest_first else matches:
            places = {name: value or "" for name, value in match.groupdict().items()}
            group = places.get("app", "")
            places.setdefault("before", before.get(group, self.contract.known_before_first))
            before[group] = places.get("name", places["migration"])
            found.append(Migration(places["migration"], places))
        return found

    def _read_environment(self) -> None:
        if self.further:
            return
        self.build.secrets = variables_of(self.contract.env_file)
        self.further = variables_of(self.contract.migrate_env_file)
        # libpq hands these to the server at connect (libpq, PGOPTIONS): no application code is needed. What the
        # application sets there stays, such as the schema in which its tables are; of two settings the last one counts.
        milliseconds = round(float(self.contract.migrate_lock_timeout) * 1000)
        own = {**os.environ, **self.build.secrets, **self.further}.get("PGOPTIONS", "").strip()
        self.further["PGOPTIONS"] = f"{own} -c lock_timeout={milliseconds}".strip()
