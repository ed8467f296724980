"""Is the database that the application uses the one that this run locks, migrates and has backed up, and how?

Servers are told apart by what they say of themselves (PostgreSQL, pg_control_system and pg_database), not by addresses:
the same database has many, through poolers and names, and a standby has the system identifier of its primary.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ansible.module_utils.namaskah_host.contract import Contract
from ansible.module_utils.namaskah_host.failure import Failure

from .answers import SESSION, Used
from .history import History
from .session import Session, opened

ALLOW = "other-database"
IDENTITY = (
    "SELECT (SELECT system_identifier::text FROM pg_control_system()), oid::text, pg_is_in_recovery() "
    "FROM pg_database WHERE datname = current_database()"
)
ASKED = "NAMASKAH_DATABASE_URL"  # under which the address of the inventory's command is handed on
OTHER = "another kind of database"


def notes(contract: Contract, history: History, session: Session | None, backed_up: Sequence[str]) -> Iterator[str]:
    """Yield what is to be known of the databases. Raises Failure (refused) where the application uses another one.

    `session` is that of the migrations, `backed_up` the identity of the database in the backup of this run; without
    either there is nothing to compare with.
    """
    others = {"the backup of this run is of": tuple(backed_up)} if backed_up else {}
    if session:
        system, number, _ = session.ask(IDENTITY)[0]
        others["migrations go to"] = (str(system), str(number))
    if not others:
        if contract.migrate_command:
            yield (
                "which database the application uses was compared with nothing: this run has no backup, and no session "
                "of migrations with PostgreSQL"
            )
        return
    if not contract.raw.get("database_command") and not history.answers:
        yield (
            "which database the application uses is unknown: name a command that prints its address in "
            "namaskah_database_command"
        )
        return
    first, *further = _by_command(contract, history) if contract.raw.get("database_command") else history.used(IDENTITY)
    wrong = [f"{words} {_told(identity)}" for words, identity in others.items() if identity != first.identity]
    if wrong and ALLOW not in contract.allow:
        raise Failure(
            "refused",
            "release with the database that the application uses",
            contract.host,
            f"by its own settings, with the environment of its services, the application uses {_described(first)}; "
            f"{', and '.join(wrong)}{first.note and f'; {first.note}'}; nothing was applied and nothing was switched",
            "give the services and the backup the same database: provision_environment, backup_service and "
            f"namaskah_migrate_env_file; or, where they are meant to differ, --allow {ALLOW}",
        )
    if first.note:
        yield first.note
    if first.standby:
        yield f"the application is connected to a standby of its database ({_described(first)})"
    known = {first.identity, *others.values()}
    for one in further:
        if one.identity not in known:
            yield f"{_described(one)} is used as well, and is NOT backed up"


def connection(contract: Contract, history: History, session: Session | None) -> Iterator[str]:
    """Let the session look for tables where the application does; yield what its own settings make of ours.

    They may set options of the connection, and then those in the environment do not count.
    """
    if session is None:
        return
    timeout, schemas = (str(part) for part in session.ask(SESSION)[0])
    their_timeout, their_schemas = history.session() or (timeout, schemas)
    if float(contract.migrate_lock_timeout) and their_timeout == "0":
        yield (
            "namaskah_migrate_lock_timeout does not reach the server, so a statement may wait for its lock as "
            f"long as the migrations may take: {contract.database_variable} or the application's settings set "
            "options of their own, or the driver does not read PGOPTIONS"
        )
    elif their_timeout != timeout:
        yield f"the application's own settings give migrations a lock_timeout of {their_timeout}"
    if their_schemas and their_schemas != schemas:
        session.ask("SELECT set_config('search_path', %s, false)", their_schemas)
        yield (
            f"the application's own settings have its tables in the schemas {their_schemas}, "
            f"{contract.database_variable} alone has them in {schemas or 'none'}"
        )


def _by_command(contract: Contract, history: History) -> list[Used]:
    """Return the database at the address that the inventory's command prints."""
    variables = {**history.build.secrets, ASKED: history.address()}
    with opened(history.build.venv, variables, ASKED, contract.host) as (session, why):
        if session is None:
            return [Used("namaskah_database_command", OTHER, why, (), standby=False)]
        system, number, standby = session.ask(IDENTITY)[0]
        return [Used("namaskah_database_command", "postgresql", "", (str(system), str(number)), standby=bool(standby))]


def _described(one: Used) -> str:
    identity = f", {_told(one.identity)}" if one.identity else ""
    return f"{one.kind} {one.place} ({one.name}{identity})".replace("  ", " ")


def _told(identity: Sequence[str]) -> str:
    return f"database {identity[1]} of server {identity[0]}"
