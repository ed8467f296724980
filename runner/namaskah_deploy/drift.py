"""In what does a fleet differ from its records, or within itself? Judges what the hosts told; pure."""

from collections.abc import Mapping
from typing import Any

Hosts = Mapping[str, Mapping[str, Any]]


def differences(hosts: Hosts) -> list[tuple[str, str]]:
    """Return (host, difference) of all hosts; what differs between hosts is told of the fleet."""
    own = [(host, line) for host, state in hosts.items() for line in by_hand(state)]
    return own + [("the hosts", line) for line in between(hosts)]


def by_hand(state: Mapping[str, Any]) -> list[str]:
    """Return what differs on one host; nobody but a person, or damage, makes it so."""
    return [*map(str, state.get("drift") or []), *_broken(state)]


def _broken(state: Mapping[str, Any]) -> list[str]:
    """Return that the records of a host do not follow from each other; releases go on, so nothing overrides it."""
    number = state.get("journal_break")
    if number is None:
        return []
    told = (
        f"the chain of its journal breaks at record {number}, which was damaged or written by hand: look at it, and at "
        "rest `mv journal.jsonl journal.jsonl.damaged` in the application's root; until then no other host "
        "follows its confirmation"
    )
    return [told]


def between(hosts: Hosts) -> list[str]:
    """Return that the hosts serve different commits; a host without any release is a new one, not a different one."""
    live = {host: state["live"] for host, state in hosts.items() if state.get("live")}
    if len({str(record.get("commit")) for record in live.values()}) < 2:  # noqa: PLR2004 - two make a difference
        return []
    served = (f"{host} {record.get('tag') or record.get('id')}" for host, record in live.items())
    return [f"serve different releases: {', '.join(served)} [drift-hosts]"]
