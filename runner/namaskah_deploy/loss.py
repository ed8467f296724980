"""What would a restore take away, and what did it? Lines for people, of what the host that holds backups counted."""

from collections.abc import Iterator, Mapping
from typing import Any

Hosts = Mapping[str, Mapping[str, Any]]
_DONE = ("inserted", "updated", "deleted")


def lines(hosts: Hosts) -> Iterator[str]:
    """Yield what each host says of its restore: the backup, the rows of each table, the sums, the files.

    What it leaves out is said to be unknown: nobody should take a restore for harmless that was told of in part.
    """
    for host, state in hosts.items():
        found = state.get("loss")
        if not found:
            continue
        rows = found.get("rows") or {}
        moment = found.get("from") or "an unknown moment"
        yield f"{host}: backup {state.get('backup')} holds the database as of {moment}"
        yield (
            f"  since then: {_number(rows, 'inserted')} rows inserted and {_number(rows, 'updated')} updated, which are"
            f" lost; {_number(rows, 'deleted')} deleted, which come back"
        )
        for table, counts in (found.get("tables") or {}).items():
            yield f"  {table}: {', '.join(f'{_number(counts, done)} {done}' for done in _DONE)}"
        for entry in found.get("sums") or []:
            yield from (f"  {entry.get('table')}, {_group(group)}" for group in entry.get("groups") or [])
        if found.get("files"):
            yield f"  these rows are kept in {found.get('folder')}: {', '.join(found['files'])}"
        yield from (f"  {note}" for note in state.get("notes") or [])
        yield "  expected: clients are held off for a moment (without a pool each loses its connection once)"


def _number(counts: Mapping[str, Any], done: str) -> str:
    number = counts.get(done)
    return "an unknown number of" if number is None else str(number)


def _group(group: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in group.items())
