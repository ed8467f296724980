"""What belongs to a database and not to its content: read, given to the new database, and compared.

A dump without --create carries none of it: a plain restore lets in everybody whom the old database kept out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ansible.module_utils.namaskah_backups.queries import literal
from ansible.module_utils.namaskah_backups.session import Session
from ansible.module_utils.namaskah_host.failure import Failure

from . import queries

Properties = dict[str, Any]
CARRIED = ("owner", "grants", "connection_limit", "settings", "comment", "template")
FIXED = ("encoding", "collate", "ctype", "tablespace")
_LISTS = {  # of names and not of one text; see GUC_LIST_QUOTE in PostgreSQL's sources
    "search_path", "temp_tablespaces", "session_preload_libraries", "local_preload_libraries",
    "shared_preload_libraries", "unix_socket_directories", "createrole_self_grant",
}  # fmt: skip


def read(server: Session, database: str) -> Properties:
    """The properties of a database. Raises Failure when there is none of that name."""
    found: Properties | None = server.ask(queries.PROPERTIES.format(name=literal(database)))
    if found is None:
        why, next_step = "the server has no database of that name", "see which databases it has: psql --list"
        raise Failure("failed", "A database is missing", database, why, next_step)
    return found


def carry(server: Session, wanted: Mapping[str, Any], to: str) -> None:
    """Give the database `to` the properties `wanted`. Raises Failure."""
    for statement in statements(read(server, to), wanted, to):
        server.do(statement)


def statements(has: Mapping[str, Any], wanted: Mapping[str, Any], to: str) -> Iterator[str]:
    """The statements that make a database which `has` its properties one that has those `wanted`."""
    name = queries.name(to)
    if has["owner"] != wanted["owner"]:
        yield f"ALTER DATABASE {name} OWNER TO {queries.name(wanted['owner'])}"
    for grantee in sorted({entry[0] for entry in has["grants"]}):
        yield f"REVOKE ALL ON DATABASE {name} FROM {_grantee(grantee)}"
    for grantee, privilege, grantable in wanted["grants"]:
        option = " WITH GRANT OPTION" if grantable and grantee != wanted["owner"] else ""
        yield f"GRANT {privilege} ON DATABASE {name} TO {_grantee(grantee)}{option}"
    yield f"ALTER DATABASE {name} CONNECTION LIMIT {int(wanted['connection_limit'])}"
    yield f"COMMENT ON DATABASE {name} IS {literal(wanted['comment']) if wanted['comment'] is not None else 'NULL'}"
    if wanted["template"]:
        yield f"ALTER DATABASE {name} IS_TEMPLATE true"
    for role, settings in wanted["settings"]:
        yield from _set(role, settings, name)


def _set(role: str, settings: list[str], database: str) -> Iterator[str]:
    """A role may give itself settings, so the restoring role becomes it for a moment and need not create roles."""
    if role:
        yield f"SET ROLE {queries.name(role)}"
    of = f"ALTER ROLE {queries.name(role)} IN DATABASE {database}" if role else f"ALTER DATABASE {database}"
    for entry in settings:
        setting, _, value = entry.partition("=")
        yield f"{of} SET {queries.name(setting)} TO {value if setting in _LISTS and value else literal(value)}"
    if role:
        yield "RESET ROLE"


def differences(wanted: Mapping[str, Any], found: Mapping[str, Any]) -> list[str]:
    """What a database has otherwise than it should, in words."""
    return [
        f"{name.replace('_', ' ')} is {found[name]!r}, not {wanted[name]!r}"
        for name in (*CARRIED, *FIXED)
        if found[name] != wanted[name]
    ]


def _grantee(role: str) -> str:
    return queries.name(role) if role else "PUBLIC"
