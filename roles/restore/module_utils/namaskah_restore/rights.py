"""What a restore may not do, and what stands in its way: named before anything is begun."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from ansible.module_utils.namaskah_backups.catalogue import some
from ansible.module_utils.namaskah_backups.manifest import Backup
from ansible.module_utils.namaskah_backups.proof import MAINTENANCE
from ansible.module_utils.namaskah_backups.queries import literal
from ansible.module_utils.namaskah_backups.session import Session
from ansible.module_utils.namaskah_backups.tools import Tools
from ansible.module_utils.namaskah_host.failure import Failure

from . import queries
from .settings import Asked

_NAME = re.compile(r"[0-9A-Za-z_][0-9A-Za-z_.-]{0,62}")
_RIGHT_TO_SET = 150000  # server_version_num; see GRANT, "SET"
SLOTS, SUPERUSERS = "replication-slots", "superuser-sessions"


def check_role(server: Session, asked: Asked, properties: Mapping[str, Any], owners: Sequence[str]) -> None:
    """Raise Failure that lists every right which the restoring role lacks, with the statement that gives it."""
    state = server.ask(queries.ROLE)
    user = queries.name(state["user"])
    if state["recovering"]:
        why, next_step = "it is a standby, which can be changed by its primary only", "name the primary's service"
        raise Failure("refused", "The database cannot be restored here", asked.where, why, next_step)
    if state["superuser"]:
        return
    needed = {*owners, properties["owner"], *(role for role, _ in properties["settings"] if role)}
    lacking = sorted(needed - set(state["acts_for"]))
    wrongs = [
        (not state["create"], f"it may not create or rename databases (ALTER ROLE {user} CREATEDB)"),
        (not state["stats"], f"it does not see what sessions do (GRANT pg_read_all_stats TO {user})"),
        *((True, f"it has not the rights of {role} (GRANT {queries.name(role)} TO {user})") for role in lacking),
    ]
    wrongs += [
        (True, f"{role} may not give the setting {name} (GRANT SET ON PARAMETER {name} TO {queries.name(role)})")
        for name, role in _unsettable(server, properties)
    ]
    said = [why for holds, why in wrongs if holds]
    if said:
        next_step = "give the role what is named in brackets, or provision with provision_database_restore"
        raise Failure(
            "refused", f"{state['user']} cannot restore the database", asked.where, "; ".join(said), next_step
        )


def _unsettable(server: Session, properties: Mapping[str, Any]) -> list[list[str]]:
    """Settings of the database, each with the role that would have to give it and may not."""
    wanted = [(role, entry.partition("=")[0]) for role, entries in properties["settings"] for entry in entries]
    allowed = queries.MAY_SET if server.ask(queries.VERSION) >= _RIGHT_TO_SET else "false"
    settings = literal(json.dumps(wanted))
    found: list[list[str]] = server.ask(queries.UNSETTABLE.format(settings=settings, allowed=allowed))
    return found


def check_backup(server: Session, asked: Asked, backup: Backup) -> None:
    """Raise Failure when this server cannot take the backup: it is older, or has not the roles of its objects."""
    wanted = backup.content["database"]
    version = server.ask(queries.VERSION)
    missing = sorted(set(wanted["fingerprint"]["roles"]) - set(server.ask(queries.ROLE)["roles"]))
    what = f"Backup {backup.id} cannot be restored here"
    if wanted["version_num"] // 10000 > version // 10000:
        why = f"it was made of PostgreSQL {wanted['version']}, and the server is version {version // 10000}"
        raise Failure("refused", what, asked.where, why, "restore it on a server of that version or a newer one")
    if missing:
        why = f"the server has no role {', '.join(missing)}, which objects of the backup belong to or are granted to"
        raise Failure("refused", what, asked.where, why, "create it, as it was when the backup was made")


def check_name(name: str, asked: Asked) -> None:
    """Raise Failure for a database name that could not be written safely into statements and files."""
    if not _NAME.fullmatch(name):
        why = "its name has other characters than 0-9 A-Z a-z _ . -"
        raise Failure("refused", "The database cannot be restored by this tool", asked.where, why, "rename it")


def check_obstacles(server: Session, asked: Asked, database: str) -> dict[str, Any]:
    """What would be lost or would stop the swap. Raises Failure for what is refused; else says what there is."""
    found: dict[str, Any] = server.ask(queries.OBSTACLES.format(name=literal(database)))
    refused = [
        (bool(found["prepared"]), "prepared transactions", found["prepared"], "COMMIT or ROLLBACK PREPARED them"),
        (bool(found["subscriptions"]), "subscriptions (a restore does not carry them)", found["subscriptions"],
         "drop them, and make them anew afterwards"),
        (
            bool(found["slots"]) and SLOTS not in asked.allow,
            "logical replication slots (they stay with the replaced database)",
            found["slots"],
            f"drop them and make them anew afterwards, or --allow {SLOTS}",
        ),
        (
            bool(found["superusers"]),
            "sessions of superusers (only they can end them)",
            found["superusers"],
            "end them; none may come back while the swap runs",
        ),
        (
            bool(found["others"]),
            "sessions of roles that the restoring role is no member of, and so may not end",
            found["others"],
            "end them as a superuser (SELECT pg_terminate_backend(PROCESS)), or GRANT their role to the restoring one",
        ),
        (
            bool(found["idle"]) and asked.idle_in_transaction == "refuse",
            "clients that are idle in a transaction",
            found["idle"],
            "end them, or set restore_idle_in_transaction to end",
        ),
    ]  # fmt: skip
    for holds, what, names, next_step in refused:
        if holds:
            raise Failure("refused", f"{database} has {what}", asked.where, some(names), next_step)
    return found


def maintenance(tools: Tools, asked: Asked) -> Session:
    """A session of the restoring role in the database that is never restored, named so that `settle` knows it."""
    session = Session(tools.writing(), asked.backup, asked.service, MAINTENANCE)
    try:
        session.do(f"SET application_name = {literal(asked.session_name)}")
    except BaseException:
        session.close()
        raise
    return session
