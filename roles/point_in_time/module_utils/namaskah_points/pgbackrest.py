"""Is a stanza of pgBackRest good enough to return to a moment of now? And how is that moment named?

pgBackRest Command Reference: `info` (JSON) and `check`; PostgreSQL documentation, "Backup Control Functions".
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible.module_utils.namaskah_host.commands import listed, parsed, run
from ansible.module_utils.namaskah_host.failure import Failure

STANZA = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")
POINT = 63  # characters that a name of a restore point may have
# A right given in the application's own database stands in its dumps, and only a superuser can restore such a dump.
DATABASE = "postgres"
STATE = """
SELECT json_build_object(
    'archive_mode', current_setting('archive_mode'), 'user', current_user,
    'may_mark', has_function_privilege('pg_catalog.pg_create_restore_point(text)', 'EXECUTE'),
    'failed', failed_count, 'failed_segment', last_failed_wal,
    'failed_at', to_char(last_failed_time AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
    'failing', last_failed_time > coalesce(last_archived_time, '-infinity'))
FROM pg_stat_archiver"""
DAY = 86400


@dataclass(frozen=True)
class Stanza:
    """One stanza, the program that knows it, and the service that reaches its server.

    `timeout` is in seconds. `days` is how old the newest good backup may be, 0 for any age.
    """

    name: str
    command: Sequence[str]
    service: str
    timeout: float
    days: float = 0

    def check(self) -> dict[str, Any]:
        """Return its newest good backup. Raises Failure where nothing could be returned to a moment of now."""
        if not STANZA.fullmatch(self.name) or not STANZA.fullmatch(self.service):
            raise self._refused(
                f"the stanza {self.name!r} or the service {self.service!r} has odd characters", "correct it"
            )
        newest = newest_backup(self._told(), self.name)
        make_one = f"as its user: pgbackrest --stanza={self.name} backup; or leave point_in_time_stanza empty"
        if isinstance(newest, str):
            raise self._refused(newest, make_one)
        age = (time.time() - int(newest["timestamp"]["stop"])) / DAY
        if self.days and age > self.days:
            why = (
                f"its newest good backup, {newest['label']}, is {age:.1f} days old; point_in_time_days is {self.days:g}"
            )
            raise self._refused(why, make_one)
        state = self._state()
        if state["archive_mode"] == "off":
            why = "archive_mode is off, so what is written since the last backup is kept nowhere"
            raise self._refused(why, "set archive_mode = on and an archive_command, and restart PostgreSQL")
        if not state["may_mark"]:
            why = f"{state['user']}, the role of the service {self.service}, may not name a restore point"
            grant = f"GRANT EXECUTE ON FUNCTION pg_create_restore_point(text) TO {state['user']}"
            raise self._refused(why, f"as a superuser in the database {DATABASE}, not in the application's: {grant}")
        self._check_archive()
        return {"stanza": self.name, "newest_backup": newest["label"], "newest_backup_days": round(age, 2)}

    def mark(self, run_id: str) -> dict[str, Any]:
        """Name this moment after the run; return the name, its place in the log and how it is returned to.

        Raises Failure when the name does not reach the archive, for then nobody could return to it.
        """
        name = f"namaskah-{re.sub(r'[^A-Za-z0-9_.-]', '-', run_id)}"[:POINT]
        place = self._query(f"SELECT pg_create_restore_point('{name}')")
        self._check_archive()
        back = f"pgbackrest --stanza={self.name} --delta --type=name --target={name} --target-action=pause restore"
        return {
            "changed": True,
            "stanza": self.name,
            "restore_point": name,
            "lsn": place,
            "command": back,
            "restore": [
                "pg_ctlcluster VERSION CLUSTER stop",
                back,
                "pg_ctlcluster VERSION CLUSTER start",
                "look at the data; then in psql: SELECT pg_wal_replay_resume()",
            ],
        }

    def _check_archive(self) -> None:
        """Have the log's present segment archived, and wait for it. Raises Failure with PostgreSQL's words as well."""
        try:
            self._ask("check")
        except Failure as failure:
            state = self._state()
            failed = (
                f"archive_command failed {state['failed']} times, the last time at {state['failed_at']} with "
                f"{state['failed_segment']}; "
            )
            why = f"what is written now does not reach the archive: {failed if state['failing'] else ''}{failure.why}"
            next_step = "mend archive_command (PostgreSQL's log has its words), or leave point_in_time_stanza empty"
            raise self._refused(why, next_step) from failure

    def _state(self) -> dict[str, Any]:
        next_step = "run psql by hand with this service: what it prints first comes from a wrapper or its settings"
        state: dict[str, Any] = parsed(self._query(STATE), what="ask the archive", program="psql", next_step=next_step)
        return state

    def _told(self) -> Any:
        said = self._ask("--output=json", "info")
        next_step = "run the command by hand: point_in_time_command may be a wrapper that prints of its own"
        what = "ask pgBackRest: info"
        return listed(said, ("name",), what=what, program=str(self.command[-1]), next_step=next_step)

    def _ask(self, *words: str) -> str:
        return run(
            [*self.command, f"--stanza={self.name}", *words],
            what=f"ask pgBackRest: {words[-1]}",
            timeout=self.timeout,
            next_step="mend the archive (its log says more), or leave point_in_time_stanza empty",
        )

    def _query(self, text: str) -> str:
        address = f"service={self.service} dbname={DATABASE}"
        words = ["psql", "-XAtq", "--no-password", "--set=ON_ERROR_STOP=1", f"--dbname={address}"]
        return run(
            [*words, f"--command={text}"],
            what="ask the server of the archive",
            timeout=self.timeout,
            env={**os.environ, "PGCONNECT_TIMEOUT": "10", "PGOPTIONS": "-c search_path= -c local_preload_libraries="},
            next_step=f"let the service's role into the database {DATABASE}: lines of pg_hba.conf and .pgpass",
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
