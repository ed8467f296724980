"""Which client programs fit the server, what is the live database called, and does nothing speak against a restore?"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ansible.module_utils.namaskah_backups import catalogue, space
from ansible.module_utils.namaskah_backups import queries as backup_queries
from ansible.module_utils.namaskah_backups.session import Session
from ansible.module_utils.namaskah_backups.tools import Tools, candidates, choose

from . import pooler, properties, queries, report, rights
from .settings import Asked


def meet(asked: Asked, lock: int = -1) -> tuple[Tools, str]:
    """The client programs that fit the server, and the live database's name."""
    found = candidates(asked.backup)
    with Session(found[0], asked.backup, asked.service) as session:
        database = catalogue.identify(session)
    return replace(
        choose(found, database.major, asked.where), lock=lock, server=database.major
    ).writing(), database.name


def check(tools: Tools, asked: Asked, server: Session, live: str) -> dict[str, Any]:
    """Rights, room, the pool of connections, and what stands in a swap's way. Raises Failure; else what was found."""
    rights.check_name(live, asked)
    with Session(tools, asked.backup, asked.service) as session:
        owners = session.ask(queries.OWNERS)
        rights.check_role(server, asked, properties.read(server, live), owners)
        catalogue.check_rights(catalogue.relations(session), catalogue.identify(session), asked.where)
        report.check(session, asked)
        size = catalogue.identify(session).size
    state = server.ask(backup_queries.PROVER)
    what = "the restored database and its reference, beside the live one"
    space.check_server(state["folder"], state["address"], 2 * size, asked.backup.space_margin, what)
    pooler.check(tools, asked)
    return rights.check_obstacles(server, asked, live)
