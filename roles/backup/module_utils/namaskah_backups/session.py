"""A connection that is held open: psql as a coprocess, asked one question at a time, answering in JSON."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import selectors
import subprocess
import tempfile
from types import TracebackType
from typing import IO, Any, Literal, Self

from ansible.module_utils.namaskah_command import readable
from ansible.module_utils.namaskah_host.failure import Failure
from ansible.module_utils.namaskah_host.foreign import brief

from .settings import Settings
from .tools import Tools

_CANNOT_CONNECT = 2  # psql(1), exit status
_CHUNK = 1 << 16
# Statements that call no function: in the search path that a database or a role sets, its owner may have put one of his
# own before the server's, and a time that they set may be too short for what follows.
_FIRST = ("SET search_path = pg_catalog", "SET statement_timeout = 0")
# Text of values must not depend on who asks, and a hidden row must be an error. Settings that the server's version
# does not have are left out.
_SETUP = """
SELECT to_json(count(set_config(s.name, wanted.value, false))) FROM pg_catalog.pg_settings s JOIN (VALUES
    ('lock_timeout', '30s'), ('idle_in_transaction_session_timeout', '0'),
    ('idle_session_timeout', '0'), ('transaction_timeout', '0'), ('client_connection_check_interval', '2s'),
    ('client_encoding', 'UTF8'), ('standard_conforming_strings', 'on'),
    ('search_path', ''), ('row_security', 'off'), ('timezone', 'UTC'),
    ('datestyle', 'ISO, YMD'), ('intervalstyle', 'iso_8601'), ('extra_float_digits', '3'), ('bytea_output', 'hex'),
    ('xmlbinary', 'base64'), ('lc_monetary', 'C')
) AS wanted (name, value) ON lower(s.name) = wanted.name"""


class Session:
    """One connection to one database, made by `service` or to another database of its server."""

    def __init__(self, tools: Tools, settings: Settings, service: str, database: str = "") -> None:
        """Connect. Raises Failure (unreachable) when the server does not answer or refuses."""
        self._settings = settings
        self._where = f"PostgreSQL service {service}" + (f", database {database}" if database else "")
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the session
        self._buffer = b""
        words = ["--no-psqlrc", "--quiet", "--no-align", "--tuples-only", "--no-password", "--set=ON_ERROR_STOP=1"]
        self._psql = subprocess.Popen(
            [str(tools.folder / "psql"), *words, f"--dbname={address(service, database)}"],
            env=dict(tools.env),
            cwd="/",
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            start_new_session=True,
        )
        try:
            self._send("".join(f"{one};\n" for one in _FIRST))
            self.ask(_SETUP)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> Literal[False]:
        self.close()
        return False

    def ask(self, sql: str) -> Any:
        """The JSON value that a query of one row and one column gives. Raises Failure."""
        mark = f"end-{secrets.token_hex(8)}"
        self._send(f"{sql};\n\\echo {mark}\n")
        answer = self._receive(f"{mark}\n".encode())
        if not answer.strip():
            return None
        try:
            return json.loads(answer)
        except (ValueError, RecursionError):
            why = f"psql was to print one JSON value, and printed {brief(answer.decode(errors='replace'))!r}"
            next_step = "run psql by hand with this service: a wrapper or a setting of the role makes it say more"
            raise Failure("failed", "A question to the database failed", self._where, why, next_step) from None

    def do(self, statement: str) -> None:
        """Run a statement that answers nothing. Raises Failure."""
        self.ask(statement)

    def close(self) -> None:
        """End the connection; an open transaction is rolled back and its snapshot with it."""
        if self._psql.poll() is None:
            self._psql.kill()
        self._psql.wait()
        for stream in (self._psql.stdin, self._psql.stdout, self._errors):
            if stream is not None:
                with contextlib.suppress(BrokenPipeError):
                    stream.close()

    def _send(self, text: str) -> None:
        stdin = self._psql.stdin
        if stdin is None:
            raise self._lost()
        try:
            stdin.write(text.encode())
            stdin.flush()
        except BrokenPipeError as error:
            raise self._lost() from error

    def _receive(self, mark: bytes) -> bytes:
        """What psql prints before the mark."""
        stdout = self._psql.stdout
        if stdout is None:
            raise self._lost()
        with selectors.DefaultSelector() as selector:
            selector.register(stdout, selectors.EVENT_READ)
            while not self._buffer.endswith(mark):
                if not selector.select(self._settings.left()):
                    continue
                chunk = os.read(stdout.fileno(), _CHUNK)
                if not chunk:
                    raise self._lost()
                self._buffer += chunk
        answer, self._buffer = self._buffer.removesuffix(mark), b""
        return answer

    def _lost(self) -> Failure:
        """Why psql ended."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._psql.wait(timeout=5)
        self._errors.seek(0)
        why = (
            readable(self._errors.read().decode(errors="replace")) or f"psql ended with status {self._psql.returncode}"
        )
        if self._psql.returncode == _CANNOT_CONNECT:
            next_step = (
                "start the server, or correct its entry in the service file, .pgpass or pg_hba.conf; then try again"
            )
            if "startup parameter" in why:
                next_step = "that is a pooler: give the service the address of the server itself"
            if "authentication failed" in why:
                next_step = (
                    "provision again, which sets the role's login; look for functions in constraints of the "
                    "application that ALTER ROLE: a proof runs them"
                )
            return Failure("unreachable", "The database does not answer", self._where, why, next_step)
        return Failure("failed", "A question to the database failed", self._where, why, "mend the cause and try again")


def address(service: str, database: str = "") -> str:
    """The connection string of a service, or of another database on its server. It holds no password."""
    return f"service={service}" + (f" dbname={database}" if database else "")
