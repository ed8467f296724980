"""What is known of backups? Tables for people, of what the hosts that hold them said."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from namaskah_deploy.request import Kind

Hosts = Mapping[str, Mapping[str, Any]]
_COLUMNS = ("host", "backup", "started", "of release", "tag", "proof", "MiB", "marks")


def of(kind: Kind) -> Callable[[Hosts, Console], None]:
    """Return what prints the answer of `kind`."""
    pruning = (Kind.BACKUPS_PREVIEW, Kind.BACKUPS_PRUNE)
    return _details if kind is Kind.BACKUPS_SHOW else _pruned if kind in pruning else _list


def lines(hosts: Hosts) -> Iterator[str]:
    """Yield a line for each backup that pruning would remove, and for each host where it would remove none."""
    for host, state in hosts.items():
        going = [verdict for verdict in state.get("verdicts") or [] if not verdict.get("stays")]
        yield from (f"{host}: {verdict.get('id')} would go ({verdict.get('why')})" for verdict in going)
        if not going:
            yield f"{host}: no backup would go"


def _list(hosts: Hosts, console: Console) -> None:
    rows = [
        [
            host,
            *(backup.get(name, "") for name in ("id", "started", "release", "tag", "proof")),
            _size(backup),
            ", ".join(backup.get("marks") or []),
        ]
        for host, state in hosts.items()
        for backup in state.get("backups") or []
    ]
    _print(console, _COLUMNS, rows)
    for host, state in hosts.items():
        for wrong in state.get("wrong") or []:
            console.print(f"{host}: {wrong}", style="red", markup=False, highlight=False, emoji=False)


def _details(hosts: Hosts, console: Console) -> None:
    for host, state in hosts.items():
        for backup in state.get("backups") or []:
            console.print(f"{host}: {backup.get('id')}", style="bold", markup=False, emoji=False)
            table = Table(show_header=False, box=None)
            for name, value in backup.items():
                if value not in (None, "", [], {}):
                    table.add_row(Text(name.replace("_", " ")), Text(_text(value)))
            console.print(table)


def _pruned(hosts: Hosts, console: Console) -> None:
    rows = [
        [host, *(verdict.get(name) or "" for name in ("id", "does", "why"))]
        for host, state in hosts.items()
        for verdict in state.get("verdicts") or []
    ]
    _print(console, ("host", "backup", "does", "why"), rows)


def _size(backup: Mapping[str, Any]) -> str:
    return f"{(backup.get('bytes') or 0) / 1024**2:.1f}"


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        return "\n".join(f"{name}: {_text(item)}" for name, item in value.items())
    if isinstance(value, list):
        return "\n".join(_text(item) for item in value)
    return str(value)


def _print(console: Console, names: Iterable[str], rows: Iterable[Iterable[object]]) -> None:
    table = Table(box=None, pad_edge=False)
    for name in names:
        table.add_column(name)
    for row in rows:
        table.add_row(*(Text(str(cell)) for cell in row))
    console.print(table)
