"""How the restored database becomes the live one, is confirmed, and is swapped back; each step is told elsewhere."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Container, Mapping
from dataclasses import replace
from typing import Any

from ansible.module_utils.namaskah_backups import manifest, room
from ansible.module_utils.namaskah_backups.session import Session
from ansible.module_utils.namaskah_backups.tools import Tools, candidates
from ansible.module_utils.namaskah_host.failure import Failure

from . import copy, loss, meeting, pooler, properties, queries, records, report, rights, swap
from .records import Record
from .settings import Asked


def swap_in(asked: Asked, *, final: bool) -> dict[str, Any]:
    """Swap the prepared database in, keep the other under a dated name, and report exactly what it held more.

    With `final` the swap stands; else it waits for `confirm`, and recovery swaps it back. Raises Failure; the live
    database is then the one of before.
    """
    with room.held(asked.backup) as lock:
        tools, _ = meeting.meet(asked, lock)
        record = records.require(asked, "ready")
        live, new = record["live"], record["new"]
        with rights.maintenance(tools, asked) as server:
            _check_identity(asked, swap.databases(server), record)
            obstacles = rights.check_obstacles(server, asked, live)
            properties.carry(server, properties.read(server, live), new)
            copy.check_same(server, properties.read(server, live), new)
            put_by(server, asked, live, "before")
            record["old"] = asked.scratch("aside")
            record["final"] = final
            record["ended"] = obstacles["idle"]
            record["since"] = "{0}:{0}:".format(server.ask(queries.NOW)["next"])
            record = records.write(asked, record, "swapping")
            try:
                with pooler.held(tools, asked, live):
                    record["held_off_ms"] = swap.swap(server, live, new, record["old"], asked.hold_timeout)
            except Failure:
                _after_failed_swap(tools, asked, record, "ready")
                raise
            record["kept"] = record["old"]
            record = reported(tools, asked, server, records.write(asked, record, "swapped"))
            if final:
                record = records.write(asked, record, "confirmed")
    return {"changed": True, **records.summary(record)}


def _after_failed_swap(tools: Tools, asked: Asked, record: Record, phase: str) -> None:
    """The swap said no: the record is as before, unless the server did it all the same, or cannot be asked.

    By a session of its own: the one that was refused has ended.
    """
    with contextlib.suppress(Failure), rights.maintenance(tools, asked) as server:
        present = "ready" if swap.name_of(swap.databases(server), record["live_oid"]) == record["live"] else "confirmed"
        if (phase == "ready") == (present == "ready"):
            records.write(asked, record, phase)


def reported(tools: Tools, asked: Asked, server: Session, record: Record) -> Record:
    """The exact report, of the replaced database: nobody can change it any more. One that fails is told in the notes.

    The reference that it needs is dropped when it is made: while there is one, it is still to be made.
    """
    folder = records.folder_of(asked, record) / "lost"
    swap.open_to_clients(server, record["old"], allowed=True)
    try:
        wanted = manifest.require(asked.backup.root, record["backup"]).content["database"]
        record["loss"] = report.take(tools, asked, (record["old"], record["reference"]), wanted, folder)
        copy.drop(tools, asked, record["reference"])
    except (Failure, OSError) as error:
        note = f"the report could not be made anew and is the one of before: {_told(error)}"
        record["notes"] = [*record["notes"], note]
    finally:
        swap.open_to_clients(server, record["old"], allowed=False)
    record["kept"] = record["old"] = put_by(server, asked, record["live"], "before") or record["old"]
    return records.write(asked, record, record["phase"])


def put_by(server: Session, asked: Asked, live: str, word: str) -> str:
    """Give the database that a swap set aside the dated name under which it stays; "" where there is none.

    It has a fixed one first: only that one may the restoring role enter to read what it held (pg_hba.conf). One that
    cannot be renamed now is by the next swap.
    """
    with contextlib.suppress(Failure):
        known = swap.databases(server)
        if asked.scratch("aside") in known:
            dated = _dated(known, live, word)
            server.do(f"ALTER DATABASE {asked.scratch('aside')} RENAME TO {queries.name(dated)}")
            return dated
    return ""


def confirm(asked: Asked) -> dict[str, Any]:
    """The swap stands: recovery no longer swaps back."""
    with room.held(asked.backup):
        record = records.unfinished(asked)
        if record is None:
            return {"changed": False}
        record = records.write(asked, records.require(asked, "swapped"), "confirmed")
    return {"changed": True, **records.summary(record)}


def swap_back(asked: Asked) -> dict[str, Any]:
    """Give the live name back to the database that the newest restore replaced; the restored one is kept aside."""
    with room.held(asked.backup) as lock:
        record = returnable(asked)
        with rights.maintenance(replace(candidates(asked.backup)[0], lock=lock), asked) as server:
            swap.settle(server, asked, record["live"])
        tools, _ = meeting.meet(asked, lock)
        with rights.maintenance(tools, asked) as server:
            rights.check_obstacles(server, asked, record["live"])
            record = give_back(tools, asked, server, record)
    return {"changed": True, **records.summary(record)}


def returnable(asked: Asked) -> Record:
    """The newest restore whose replaced database is kept. Raises Failure."""
    found = [one for one in records.all_of(asked) if one["phase"] in ("swapped", "confirmed", "returning")]
    if not found or not found[-1].get("kept"):
        why = "no restore is recorded whose replaced database is kept"
        raise Failure("refused", "There is nothing to swap back", str(asked.folder), why, "restore a backup instead")
    return found[-1]


def give_back(tools: Tools, asked: Asked, server: Session, record: Record) -> Record:
    """Swap back, as far as that is still to be done, and say what the restored database was given meanwhile."""
    live = record["live"]
    if swap.name_of(swap.databases(server), record["live_oid"]) != live:
        before = record["phase"]
        put_by(server, asked, live, "before")  # a swap that was killed had not come to it
        record["old"] = swap.name_of(swap.databases(server), record["live_oid"]) or record["old"]
        record["aside"] = asked.scratch("aside")
        record = records.write(asked, record, "returning")
        try:
            with pooler.held(tools, asked, live):
                record["held_off_ms"] = swap.swap(server, live, record["old"], record["aside"], asked.hold_timeout)
        except Failure:
            _after_failed_swap(tools, asked, record, before)
            raise
    record["kept"] = swap.name_of(swap.databases(server), record["new_oid"])
    if record["kept"] and "since" in record:
        record = _reported_return(tools, asked, server, record)
    record["kept"] = put_by(server, asked, live, "restored") or record["kept"]
    return records.write(asked, record, "returned")


def _reported_return(tools: Tools, asked: Asked, server: Session, record: Record) -> Record:
    """How many rows were written into the restored database while it was live: they are in the one set aside."""
    swap.open_to_clients(server, record["kept"], allowed=True)
    try:
        with Session(tools, asked.backup, asked.service, record["kept"]) as session:
            record["written_meanwhile"] = loss.written(session, record["since"])
    except Failure as failure:
        note = f"rows that were written into {record['kept']} while it was live could not be counted: {_told(failure)}"
        record["notes"] = [*record["notes"], note]
    finally:
        swap.open_to_clients(server, record["kept"], allowed=False)
    return record


def _told(error: Failure | OSError) -> str:
    return f"{error.what} ({error.why})" if isinstance(error, Failure) else str(error)


def _check_identity(asked: Asked, known: Mapping[str, Mapping[str, Any]], record: Record) -> None:
    """Raise Failure when the two databases are not those that the record means."""
    for name, oid in ((record["live"], record["live_oid"]), (record["new"], record["new_oid"])):
        if known.get(name, {}).get("oid") != oid:
            why = f"{name} is not the database that the restore was prepared with"
            raise Failure("refused", "The swap was not begun", asked.where, why, "namaskah-deploy recover ENV")


def _dated(known: Container[str], live: str, word: str) -> str:
    """A name of this second that no database has; of two swaps in one second the later takes the next one."""
    moment = int(time.time())
    while (name := f"{live[:36]}_{word}_{time.strftime('%Y%m%dt%H%M%Sz', time.gmtime(moment))}") in known:
        moment += 1
    return name
