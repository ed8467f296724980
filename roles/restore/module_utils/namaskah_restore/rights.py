"""What a restore may not do, and what stands in its way: named before anything is begun."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ansible.module_utils.namaskah_backups.catalogue import some
from ansible.module_utils.namaskah_backups.proof import MAINTENANCE
from ansible.module_utils.namaskah_backups.queries import literal
from ansible.module_utils.namaskah_backups.session import Session
from ansible.module_utils.namaskah_backups.tools import Tools
from ansible.module_utils.namaskah_host.failure import Failure

from . import queries
from .settings import Asked

_NAME = re.compile(r"[0-9A-Za-z_][0-9A-Za-z_.-]{0,62}")
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
        (not state["signal"], f"it may not end other sessions (GRANT pg_signal_backend TO {user})"),
        (not state["stats"], f"it does not see what sessions do (GRANT pg_read_all_stats TO {user})"),
        *((True, f"it has not the rights of {role} (GRANT {queries.name(role)} TO {user})") for role in lacking),
    ]
    said = [why for holds, why in wrongs if holds]
    if said:
        next_step = "give the role what is named in brackets, or provision with provision_database_restore"
        raise Failure(
            "refused", f"{state['user']} cannot restore the database", asked.where, "; ".join(said), next_step
        )


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
    session = Session(tools, asked.backup, asked.service, MAINTENANCE)
    try:
        session.do(f"SET application_name = {literal(asked.session_name)}")
    except BaseException:
        session.close()
        raise
    return session
