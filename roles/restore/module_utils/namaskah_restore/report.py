"""The report of a loss: what is lost and what comes back, from when to when, and where the rows are kept."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible.module_utils.namaskah_backups.session import Session
from ansible.module_utils.namaskah_backups.tools import Tools
from ansible.module_utils.namaskah_host.failure import Failure
from ansible.module_utils.namaskah_host.files import write_json

from . import export, loss, queries
from .export import Source
from .loss import Shape, TableLoss
from .settings import Asked

FILE = "loss.json"
_BEGIN = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
_SNAPSHOT = "SELECT to_json(pg_export_snapshot())"


def take(
    tools: Tools, asked: Asked, databases: tuple[str, str], taken: Mapping[str, Any], folder: Path
) -> dict[str, Any]:
    """Compare the live database and the restored copy, export what differs into `folder`, and write the report there.

    `taken` is the manifest's `database`. Raises Failure.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (
        Session(tools, asked.backup, asked.service, databases[0]) as live,
        Session(tools, asked.backup, asked.service, databases[1]) as copy,
    ):
        live.do(_BEGIN)
        copy.do(_BEGIN)
        sources = (Source(tools, asked, databases[0], live.ask(_SNAPSHOT)), Source(tools, asked, databases[1]))
        now = live.ask(queries.NOW)
        shapes = loss.shapes(live)
        wanted = _wanted(asked, shapes)
        tables: dict[str, Any] = {}
        sums: list[dict[str, Any]] = []
        files: list[str] = []
        for table in loss.measure(live, copy, taken["snapshot"]):
            tables[table.name] = table.summary()
            files += _exported(sources, table, folder)
            sums += [
                {"table": table.name, "groups": export.sums(live, table, entry)} for entry in wanted.get(table.name, ())
            ]
    found = {
        **loss.window(taken, now),
        "rows": {kind: sum(table[kind] for table in tables.values()) for kind in ("inserted", "updated", "deleted")},
        "tables": tables,
        "sums": sums,
        "files": files,
        "folder": str(folder),
    }
    write_json(folder / FILE, found, 0o600)
    return found


def _exported(sources: tuple[Source, Source], table: TableLoss, folder: Path) -> list[str]:
    files = export.rows(sources[0], table, folder)
    if table.gone:
        files.append(export.deleted(*sources, table, folder))
    return files


def check(session: Session, asked: Asked) -> None:
    """Raise Failure when a table or column of `restore_report` is not in the database."""
    _wanted(asked, loss.shapes(session))


def _wanted(asked: Asked, shapes: Mapping[str, Shape]) -> dict[str, list[Mapping[str, Any]]]:
    """What is summed, by the table's complete name."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    plain = {shape.plain: name for name, shape in shapes.items()}
    for entry in asked.report:
        table = str(entry["table"])
        name = plain.get(table) or plain.get(f"public.{table}")
        unknown = [
            column for column in (*entry["group_by"], *entry["sum"]) if name and column not in shapes[name].columns
        ]
        if name is None or unknown:
            why = f"it has no column {', '.join(unknown)}" if unknown else "there is no such table"
            next_step = "correct restore_report in the inventory"
            raise Failure("refused", "The report of a loss cannot be made", table, why, next_step)
        found.setdefault(name, []).append(entry)
    return found
