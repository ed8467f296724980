"""The new database: made from a backup, proved, given the old one's properties; dropped again when it is not wanted."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible.module_utils.namaskah_backups import dump, proof, warm
from ansible.module_utils.namaskah_backups import queries as backup_queries
from ansible.module_utils.namaskah_backups.manifest import Backup
from ansible.module_utils.namaskah_backups.proof import MAINTENANCE
from ansible.module_utils.namaskah_backups.session import Session, address
from ansible.module_utils.namaskah_backups.tools import Tools
from ansible.module_utils.namaskah_host.failure import Failure
from ansible.module_utils.namaskah_host.foreign import lines

from . import properties, queries, rights
from .settings import Asked

_NEXT = "nothing was changed; mend the cause and try again"


def create(tools: Tools, asked: Asked, wanted: Mapping[str, Any], like: properties.Properties, name: str) -> None:
    """An empty database with the backup's encoding and collation, of the live one's owner, closed to strangers."""
    words = ["createdb", "--no-password", f"--maintenance-db={address(asked.service, MAINTENANCE)}"]
    words += [f"--template={asked.backup.proof_template}", f"--encoding={wanted['encoding']}"]
    words += [*proof.locale_words(wanted), f"--owner={like['owner']}"]
    words += [] if like["tablespace"] == "pg_default" else [f"--tablespace={like['tablespace']}"]
    what = "The new database cannot be made"
    tools.run([*words, name], timeout=asked.backup.left(), what=what, where=asked.where, next_step=_NEXT)
    with rights.maintenance(tools, asked) as server:
        server.do(f"REVOKE ALL ON DATABASE {queries.name(name)} FROM PUBLIC")


def take_warm(tools: Tools, asked: Asked, backup: Backup, name: str) -> bool:
    """Take the proved copy that is kept of the backup, where there is one on this server with its owners."""
    kept = warm.of(backup.folder)
    if kept is None or not kept["owners"]:
        return False
    with rights.maintenance(tools, asked) as server:
        if kept["database"] not in server.ask(queries.DATABASES):
            return False
        warm.forget(backup.folder)
        server.do(f"ALTER DATABASE {queries.name(kept['database'])} RENAME TO {queries.name(name)}")
    return True


def fill(tools: Tools, asked: Asked, path: Path, name: str) -> None:
    """Restore the dump into the new database with owners, rights and comments, stopping at the first error.

    Left out are subscriptions, which would take part in the live replication, and comments on extensions that the
    template brought, which belong to somebody else.
    """
    with _chosen(tools, asked, path, name) as chosen:
        words = ["pg_restore", "--no-password", "--exit-on-error", f"--jobs={dump.jobs(asked.backup)}"]
        words += ["--no-subscriptions", f"--use-list={chosen}"]
        words += [f"--dbname={address(asked.service, name)}", str(path)]
        what = "The backup cannot be restored"
        tools.run(
            words, timeout=asked.backup.left(), what=what, where=str(path), next_step=_NEXT, env=proof.fast(tools)
        )


@contextlib.contextmanager
def _chosen(tools: Tools, asked: Asked, path: Path, name: str) -> Any:
    """A file that lists what of the dump is restored."""
    what = "The dump's contents cannot be listed"
    listed = tools.run(
        ["pg_restore", "--list", str(path)], timeout=asked.backup.left(), what=what, where=str(path), next_step=_NEXT
    )
    with Session(tools, asked.backup, asked.service, name) as session:
        there = set(session.ask(backup_queries.EXTENSIONS))
    kept = [line for line in lines(listed) if not _is_comment_on(line, there)]
    with tempfile.NamedTemporaryFile("w", encoding="utf-8") as chosen:
        chosen.write("\n".join(kept) + "\n")
        chosen.flush()
        yield chosen.name


def _is_comment_on(line: str, extensions: set[str]) -> bool:
    return any(f" COMMENT - EXTENSION {name} " in f"{line} " or f' COMMENT - EXTENSION "{name}" ' in f"{line} "
               for name in extensions)  # fmt: skip


def analyze(tools: Tools, asked: Asked, name: str) -> None:
    """Give the planner its statistics: a database without them answers correctly, and far too slowly."""
    with Session(tools, asked.backup, asked.service, name) as session:
        session.do("ANALYZE")


def clone(server: Session, name: str, to: str) -> None:
    """An untouched copy of the new database, which the exact report needs when the new one is written to already."""
    server.do(f"CREATE DATABASE {queries.name(to)} TEMPLATE {queries.name(name)}")
    server.do(f"REVOKE ALL ON DATABASE {queries.name(to)} FROM PUBLIC")


def drop(tools: Tools, asked: Asked, name: str) -> None:
    """Drop a database. Raises Failure."""
    words = ["dropdb", "--no-password", "--if-exists", "--force"]
    words += [f"--maintenance-db={address(asked.service, MAINTENANCE)}", name]
    next_step = f"end what uses it, then: dropdb {name}"
    tools.writing().run(words, timeout=120, what="A database cannot be dropped", where=name, next_step=next_step)


def sweep(tools: Tools, asked: Asked, server: Session, keep: str = "") -> list[str]:
    """Drop the databases that killed restores of this root left; their names."""
    left: list[str] = []
    for kind in ("restore", "ref"):
        left += server.ask(backup_queries.SCRATCH.format(prefix=backup_queries.literal(asked.scratch(kind))))
    gone = [name for name in left if name != keep]
    for name in gone:
        drop(tools, asked, name)
    return gone


def check_same(server: Session, wanted: properties.Properties, name: str) -> list[str]:
    """Notes on what the new database has otherwise without harm. Raises Failure when a property was not carried."""
    found = properties.read(server, name)
    wrong = properties.differences(wanted, found)
    if wrong:
        why = "; ".join(wrong)
        raise Failure("failed", "The new database is not like the live one", name, why, _NEXT)
    if found["collation_version"] == wanted["collation_version"]:
        return []
    versions = f"{wanted['collation_version']}, and the new one {found['collation_version']}"
    return [f"the live database's indexes were made with collation version {versions}"]
