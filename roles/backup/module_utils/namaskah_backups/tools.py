"""Which PostgreSQL client programs are used, and how they are run. No password is ever theirs to carry."""

from __future__ import annotations

import contextlib
import os
import pwd
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from ansible.module_utils.namaskah_command import CommandTimeoutError, Done, Program, readable
from ansible.module_utils.namaskah_host.failure import Failure

from .settings import Settings

_DEBIAN = Path("/usr/lib/postgresql")
_NEEDED = ("psql", "pg_dump", "pg_restore", "createdb", "dropdb")
_INHERITED = ("PATH", "PGSYSCONFDIR", "PGSERVICEFILE", "PGPASSFILE", "PGSSLROOTCERT", "TMPDIR")
# What the settings of a role or a database may not decide, for these go before them (libpq, PGOPTIONS): SQL of the
# application that a proof ran may have changed its role's own, and the owner of a database sets those of the database.
# In an empty search path there is the server's own schema alone.
_ALWAYS = (
    *("search_path=", "local_preload_libraries="),
    *("statement_timeout=0", "lock_timeout=0", "idle_in_transaction_session_timeout=0"),
)
_READING = (*_ALWAYS, "default_transaction_read_only=on")
_WRITING = (
    *(*_ALWAYS, "role=none", "default_transaction_read_only=off", "default_transaction_isolation=read\\ committed"),
    *("default_tablespace=", "temp_tablespaces="),
)
_SINCE = {"idle_session_timeout=0": 14, "transaction_timeout=0": 17}  # an unknown one is an error of the login
_VERSION = re.compile(r"\(PostgreSQL\) (\d+)(\S*)")


@dataclass(frozen=True)
class Tools:
    """The client programs of one folder. `version` is as pg_dump gives it, `lock` a descriptor that they inherit."""

    folder: Path
    version: str
    env: Mapping[str, str] = field(repr=False)
    lock: int = -1
    server: int = 0  # major version of the server where they write, where it is known

    @property
    def major(self) -> int:
        """PostgreSQL's major version of these programs."""
        return int(self.version.split(".")[0])

    def writing(self) -> Tools:
        """The same programs for a role that makes databases, whatever settings that role was given."""
        return self._with(_WRITING)

    def writing_at(self, address: str) -> Tools:
        """The same, with what the server at this address knows besides. It says its version without being asked."""
        words = [str(self.folder / "psql"), "-XAtq", "--no-password", f"--dbname={address}"]
        asking = Program([*words, "--command=\\echo :SERVER_VERSION_NUM"], env=self.writing().env, cwd="/")
        number = ""
        with contextlib.suppress(CommandTimeoutError):  # who asks next says so
            number = asking.finish(60).out.strip()
        return replace(self, server=int(number) // 10000 if number.isdecimal() else 0).writing()

    def reading(self) -> Tools:
        """The same programs for a role that only reads."""
        return self._with(_READING)

    def _with(self, settings: Sequence[str]) -> Tools:
        known = (setting for setting, version in _SINCE.items() if version <= self.server)
        return replace(self, env={**self.env, "PGOPTIONS": " ".join(f"-c {one}" for one in (*settings, *known))})

    def start(self, argv: Sequence[str], env: Mapping[str, str] | None = None) -> Program:
        """Start one of the programs. It holds the lock, so that it is held as long as anybody works for it."""
        words = [str(self.folder / argv[0]), *argv[1:]]
        return Program(words, env={**self.env, **(env or {})}, cwd="/", keep_open=[self.lock] if self.lock >= 0 else [])

    def run(self, argv: Sequence[str], *, timeout: float, what: str, where: str, next_step: str,
            env: Mapping[str, str] | None = None) -> str:  # fmt: skip
        """Run one of the programs to its good end and give back its output; else raise Failure."""
        return finish(self.start(argv, env), timeout=timeout, what=what, where=where, next_step=next_step)


def finish(program: Program, *, timeout: float, what: str, where: str, next_step: str) -> str:
    """Wait for the good end of a program and give back its output; else raise Failure."""
    try:
        done = program.finish(timeout)
    except CommandTimeoutError as error:
        raise Failure("timeout", what, where, str(error), next_step) from error
    if done.status != 0:
        raise Failure("failed", what, where, f"{program.name} {reason(done)}", next_step)
    return done.out


def reason(done: Done) -> str:
    """How a program ended, in words: the signal or the status, and what it said."""
    ended = f"was ended by signal {-done.status}" if done.status < 0 else f"ended with status {done.status}"
    said = readable(done.err)
    return f"{ended}: {said}" if said else ended


def environment(settings: Settings) -> dict[str, str]:
    """The whole environment of the client programs: where the credentials stand, never what they are."""
    env = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    env |= {"HOME": os.environ.get("HOME") or pwd.getpwuid(os.geteuid()).pw_dir, "LC_ALL": "C.UTF-8", "PGTZ": "UTC"}
    env |= {"PGAPPNAME": "namaskah-backup", "PGCONNECT_TIMEOUT": "10"}
    if settings.service_file:
        env["PGSERVICEFILE"] = settings.service_file
    if settings.pass_file:
        env["PGPASSFILE"] = settings.pass_file
    return env


def candidates(settings: Settings) -> list[Tools]:
    """Every complete set of client programs on this host, the newest first; a configured folder is the only one."""
    if settings.client_path:
        folders = [Path(settings.client_path)]
    else:
        on_path = shutil.which("pg_dump")
        folders = sorted(_DEBIAN.glob("*/bin")) + ([Path(on_path).parent] if on_path else [])
    env = environment(settings)
    found = [Tools(folder, _version(folder, env), env).reading() for folder in folders if _is_complete(folder)]
    if not found:
        where = f"{settings.contract['host']}: {', '.join(map(str, folders)) or 'PATH'}"
        why = f"the programs {', '.join(_NEEDED)} are not all there"
        next_step = "install the package postgresql-client, or set backup_client_path"
        raise Failure("refused", "There are no PostgreSQL client programs", where, why, next_step)
    return sorted(found, key=lambda tools: tools.major, reverse=True)


def choose(found: Sequence[Tools], server: int, where: str) -> Tools:
    """The programs of the server's own major version, else the nearest newer ones; older ones cannot dump it.

    See pg_dump(1): it refuses servers newer than itself, and its output loads into its own version or a newer one.
    """
    fit = [tools for tools in found if tools.major >= server]
    if fit:
        return min(fit, key=lambda tools: tools.major)
    newest = max(found, key=lambda tools: tools.major)
    why = f"the newest pg_dump here is {newest.version} ({newest.folder}), the server is version {server}"
    next_step = f"install postgresql-client-{server} on the host that makes backups"
    raise Failure("refused", "pg_dump is older than the server", where, why, next_step)


def _is_complete(folder: Path) -> bool:
    return all(os.access(folder / name, os.X_OK) for name in _NEEDED)


def _version(folder: Path, env: Mapping[str, str]) -> str:
    program = Program([str(folder / "pg_dump"), "--version"], env=env)
    next_step = "install the package again, or set backup_client_path"
    out = finish(program, timeout=30, what="pg_dump does not start", where=str(folder), next_step=next_step)
    match = _VERSION.search(out)
    if not match:
        what = "pg_dump does not say its version"
        raise Failure("failed", what, str(folder), f"it said {readable(out)!r}", next_step)
    return match.group(1) + match.group(2)
