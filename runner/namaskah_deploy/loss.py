"""What would a restore take away, and what did it? Lines for people, of what the host that holds backups counted."""

from collections.abc import Iterator, Mapping
from typing import Any

Hosts = Mapping[str, Mapping[str, Any]]


def lines(hosts: Hosts) -> Iterator[str]:
    """Yield what each host says of its restore: the backup, the rows of each table, the sums, the files."""
    for host, state in hosts.items():
        found = state.get("loss")
        if not found:
            continue
        rows = found["rows"]
        yield f"{host}: backup {state.get('backup')} holds the database as of {found['from']}"
        yield (
            f"  since then: {rows['inserted']} rows inserted and {rows['updated']} updated, which are lost;"
            f" {rows['deleted']} deleted, which come back"
        )
        for table, counts in found["tables"].items():
            yield f"  {table}: {counts['inserted']} inserted, {counts['updated']} updated, {counts['deleted']} deleted"
        for entry in found["sums"]:
            yield from (f"  {entry['table']}, {_group(group)}" for group in entry["groups"])
        if found["files"]:
            yield f"  these rows are kept in {found['folder']}: {', '.join(found['files'])}"
        yield from (f"  {note}" for note in state.get("notes") or [])
        yield "  expected: clients are held off for a moment (without a pool each loses its connection once)"


def _group(group: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in group.items())
