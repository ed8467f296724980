"""What do some migrations of a release do? Reads their SQL, which the release's own code prints, and judges it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ansible.module_utils.namaskah_host.commands import conceal
from ansible.module_utils.namaskah_host.contract import of_known
from ansible.module_utils.namaskah_host.failure import Failure
from ansible.module_utils.namaskah_host.foreign import last_line

from .history import History, Migration
from .judgement import Finding, Judged, Judgement
from .statements import judge, tables

MOST = 60  # migrations whose SQL is asked for: each costs a start of the application's own program
Catalogue = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Reviewed:
    """One migration with what its statements do."""

    name: str
    judged: tuple[Judged, ...]

    def findings(self, *levels: str) -> list[Finding]:
        """Return the findings of these levels."""
        return [finding for one in self.judged for finding in one.findings if finding.level in levels]

    @property
    def changes(self) -> list[str]:
        """What code that does not know the migration fails on, in words."""
        return [f"{finding.on}: {finding.why}" for finding in self.findings("breaks")]

    def as_dict(self) -> dict[str, Any]:
        """Return it as records and reports carry it."""
        return {"name": self.name, "statements": [one.as_dict() for one in self.judged]}


def from_dict(known: Mapping[str, Any]) -> Reviewed:
    """Return what `as_dict` gave."""
    judged = [
        Judged(one["sql"], one["lock"], [of_known(Finding, finding) for finding in one["findings"]])
        for one in known["statements"]
    ]
    return Reviewed(known["name"], tuple(judged))


def review(
    history: History, names: Iterable[str], catalogue: Callable[[Iterable[str]], Catalogue] = lambda _: {}
) -> list[Reviewed]:
    """Return the named migrations, reviewed in their order; what cannot be printed is said to be unseen.

    `catalogue` tells of the tables that are there; it is asked once.
    """
    migrations = history.named(list(names))
    texts = [_text(history, migration, index) for index, migration in enumerate(migrations)]
    words = set().union(*(tables(text) for text, _ in texts)) if texts else set()
    judgement = Judgement(catalogue(words) if words else {})
    found = []
    for migration, (text, why) in zip(migrations, texts, strict=True):
        judged = judge(text, judgement)
        if why:
            judged = [*judged, Judged("", findings=[Finding("unseen", "", why)])]
        for one in judged:
            one.text = conceal(one.text, history.contract.secrets_of(history.variables))
        found.append(Reviewed(migration.name, tuple(judged)))
    return found


def _text(history: History, migration: Migration, index: int) -> tuple[str, str]:
    """Return a migration's SQL, and why it is not all of it."""
    if index >= MOST:
        return "", f"more than {MOST} migrations: the SQL of this one was not asked for"
    try:
        text = history.sql(migration)
    except Failure as failure:
        return "", f"its SQL cannot be printed: {last_line(failure.why)}"
    pattern = history.contract.unseen_pattern
    unseen = bool(pattern) and re.search(pattern, text) is not None
    return text, "it runs code of the application, which no SQL shows" if unseen else ""
