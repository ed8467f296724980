"""What is written down of one injected fault, where, and which of it counts?

Each injection is one JSON line in .cache/faults/<process>.jsonl, appended by one write: any number of test processes
may write at once. The newest record of a test's n-th injection is the one that counts.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.support.project import ROOT

FOLDER = ROOT / ".cache" / "faults"
# How an injection may end. `old release` and `new release`: what serves on all hosts; `refused`: nothing was begun;
# `returned`: switched and brought back; `found`: damage or drift was reported; `cleaned up`: nothing was left behind.
ENDS = (
    "old release",
    "new release",
    "refused",
    "returned",
    "resumed",
    "aborted",
    "swapped",
    "found",
    "cleaned up",
    "inconclusive",
    "harmless",
    "named",
)


@dataclass(frozen=True)
class Site:
    """What the site did meanwhile, by the load's own report; with several loads the sums and the longest gap."""

    sent: int
    failed: int
    longest_gap_ms: float


@dataclass(frozen=True)
class Injection:
    """One fault that was injected. `site` is None where no load ran; `split` (seconds) where it was not measured."""

    kind: str
    test: str
    number: int
    where: str
    ended: str
    passed: bool
    at: str
    commit: str
    site: Site | None = None
    split: float | None = None

    @property
    def id(self) -> tuple[str, int]:
        """What makes a later record of the same injection replace this one."""
        return self.test, self.number


def append(injections: Iterable[Injection], folder: Path = FOLDER) -> None:
    """Add records to this process's own file."""
    lines = "".join(json.dumps(asdict(one), sort_keys=True) + "\n" for one in injections)
    if not lines:
        return
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder / f"{os.getpid()}.jsonl", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(descriptor, lines.encode())
    finally:
        os.close(descriptor)


def read(folders: Iterable[Path]) -> list[Injection]:
    """Return the newest record of each injection, by kind and test; a line that was cut off is no record."""
    found: dict[tuple[str, int], Injection] = {}
    lines = [line for folder in folders for file in folder.glob("*.jsonl") for line in file.read_text().splitlines()]
    for one in sorted(filter(None, map(_parsed, lines)), key=lambda one: one.at):
        found[one.id] = one
    return sorted(found.values(), key=lambda one: (one.kind, one.test, one.number))


def _parsed(line: str) -> Injection | None:
    try:
        data = json.loads(line)
        site = Site(**data.pop("site")) if data.get("site") else None
        return Injection(**{**data, "site": site})
    except (ValueError, TypeError):
        return None
