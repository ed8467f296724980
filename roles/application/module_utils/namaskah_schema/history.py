"""What does a release's own code say about migrations: which it knows, which are pending, their SQL, how they go back?

A preset has a program that answers all of it (answers.py), or commands whose lines are read. The named groups of
`known_pattern` are places in further commands, as {migration} is.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from ansible.module_utils.namaskah_host import launch, package
from ansible.module_utils.namaskah_host.build import Build, variables_of
from ansible.module_utils.namaskah_host.commands import conceal
from ansible.module_utils.namaskah_host.contract import Contract
from ansible.module_utils.namaskah_host.failure import Failure
from ansible.module_utils.namaskah_host.foreign import brief, last_line, lines
from ansible.module_utils.namaskah_host.release import Release, current

from . import answers, asked
from .answers import Answer, Migration, Text, Used

T = TypeVar("T")
SQL_TIMEOUT = 60.0  # seconds for the SQL of one migration by a command
MOST = 60  # migrations whose SQL is asked for by a command: each costs a start of the application's own program


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
        self._answer: Answer | None = None

    @property
    def answers(self) -> bool:
        """Whether a program of the preset says it all; otherwise lines of commands are read."""
        return bool(self.contract.raw.get("answer_command") and self.contract.raw.get("answer_program"))

    @property
    def lists(self) -> bool:
        """Whether anything tells which migrations are pending."""
        return self.answers or bool(self.contract.pending_command)

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
        if self.answers:
            return list(self._listing().known)
        return read_known(self.contract, self._ask(self.contract.known_command, "list the known migrations"))

    def pending(self) -> list[str]:
        """Return the names of the pending migrations, oldest first; none where the application has no such command."""
        if self.answers:
            said = self._listing()
            if said.unsure:
                raise Failure("failed", "list the pending migrations", self.contract.host, said.unsure, answers.NEXT)
            return list(said.pending)
        return read_pending(self.contract, self._ask(self.contract.pending_command, "list the pending migrations"))

    def named(self, names: list[str]) -> list[Migration]:
        """Return the known migrations of these names, oldest first."""
        return [migration for migration in self.known() if migration.name in names]

    def texts(self, migrations: Iterable[Migration], *, backwards: bool = False) -> dict[str, Text]:
        """Return the statements of each migration, or of each reversal, by its name."""
        wanted = list(migrations)
        if not self.answers:
            return {one.name: self._printed(one, place, backwards) for place, one in enumerate(wanted)}
        key = "reverse" if backwards else "sql"
        have: dict[str, Text] = getattr(self._listing(), key) if wanted else {}
        missing = [one.name for one in wanted if one.name not in have]
        if missing:
            have = have | getattr(self._asked("print the SQL of migrations", {key: missing}), key)
        return {one.name: have.get(one.name, Text("", "the release's code said nothing of it")) for one in wanted}

    def _printed(self, migration: Migration, place: int, backwards: bool) -> Text:
        """Return what a command prints of one migration."""
        words = self.contract.reverse_sql_command if backwards else self.contract.sql_command
        if backwards and not words:
            return Text("")
        if not words or (place >= MOST and not backwards):
            what = f"more than {MOST} migrations: the SQL of this one was not asked for"
            return Text("", what if words else "its SQL cannot be printed: the preset has no command for it")
        try:
            text = self.run(launch.fill(words, migration.places), "print SQL", SQL_TIMEOUT)
        except Failure as failure:
            why = last_line(failure.why) or "no reason was given"
            return Text("", why if backwards else f"its SQL cannot be printed: {why}")
        pattern = self.contract.unseen_pattern
        unseen = bool(pattern) and re.search(pattern, text) is not None
        return Text(text, "it runs code of the application, which no SQL shows" if unseen else "")

    def forget(self) -> None:
        """Ask anew: somebody has changed the database."""
        self._said.clear()
        self._answer = None

    def migrate(self) -> None:
        """Apply everything that is pending. Raises Failure."""
        self.forget()
        self.run(self.contract.migrate_command, "migrate the database")

    def reversal(self, migration: Migration) -> list[str]:
        """Return the words of the command that takes one migration back; none where the preset has none."""
        return launch.fill(launch.fill(self.contract.reverse_command, migration.places), self.build.places)

    def reverse(self, migration: Migration) -> None:
        """Take one migration back. Raises Failure, also where the command says that it did and did not."""
        if migration.beside:
            why = f"a part of it is in another database, which is not reversed with it: {', '.join(migration.beside)}"
            next_step = "reverse it by hand, in each of its databases, from the release's folder"
            raise Failure("failed", f"reverse {migration.name}", self.contract.host, why, next_step)
        self.forget()
        self.run(launch.fill(self.contract.reverse_command, migration.places), f"reverse {migration.name}")
        if self.lists and migration.name not in self.pending():
            next_step = "reverse it by hand from the release's folder"
            raise Failure("failed", f"reverse {migration.name}", self.contract.host, "it is applied still", next_step)

    def run(self, words: list[str], what: str, timeout: float = 0) -> str:
        """Run a command of the release with the environment of migrations."""
        self._read_environment()
        return self.build.command(words, what, timeout or self.contract.migrate_timeout, self.further)

    def _listing(self) -> Answer:
        """Return the answer of the preset's program, once for all who ask before anything changes."""
        if self._answer is None:
            live = current(self.contract)
            # What is pending is judged where an older release serves.
            judged = live is not None and live.id != self.release.id
            self._answer = self._asked("list the migrations", {"pending_sql": judged, "session": answers.SESSION})
        return self._answer

    def used(self, question: str) -> tuple[Used, ...]:
        """Return the databases that the application uses, by the environment of its services. Raises Failure."""
        what = "ask which database the application uses"
        self._read_environment()
        commands = [[str(word) for word in one.get("command", ())] for one in self.contract.services.values()]
        request = {"databases": question, "services": commands}
        secrets = self.contract.secrets_of(self.variables)
        found = self._said_by_program(what, request, {}, answers.read_used)
        # A note may have an error of the application's own, and that may have anything.
        return tuple(replace(one, note=brief(conceal(one.note, secrets))) for one in found)

    def session(self) -> tuple[str, ...]:
        """Return lock_timeout and schemas of the connection with which the application migrates, as far as is known."""
        return self._listing().session if self.answers else ()

    def address(self) -> str:
        """Return the address that the inventory's command prints of the application's database. Raises Failure."""
        self._read_environment()
        what, words = "ask which database the application uses", self.contract.raw["database_command"]
        return self.build.command(words, what, self.contract.migrate_timeout).strip()

    def _asked(self, what: str, request: dict[str, Any]) -> Answer:
        self._read_environment()
        return self._said_by_program(what, request, self.further, answers.read)

    def _said_by_program(
        self, what: str, request: dict[str, Any], further: dict[str, str], read: Callable[..., T]
    ) -> T:
        """Start the preset's program with the release's interpreter, and read its document. Raises Failure."""
        words, program = self.contract.raw["answer_command"], self.contract.raw["answer_program"]
        # A file, not a pipe: nobody reads before the end. It has no name, and goes with the descriptor.
        with tempfile.TemporaryFile() as document:
            call = f"respond({program!a}, {document.fileno()}, {request!a})"
            source = f"{package.source_of(asked)}\n{call}\n"
            timeout = self.contract.migrate_timeout
            self.build.command(words, what, timeout, further, stdin=source, keep=(document.fileno(),))
            document.seek(0, os.SEEK_SET)
            data = document.read()
        try:
            return read(data, what=what, where=self.contract.host, program=" ".join(words[:3]))
        except Failure as failure:
            why = conceal(failure.why, self.contract.secrets_of(self.variables))
            raise Failure(failure.kind, failure.what, failure.where, why, failure.next_step) from None

    def _ask(self, words: list[str], what: str) -> str:
        """Return what a command that only reads says, once for all who ask before anything changes."""
        if words and tuple(words) not in self._said:
            self._said[tuple(words)] = self.run(words, what)
        return self._said[tuple(words)] if words else ""

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


def read_pending(contract: Contract, text: str) -> list[str]:
    """Return the names in what the command for pending migrations printed, oldest first."""
    found = (re.match(contract.pending_pattern, line.strip()) for line in lines(text) if contract.pending_pattern)
    names = [match.group(1) for match in found if match]
    return names[::-1] if contract.known_newest_first else names


def read_known(contract: Contract, text: str) -> list[Migration]:
    """Return the migrations in what the command for all of them printed, oldest first."""
    pattern = contract.known_pattern
    matches = [match for line in lines(text) if pattern and (match := re.match(pattern, line.strip()))]
    found: list[Migration] = []
    before: dict[str, str] = {}
    for match in matches[::-1] if contract.known_newest_first else matches:
        places = {name: value or "" for name, value in match.groupdict().items()}
        group = places.get("app", "")
        places.setdefault("before", before.get(group, contract.known_before_first))
        before[group] = places.get("name", places["migration"])
        found.append(Migration(places["migration"], places))
    return found
