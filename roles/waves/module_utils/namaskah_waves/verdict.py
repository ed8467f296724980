"""Go on, all back, or ask? Weighs how hosts ended by the policy of each class of failure; pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

POLICIES = ("return", "quorum", "ask")
CLASSES = ("unreachable", "failed", "unhealthy", "timed_out")
# What modules of ours call a failure (see failure.py of namaskah_host), in the words of the policies.
TOLD = {"timeout": "timed_out", "unhealthy": "unhealthy", "unreachable": "unreachable"}
SILENT = ("unreachable", "timed_out")
QUORUM = re.compile(r"([1-9][0-9]*)|(100|[1-9]?[0-9])%")


@dataclass(frozen=True)
class Trouble:
    """How one host ended badly: the class that its policy is chosen by, and why in words."""

    host: str
    kind: str
    why: str

    def __str__(self) -> str:
        """Say it in one line."""
        return f"{self.host} ({self.kind.replace('_', ' ')}): {self.why}"


@dataclass(frozen=True)
class Verdict:
    """What happens next.

    `action` is go, return or ask. `left_out` are hosts without which the release stands, `asked` those that the
    operator decides on, `silent` those that gave no answer. `bad` says that the release itself failed somewhere.
    """

    action: str
    why: str
    left_out: tuple[str, ...]
    standing: tuple[str, ...]
    asked: tuple[str, ...]
    silent: tuple[str, ...]
    bad: bool
    quorum: int

    def as_dict(self) -> dict[str, Any]:
        """Return it as a module reports it."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}


def read(host: str, noted: Mapping[str, Any]) -> Trouble:
    """Return the trouble that a wave noted of a host: its failed step's result, in the few words that were kept."""
    kind = TOLD.get(str(noted.get("class")), "failed")
    if noted.get("timed_out"):
        kind = "timed_out"
    if noted.get("unreachable"):
        kind = "unreachable"
    why = " ".join(str(noted.get("why") or "no reason was given").split())
    return Trouble(host, kind, why)


def needed(quorum: str, hosts: int) -> int:
    """Return how many of `hosts` have to stand, a share rounded up; raises ValueError for other words."""
    match = QUORUM.fullmatch(str(quorum).strip())
    if match is None:
        raise ValueError(f"namaskah_quorum is {quorum!r}: give a number of hosts, or a share such as 75%")
    return min(int(match[1]), hosts) if match[1] else -(-int(match[2]) * hosts // 100)


def weigh(
    troubles: Sequence[Trouble],
    hosts: Sequence[str],
    policies: Mapping[str, str],
    quorum: str,
    accepted: Sequence[str] = (),
    *,
    refused: bool = False,
) -> Verdict:
    """Judge by the strictest policy that any trouble meets.

    `accepted` are hosts that the operator goes on without, `refused` says that he was asked and wants all back.
    """
    bad_hosts = [trouble.host for trouble in troubles]
    standing = tuple(host for host in hosts if host not in bad_hosts)
    least = max(1, needed(quorum, len(hosts)))
    open_ones = [trouble for trouble in troubles if trouble.host not in accepted]
    policy = {trouble.host: policies.get(trouble.kind, "return") for trouble in open_ones}
    told = "; ".join(map(str, troubles))

    def verdict(action: str, why: str) -> Verdict:
        return Verdict(
            action,
            why,
            left_out=tuple(bad_hosts) if action == "go" else (),
            standing=standing,
            asked=tuple(host for host, chosen in policy.items() if chosen == "ask") if action == "ask" else (),
            silent=tuple(trouble.host for trouble in troubles if trouble.kind in SILENT),
            bad=any(trouble.kind == "unhealthy" for trouble in troubles),
            quorum=least,
        )

    if "return" in policy.values() or (troubles and not standing):
        return verdict("return", told)
    if "quorum" in policy.values() and len(standing) < least:
        return verdict("return", f"{told}; only {len(standing)} of {len(hosts)} hosts can stand, the quorum is {least}")
    if "ask" in policy.values():
        return verdict("return" if refused else "ask", told)
    return verdict("go", told)
