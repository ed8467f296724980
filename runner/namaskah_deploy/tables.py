"""What do the hosts say? Tables for people, of what the reading commands found."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from namaskah_deploy import backup_tables, drift
from namaskah_deploy.request import Kind

Hosts = Mapping[str, Mapping[str, Any]]
_GIB = 1024**3


def show(kind: Kind, hosts: Hosts, console: Console) -> None:
    """Print what `hosts` reported as the table of `kind`."""
    shown = {Kind.STATUS: _status, Kind.RELEASES: _releases, Kind.PLAN: _plan}
    (shown.get(kind) or backup_tables.of(kind))(hosts, console)


def lease(hosts: Hosts, console: Console) -> None:
    """Print who holds the lease on each host."""
    rows = []
    for host, state in hosts.items():
        held = state.get("lease") or {}
        holder = "an operator" if held.get("kind") == "hold" else held.get("run")
        told = [holder, held.get("by", ""), _minute(held.get("since") or ""), _until(held), held.get("reason", "")]
        rows.append([host, *told] if held else [host, "free", *[""] * 4])
    _print(console, ["host", "held by", "who", "since (UTC)", "until (UTC)", "why"], rows)


def _until(held: Mapping[str, Any]) -> str:
    """Return when a lease is over unless it is renewed."""
    try:
        return _minute(datetime.fromtimestamp(held["expires"], UTC).isoformat())
    except (KeyError, OSError, OverflowError, TypeError, ValueError):  # none, or no moment of any calendar
        return ""


def _minute(moment: str) -> str:
    """Return an ISO moment without what a person does not read."""
    return moment[:16].replace("T", " ")


def _status(hosts: Hosts, console: Console) -> None:
    rows = []
    for host, state in hosts.items():
        live = state.get("live") or {}
        switch = state.get("switch") or {}
        rows.append(
            [
                host,
                live.get("release") or live.get("id") or "none",
                (live.get("commit") or "")[:12],
                live.get("tag") or "",
                state.get("instance") or "",
                live.get("state") or "",
                switch.get("phase") or "none",
                (state.get("lease") or {}).get("by") or "free",
                f"{(state.get('free_bytes') or 0) / _GIB:.1f}",
            ]
        )
    names = ["host", "release", "commit", "tag", "instance", "state", "switch", "lease", "free GiB"]
    _print(console, names, rows)
    for host, difference in drift.differences(hosts):
        _say(console, host, [difference])
    for host, state in hosts.items():
        _say(console, host, _drained(state))


def _drained(state: Mapping[str, Any]) -> list[str]:
    """Return who took the host out of its balancer, where it is out."""
    drain = state.get("drain")
    if not drain:
        return []
    return [f"out of its balancer since {drain.get('since')}, by {drain.get('by')} for run {drain.get('run')}"]


def _releases(hosts: Hosts, console: Console) -> None:
    rows = [
        [
            host,
            "*" if release.get("live") else "",
            release.get("release") or release.get("id") or "",
            (release.get("commit") or "")[:12],
            release.get("tag") or "",
            release.get("state") or "",
            release.get("by") or "",
            release.get("confirmed") or release.get("prepared") or "",
        ]
        for host, state in hosts.items()
        for release in state.get("releases") or []
    ]
    _print(console, ["host", "live", "release", "commit", "tag", "state", "by", "since"], rows)


def _plan(hosts: Hosts, console: Console) -> None:
    for host, found in hosts.items():
        console.print(host, style="bold", markup=False, emoji=False)
        table = Table(show_header=False, box=None)
        for name, value in found.items():
            table.add_row(Text(name.replace("_", " ")), Text(_text(value)))
        console.print(table)


def _say(console: Console, host: str, differences: Iterable[str]) -> None:
    for difference in differences:
        console.print(f"{host}: {difference}", style="red", markup=False, highlight=False, emoji=False)


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        return "\n".join(f"{name}: {_text(item)}" for name, item in value.items())
    if isinstance(value, list):
        return "\n".join(_text(item) for item in value) or "none"
    return "" if value is None else str(value)


def _print(console: Console, names: Iterable[str], rows: Iterable[Iterable[object]]) -> None:
    table = Table(box=None, pad_edge=False)
    for name in names:
        table.add_column(name, overflow="fold")  # a name that is cut short names nothing
    for row in rows:
        table.add_row(*(Text(str(cell)) for cell in row))
    console.print(table)
