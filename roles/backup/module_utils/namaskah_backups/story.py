"""The order in which a backup is made and proved; each step is told elsewhere."""

from __future__ import annotations

import platform
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from ansible.module_utils.namaskah_host.failure import Failure

from . import (
    applied,
    archive,
    beside,
    catalogue,
    dump,
    fingerprint,
    manifest,
    outlook,
    proof,
    queries,
    room,
    space,
    warm,
)
from .catalogue import Database, Relation
from .session import Session
from .settings import Settings
from .tools import Tools, candidates, choose

ALWAYS_BEFORE = 64 << 20  # bytes: so small a database is restored within seconds, whatever the policy
_OLD_LOGIN = (
    "by a password, on the server's own host: `namaskah-deploy provision ENV` lets them log in by who asks, "
    "so that no changed password stops the next backup"
)
_UNPROVED = ("pending", "failed")
_Value = TypeVar("_Value")


def check(settings: Settings) -> dict[str, Any]:
    """Look at everything that would make a backup fail, and write nothing. Raises Failure."""
    rooms = [space.check(_existing(settings.root), archive.measure(settings), 1, settings.space_margin, "the archive")]
    if not settings.service:
        return {"rooms": rooms}
    tools, database = _meet(settings)
    with Session(tools, settings, settings.service) as session:
        rooms += _check_database(settings, tools, database, catalogue.relations(session), others=rooms)
        place = session.ask(queries.ADDRESS)
    told = {"rooms": rooms, "database": database.facts, "client": tools.version, "proof": _when(settings, database)}
    return told | ({"login": _OLD_LOGIN} if place is not None and space.is_here(place) else {})


def make(settings: Settings) -> dict[str, Any]:
    """Make a backup, and prove it where the policy says so. Raises Failure; then nothing of it is left."""
    signal.signal(signal.SIGTERM, _stop)
    times: dict[str, float] = {}
    with room.held(settings) as lock:
        swept = room.sweep(settings)
        before, wrong = manifest.listed(settings.root)
        own = [backup for backup in before if settings.run.get("resume") and _is_of(backup, settings)]
        if own:  # the run died after it, and goes on
            return {"changed": False, "backup": own[-1].id, **summary(own[-1], wrong, settings)}
        with room.folder_of_new(settings) as folder, ExitStack() as undo:
            started = room.utc()
            content = _filled(settings, folder, lock, times, undo)
            content |= {
                "format": manifest.FORMAT,
                "id": folder.name,
                **_origin(settings),
                "started": started,
                "finished": room.utc(),
                "timings": times,
                "files": _checksums(folder),
                **manifest.link(before),
            }
            sha256 = manifest.write(folder, content)
            undo.pop_all()
        backup = manifest.Backup(folder, content, sha256, content["proof"])
        kept = _keep_copy(settings, backup, before)
    notes = [*(f"{name} was left by a killed backup and removed" for name in swept), *wrong, *kept]
    return {"changed": True, "backup": folder.name, **summary(backup, notes, settings)}


def _is_of(backup: manifest.Backup, settings: Settings) -> bool:
    return bool(backup.content["run"]["id"]) and backup.content["run"]["id"] == settings.run.get("id")


def prove(settings: Settings, backup_id: str) -> dict[str, Any]:
    """Prove a backup whose proof was put off, or failed before. Raises Failure, and the backup keeps that it did."""
    signal.signal(signal.SIGTERM, _stop)
    with room.held(settings) as lock:
        backup = manifest.require(settings.root, backup_id)
        database = backup.content.get("database")
        if backup.proof["state"] not in _UNPROVED or database is None:
            return summary(backup, [], settings)
        tools, found = _meet(settings)
        proof.check(tools, settings, found.size)
        try:
            path = backup.folder / database["file"]
            result = proof.prove(replace(tools, lock=lock), settings, path, database, backup_id)
        except Failure as failure:
            _keep_proof(backup, {"state": "failed", "moment": room.utc(), "why": failure.why})
            raise
        proved = _keep_proof(backup, result)
        others = [other for other in manifest.listed(settings.root)[0] if other.id != backup_id]
        kept = _keep_copy(settings, proved, others)
    return {"changed": True, **summary(proved, kept, settings)}


def _keep_copy(settings: Settings, backup: manifest.Backup, others: list[manifest.Backup]) -> list[str]:
    """Record the copy that the proof kept, and drop the older ones that it supersedes; notes on both."""
    if "kept" not in backup.proof:
        return []
    names, tools = ("service", "owners"), candidates(settings)[0]
    try:
        warm.record(backup, {"database": backup.proof["kept"], **{name: backup.proof[name] for name in names}})
    except OSError as error:
        # The backup itself is whole and proved: it counts, without the copy that nothing could remember.
        proof.drop(tools, settings, backup.proof["kept"])
        return [f"the proved copy was not kept: {error}"]
    dropped = warm.drop_others(settings, tools, others)
    notes = [f"the kept database of {name} was superseded and dropped" for name in dropped]
    if not backup.proof["owners"]:
        notes.append(
            "the kept database has no owners and rights of the original: make the proof's role a member of its owners"
        )
    return notes


def _keep_proof(backup: manifest.Backup, result: dict[str, Any]) -> manifest.Backup:
    """Write the outcome of a later proof beside the manifest, which never changes; the backup with it."""
    proof_of = {name: backup.proof[name] for name in ("policy", "when")}
    content = {**proof_of, **result, "manifest_sha256": backup.sha256}
    beside.write(backup.folder / manifest.PROOF, content)
    return replace(backup, proof=content)


def _filled(settings: Settings, folder: Path, lock: int, times: dict[str, float], undo: ExitStack) -> dict[str, Any]:
    """Fill the folder with the archive and the dump; the manifest's words about both.

    `undo` gets what has to happen when the backup does not come to its end.
    """
    content: dict[str, Any] = {
        "proof": {"state": "none", "policy": "none"},
        "tools": {"python": platform.python_version()},
    }
    if settings.archives:
        space.check(folder, archive.measure(settings), 1, settings.space_margin, "the archive")
        listing = _timed(times, "archive", lambda: archive.make(settings, folder))
        content["archive"] = {"file": archive.FILE, **listing.summary()}
    if settings.service:
        tools, database = _meet(settings)
        tools = replace(tools, lock=lock)
        content["tools"] |= {"client": tools.version, "server": database.facts["version"]}
        content["database"] = _dumped(settings, tools, database, folder, times)
        when = _when(settings, database)
        content["proof"] = _timed(times, "proof", lambda: _proved(settings, tools, content["database"], folder, when))
        if "kept" in content["proof"]:
            undo.callback(proof.drop, tools, settings, content["proof"]["kept"])
    return content


def _dumped(
    settings: Settings, tools: Tools, database: Database, folder: Path, times: dict[str, float]
) -> dict[str, Any]:
    """Dump one moment of the database, and count and hash what that moment held. Failures name who locks a table."""
    try:
        return _dumped_moment(settings, tools, database, folder, times)
    except Failure as failure:
        holders = _holders(settings, tools)
        if not holders:
            raise
        why, next_step = f"{failure.why}; {'; '.join(holders)}", "end that session or its transaction; then try again"
        raise Failure(failure.kind, failure.what, failure.where, why, next_step) from failure


def _holders(settings: Settings, tools: Tools) -> list[str]:
    """Who keeps everybody from reading a table now; nobody where the server cannot be asked."""
    try:
        with Session(tools, replace(settings, deadline=time.monotonic() + 10), settings.service) as session:
            found: list[str] = session.ask(queries.HOLDERS)
    except Failure:
        return []
    return found


def _dumped_moment(
    settings: Settings, tools: Tools, database: Database, folder: Path, times: dict[str, float]
) -> dict[str, Any]:
    started = time.monotonic()
    with ExitStack() as stack:
        session = stack.enter_context(Session(tools, settings, settings.service))
        moment = catalogue.open_snapshot(session)
        found = catalogue.relations(session)
        rooms = _check_database(settings, tools, database, found, folder)
        owners: list[str] = sorted(session.ask(queries.OWNERS))
        prepared: list[str] = session.ask(queries.PREPARED)
        migrations = applied.read(session, found, settings.contract)
        low = fingerprint.sequences(session, found)
        written = dump.start(tools, settings, folder, database.size, moment.pop("exported"))
        stack.callback(written.program.stop)
        prints = _timed(times, "fingerprint", lambda: fingerprint.take(session, found))
        dump.complete(written, settings)
        high = fingerprint.sequences(session, found)
    times["dump"] = round(time.monotonic() - started, 2)
    prints["sequences"] = {name: [low[name], high[name]] for name in high}
    _timed(times, "read_back", lambda: dump.read_back(tools, settings, written.path))
    return {
        **{
            name: database.facts[name]
            for name in ("name", "owner", "identity", "version", "version_num", "size", "encoding", "collate", "ctype")
        },
        "owners": owners,
        "prepared_transactions": prepared,
        "migrations": migrations,
        "provider": database.row.get("datlocprovider", ""),
        "locale": database.row.get("datlocale") or database.row.get("daticulocale") or "",
        "collation_version": database.row.get("datcollversion"),
        **moment,
        "file": written.path.name,
        "form": written.form,
        "compression": written.compression,
        "rooms": rooms,
        "fingerprint": prints,
    }


def _proved(settings: Settings, tools: Tools, database: Mapping[str, Any], folder: Path, when: str) -> dict[str, Any]:
    """The proof, or that it is pending."""
    policy = {"policy": settings.proof, "when": when}
    if when == "after":
        return {"state": "pending", **policy}
    return {**proof.prove(tools, settings, folder / database["file"], database, folder.name), **policy}


def _check_database(
    settings: Settings,
    tools: Tools,
    database: Database,
    found: list[Relation],
    folder: Path | None = None,
    *,
    others: Sequence[Mapping[str, Any]] = (),
) -> list[dict[str, Any]]:
    """Rights, and room for the dump and for the copy that proves it, beside `others`; what was found out about room."""
    catalogue.check_rights(found, database, settings.where)
    size = sum(relation.size for relation in found if relation.kind == "r") + database.facts["large_objects_size"]
    root = folder or _existing(settings.root)
    dumped = space.check(root, size, len(found), settings.space_margin, "the dump", others=others)
    return [dumped, proof.check(tools, settings, database.size, [*others, dumped])]


def _when(settings: Settings, database: Database) -> str:
    """Whether the backup is proved `before` it counts or `after` it."""
    if settings.proof == "before" or database.size <= ALWAYS_BEFORE:
        return "before"
    return "before" if settings.proof == "below-size" and database.size <= settings.proof_size else "after"


def _meet(settings: Settings) -> tuple[Tools, Database]:
    """Ask the server who it is, and choose the client programs that fit it."""
    found = candidates(settings)
    with Session(found[0], settings, settings.service) as session:
        database = catalogue.identify(session)
    return choose(found, database.major, settings.where), database


def _origin(settings: Settings) -> dict[str, Any]:
    """For what, by whom, and of which release the backup is."""
    return {
        **{name: settings.contract[name] for name in ("app", "environment", "host")},
        "run": {name: settings.run.get(name, "") for name in ("id", "by", "reason", "kind")},
        "live": {name: settings.live.get(name, "") for name in ("commit", "tag", "release")},
    }


def _checksums(folder: Path) -> dict[str, Any]:
    return {str(path.relative_to(folder)): dump.checksum(path) for path in sorted(folder.rglob("*")) if path.is_file()}


def summary(backup: manifest.Backup, notes: list[str], settings: Settings | None = None) -> dict[str, Any]:
    """What a report says about a backup; the manifest has the rest. With `settings` also what exceeds their limit."""
    content = backup.content
    database = content.get("database", {})
    tables = database.get("fingerprint", {}).get("tables", {})
    kept = warm.of(backup.folder)
    return {
        "id": backup.id,
        "path": str(backup.folder),
        "manifest_sha256": backup.sha256,
        "bytes": sum(entry["size"] for entry in content["files"].values()),
        "database": {name: database[name] for name in ("name", "size", "version", "form") if name in database},
        "identity": database.get("identity", []),
        "tables": len(tables),
        "counts": {name: entry[0] for name, entry in tables.items()},
        "rows": sum(entry[0] for entry in tables.values()),
        "archive": content.get("archive", {}),
        "proof": backup.proof["state"],
        "proof_details": backup.proof,
        "restore_seconds": backup.proof.get("restore_seconds"),
        "rollback": outlook.words(backup.proof, kept),
        "warm": kept["database"] if kept else "",
        "live": content["live"],
        "started": content["started"],
        "timings": content["timings"],
        "invalid_indexes": database.get("fingerprint", {}).get("objects", {}).get("invalid index", []),
        "warnings": outlook.warnings(backup.proof, kept, settings.rollback_limit) if settings else [],
        "notes": [*notes, *backup.proof.get("notes", []), *_unknown_room(database), *_prepared(database)],
    }


def _prepared(database: Mapping[str, Any]) -> list[str]:
    """What is said of transactions that stood prepared: whether their rows come to be is open, so no dump has them."""
    found = database.get("prepared_transactions", [])
    return [f"the rows of prepared transaction {name} are not in it" for name in found]


def _unknown_room(database: Mapping[str, Any]) -> list[str]:
    """What is said where nobody could tell whether the copy had room on the server."""
    return [space.unknown_words(state) for state in database.get("rooms", []) if state["free"] is None]


def _existing(path: Path) -> Path:
    """The nearest folder that exists, for a question about its file system."""
    return path if path.is_dir() else _existing(path.parent)


def _timed(times: dict[str, float], name: str, step: Callable[[], _Value]) -> _Value:
    started = time.monotonic()
    value = step()
    times[name] = round(time.monotonic() - started, 2)
    return value


def _stop(number: int, _: object) -> NoReturn:
    raise Failure("failed", "The backup was stopped", "this host", f"signal {number}", "make it again")
