"""Is a stanza of pgBackRest good enough to return to a moment of now? And how is that moment named?

pgBackRest Command Reference: `info` (JSON) and `check`; PostgreSQL documentation, "Backup Control Functions".
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible.module_utils.namaskah_host.commands import run
from ansible.module_utils.namaskah_host.failure import Failure

STANZA = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")
POINT = 63  # characters that a name of a restore point may have
MAY_MARK = "SELECT has_function_privilege('pg_catalog.pg_create_restore_point(text)', 'EXECUTE')"


@dataclass(frozen=True)
class Stanza:
    """One stanza, the program that knows it, and the service that reaches its server. `timeout` is in seconds."""

    name: str
    command: Sequence[str]
    service: str
    timeout: float

    def check(self) -> dict[str, Any]:
        """Return its newest good backup. Raises Failure where nothing could be returned to a moment of now."""
        if not STANZA.fullmatch(self.name) or not STANZA.fullmatch(self.service):
            raise self._refused(
                f"the stanza {self.name!r} or the service {self.service!r} has odd characters", "correct it"
            )
        newest = newest_backup(json.loads(self._ask("--output=json", "info")), self.name)
        if isinstance(newest, str):
            next_step = f"as its user: pgbackrest --stanza={self.name} backup; or leave point_in_time_stanza empty"
            raise self._refused(newest, next_step)
        self._ask("check")
        if self._query(MAY_MARK) != "t":
            grant = (
                "GRANT EXECUTE ON FUNCTION pg_create_restore_point(text) TO its role, in its database, as a superuser"
            )
            raise self._refused(f"the service {self.service} may not name a restore point", grant)
        return {"stanza": self.name, "newest_backup": newest["label"]}

    def mark(self, run_id: str) -> dict[str, Any]:
        """Name this moment after the run; return the name, its place in the log and how it is returned to."""
        name = f"namaskah-{re.sub(r'[^A-Za-z0-9_.-]', '-', run_id)}"[:POINT]
        place = self._query(f"SELECT pg_create_restore_point('{name}')")
        return {
            "changed": True,
            "stanza": self.name,
            "restore_point": name,
            "lsn": place,
            "restore": [
                "pg_ctlcluster VERSION CLUSTER stop",
                f"pgbackrest --stanza={self.name} --delta --type=name --target={name} --target-action=pause restore",
                "pg_ctlcluster VERSION CLUSTER start",
                "look at the data; then in psql: SELECT pg_wal_replay_resume()",
            ],
        }

    def _ask(self, *words: str) -> str:
        return run(
            [*self.command, f"--stanza={self.name}", *words],
            what=f"ask pgBackRest: {words[-1]}",
            timeout=self.timeout,
            apart=True,
            next_step="mend the archive (its log says more), or leave point_in_time_stanza empty",
        )

    def _query(self, text: str) -> str:
        words = ["psql", "-XAtq", "--no-password", "--set=ON_ERROR_STOP=1", f"--dbname=service={self.service}"]
        return run(
            [*words, f"--command={text}"],
            what="name a restore point",
            timeout=self.timeout,
            env={**os.environ, "PGCONNECT_TIMEOUT": "10"},
            apart=True,
            next_step="check the service and the rights of its role",
        ).strip()

    def _refused(self, why: str, next_step: str) -> Failure:
        return Failure("refused", "check the archive for a point in time", f"stanza {self.name}", why, next_step)


def newest_backup(told: Sequence[Mapping[str, Any]], name: str) -> Mapping[str, Any] | str:
    """Return the newest backup of a stanza without errors, by what `info` told; else why there is none, in words."""
    stanza = next((one for one in told if one.get("name") == name), None)
    if stanza is None:
        return "pgBackRest knows no stanza of that name"
    status = stanza.get("status") or {}
    if status.get("code") != 0:
        return f"pgBackRest says: {status.get('message', 'no status')}"
    good: list[Mapping[str, Any]] = [backup for backup in stanza.get("backup") or [] if not backup.get("error")]
    if not good:
        return "it has no good backup to begin from"
    return max(good, key=lambda backup: int(backup["timestamp"]["stop"]))
