"""What a killed restore left, and how it is mended: the server's own names tell how far the swap came."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ansible.module_utils.namaskah_backups import room
from ansible.module_utils.namaskah_backups.session import Session
from ansible.module_utils.namaskah_backups.tools import Tools, candidates

from . import copy, exchange, pooler, records, rights, swap
from .records import Record
from .settings import Asked


def recover(asked: Asked, serving: str) -> dict[str, Any]:
    """Mend what a killed restore left: the live database is open, and the old or the new one; nothing lies about.

    `serving` is the release that every host serves and has confirmed, if it is one: a restore that was made for it
    stands. Raises Failure.
    """
    record = records.unfinished(asked)
    if record is None:
        return {"changed": False, "state": "nothing"}
    with room.held(asked.backup) as lock:
        tools = replace(candidates(asked.backup)[0], lock=lock)
        record = records.unfinished(asked) or record
        pooler.resume(tools, asked, record["live"])
        with rights.maintenance(tools, asked) as server:
            swap.settle(server, asked, record["live"])
            record = _mended(tools, asked, server, record, serving)
            copy.sweep(tools, asked, server)
    return {"changed": True, "state": record["phase"], **records.summary(record)}


def pending(asked: Asked) -> dict[str, Any]:
    """Whether a restore is unfinished, by the records alone: no database is asked."""
    record = records.unfinished(asked)
    return {"unfinished": record["phase"] if record else ""}


def _mended(tools: Tools, asked: Asked, server: Session, record: Record, serving: str) -> Record:
    known = swap.databases(server)
    swapped = swap.name_of(known, record.get("new_oid", 0)) == record["live"]
    if record["phase"] == "returning":
        return exchange.give_back(tools, asked, server, record)
    if not swapped:
        return records.write(asked, record, "abandoned")
    record["kept"] = record["old"] = swap.name_of(known, record["live_oid"]) or record["old"]
    if record.get("final") or (record["release"] and record["release"] == serving):
        if record["reference"] in known:
            record = exchange.reported(tools, asked, server, records.write(asked, record, "swapped"))
        record["kept"] = exchange.put_by(server, asked, record["live"], "before") or record["kept"]
        return records.write(asked, record, "confirmed")
    return exchange.give_back(tools, asked, server, record)
