"""Who else is at work in the database, and how is it kept for one run? A session held beside the migrations."""

from __future__ import annotations

import contextlib
import hashlib
import json
import select
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ansible.module_utils.namaskah_host import commands, database_address, launch, package
from ansible.module_utils.namaskah_host.failure import Failure
from ansible.module_utils.namaskah_host.foreign import brief

from . import client

PATIENCE = 30.0  # seconds for one answer
WITHOUT = {
    client.POOLED: "the address in {variable} leads to a pooler, where no lock is kept and no time limit is sure; "
    "give migrations the address of the server itself, in namaskah_migrate_env_file",
    client.NO_DRIVER: "the virtualenv has no driver that is known (psycopg, psycopg2, asyncpg)",
}
# The backups of this tool name their pg_dump after themselves.
_DUMPS = """
SELECT pid, application_name, usename::text, coalesce(host(client_addr), 'the server itself'), xact_start::text
  FROM pg_stat_activity
 WHERE datname = current_database() AND application_name IN ('pg_dump', 'namaskah-backup') AND pid <> pg_backend_pid()
"""
_HOLDERS = """
SELECT activity.pid, activity.application_name, activity.usename::text,
       coalesce(host(activity.client_addr), 'the server itself'), activity.backend_start::text
  FROM pg_locks JOIN pg_stat_activity AS activity USING (pid)
 WHERE locktype = 'advisory' AND granted AND objsubid = 1 AND pid <> pg_backend_pid()
   AND (classid::bigint << 32 | objid::bigint) = %s::bigint
   AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
_INVALID = "SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid ORDER BY 1"
_TABLES = """
SELECT nspname::text, relname::text, pg_table_is_visible(pg_class.oid), pg_total_relation_size(pg_class.oid),
       attname::text, format_type(atttypid, atttypmod), attnotnull
  FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid JOIN pg_namespace ON pg_namespace.oid = relnamespace
 WHERE relkind IN ('r', 'p') AND attnum > 0 AND NOT attisdropped
   AND relname = ANY (string_to_array(%s, chr(10)))
"""


class Session:
    """One connection, as the owner of the tables. It lives as long as the block in which it was opened."""

    def __init__(self, process: subprocess.Popen[str], secrets: Mapping[str, str], where: str) -> None:
        self.process = process
        self.secrets = secrets
        self.where = where

    def ask(self, query: str, *values: Any) -> list[list[Any]]:
        """Return the rows of `query`. Raises Failure with the server's words."""
        return self._say({"query": query, "values": values})

    def _say(self, line: Mapping[str, Any]) -> list[list[Any]]:
        if self.process.stdin is None:
            raise AssertionError("it was opened with a pipe")
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write(json.dumps(line) + "\n")
            self.process.stdin.flush()
        return self._answer()

    def _answer(self) -> list[list[Any]]:
        if self.process.stdout is None:
            raise AssertionError("it was opened with a pipe")
        ready, _, _ = select.select([self.process.stdout], [], [], PATIENCE)
        line = self.process.stdout.readline() if ready else ""
        answer: dict[str, Any] = (
            _parsed(line) if line else {"error": "no answer" if not ready else "the connection ended"}
        )
        if "error" in answer:
            why = commands.conceal(str(answer["error"]), self.secrets).strip()
            next_step = "check that the database answers, and the address in the environment file of migrations"
            raise Failure("failed", "speak with the database", self.where, why, next_step)
        rows: list[list[Any]] = answer["rows"]
        return rows

    def dumps(self) -> list[str]:
        """Return who dumps the database now, in words."""
        return [_described(row) for row in self.ask(_DUMPS)]

    def invalid_indexes(self) -> set[str]:
        """Return the indexes that PostgreSQL does not use, such as those that a failed concurrent build leaves."""
        return {str(row[0]) for row in self.ask(_INVALID)}

    def catalogue(self, names: Iterable[str]) -> dict[str, dict[str, Any]]:
        """Return what is known (see judgement.py) of those of `names` that are tables, in whichever schema.

        Each is there with its schema before its name, and without it where this session needs none.
        """
        found: dict[str, dict[str, Any]] = {}
        for schema, table, visible, size, column, kind, required in self.ask(_TABLES, "\n".join(sorted(names))):
            for name in (f"{schema}.{table}", *([table] if visible else ())):
                one = found.setdefault(name, {"bytes": int(size), "columns": {}, "required": []})
                one["columns"][column] = kind
                one["required"] += [column] if required else []
        return found

    def keep(self, app: str, wait: float) -> bool:
        """Take the lock of the application's migrations; the server frees it when this session ends.

        Return whether it had to be waited for: whoever had it may have changed the database.

        Raises Failure (refused) when another session has it for longer than `wait` seconds.
        """
        end, waited = time.monotonic() + wait, False
        while not self.ask("SELECT pg_try_advisory_lock(%s::bigint)", key(app))[0][0]:
            if time.monotonic() >= end:
                holders = [_described(row) for row in self.ask(_HOLDERS, key(app))]
                raise Failure(
                    "refused",
                    "keep the database for one run",
                    self.where,
                    f"another run migrates it: {'; '.join(holders) or 'its session has just ended'}",
                    f"wait for that run, or longer: namaskah_migrate_wait (now {wait:g} s); what is left ends with "
                    "SELECT pg_terminate_backend(PID)",
                )
            waited = True
            time.sleep(0.5)
        return waited

    def await_dumps(self, wait: float) -> None:
        """Wait until nobody dumps the database: behind a migration that waits for a dump waits everybody.

        Raises Failure (refused) after `wait` seconds.
        """
        end = time.monotonic() + wait
        while found := self.dumps():
            if time.monotonic() >= end:
                raise Failure(
                    "refused",
                    "migrate beside no dump",
                    self.where,
                    f"the database is being dumped: {'; '.join(found)}",
                    f"release again after that dump, or wait longer: namaskah_migrate_wait (now {wait:g} s); "
                    "what a killed pg_dump left ends with SELECT pg_terminate_backend(PID)",
                )
            time.sleep(0.5)


def key(app: str) -> int:
    """Return the number of the lock: the same for every run, host and version of this tool."""
    return int.from_bytes(
        hashlib.sha256(f"namaskah-deploy migrations of {app}".encode()).digest()[:8], "big", signed=True
    )


def _parsed(line: str) -> dict[str, Any]:
    """Return the program's answer; a driver or the start of the interpreter may print lines of its own."""
    try:
        answer = json.loads(line)
    except (ValueError, RecursionError):
        answer = None
    if isinstance(answer, dict) and (_are_rows(answer) or (answer.keys() == {"error"} and answer["error"])):
        return answer
    return {"error": f"the release's interpreter was to answer in JSON, and printed {brief(line)!r}"}


def _are_rows(answer: dict[str, Any]) -> bool:
    """Whether it is a list of rows alone, all as long as the first; what a driver logs in JSON has other names."""
    rows = answer.get("rows")
    if answer.keys() != {"rows"} or not isinstance(rows, list) or not all(isinstance(row, list) for row in rows):
        return False
    return len({len(row) for row in rows}) < 2  # noqa: PLR2004 - two make a difference


def _described(row: list[Any]) -> str:
    pid, name, user, place, since = row
    return f"{name or 'a session'} of {user} from {place}, pid {pid}, since {since}"


@contextlib.contextmanager
def opened(venv: Path, variables: Mapping[str, str], variable: str, where: str) -> Iterator[tuple[Session | None, str]]:
    """Open a session for the block; give none, with the reason, where the application's database offers none.

    `variables` are the application's, `variable` names the one with the address; nothing of it stands in a command
    line. Raises Failure where the database is PostgreSQL and cannot be reached.
    """
    if not variable:
        yield None, "namaskah_database_variable names no variable with its address"
        return
    env = launch.environment(variables, str(venv))
    try:
        address = database_address.parse(env.get(variable, ""))
        greeting = address.for_libpq() if address else {}
    except ValueError as error:
        yield None, f"the address in {variable} cannot be read: {error}"
        return
    if address is None:
        yield None, f"the variable {variable} holds no address of PostgreSQL"
        return
    process = subprocess.Popen(
        [str(venv / "bin/python"), "-c", package.source_of(client)],
        env=env,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        encoding="utf-8",
        errors="replace",
        start_new_session=True,
    )
    try:
        session = Session(process, variables, where)
        try:
            session._say(greeting)  # noqa: SLF001 - the greeting
        except Failure:
            process.wait(PATIENCE)
            if process.returncode not in WITHOUT:
                raise
            yield None, WITHOUT[process.returncode].format(variable=variable)
        else:
            yield session, ""
    finally:
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            if stream:
                with contextlib.suppress(BrokenPipeError):
                    stream.close()
