"""What do some migrations of a release do? Reads their SQL, which the release's own code prints, and judges it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ansible.module_utils.namaskah_host.commands import conceal
from ansible.module_utils.namaskah_host.contract import of_known

from .history import History
from .judgement import Finding, Judged, Judgement
from .statements import judge, tables

Catalogue = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Reviewed:
    """One migration with what its statements do."""

    name: str
    judged: tuple[Judged, ...]
    touches: frozenset[str] = frozenset()
    """Tables that its statements name; not kept in records."""

    def findings(self, *levels: str) -> list[Finding]:
        """Return the findings of these levels."""
        return [finding for one in self.judged for finding in one.findings if finding.level in levels]

    @property
    def changes(self) -> list[str]:
        """What code that does not know the migration fails on, in words."""
        return [f"{finding.on}: {finding.why}" for finding in self.findings("breaks")]

    @property
    def opaque(self) -> bool:
        """Whether it does more than its statements show."""
        return bool(self.findings("unseen"))

    def writes(self, besides: str) -> bool:
        """Whether it changes or deletes rows that were there, but those of the table `besides`."""
        writing = [one for one in self.judged if one.lock == "ROW EXCLUSIVE" or "destroys" in one.levels]
        return any(finding.on.rpartition(".")[2] != besides for one in writing for finding in one.findings)

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
    history: History, names: Iterable[str], catalogue: Callable[[Iterable[str]], Catalogue | None] = lambda _: None
) -> list[Reviewed]:
    """Return the named migrations, reviewed in their order; what cannot be printed is said to be unseen.

    `catalogue` tells of the tables that are there, or None where nobody can; it is asked once.
    """
    wanted = list(names)
    migrations = history.named(wanted)
    texts = history.texts(migrations)
    words = {word for text in texts.values() for word in tables(text.sql)}
    there = catalogue(words) if words else None
    names = {name.rpartition(".")[2] for name in there or ()}
    judgement = Judgement(there or {}, seen=there is not None)
    found = []
    for migration in migrations:
        text = texts[migration.name]
        judged = judge(text.sql, judgement)
        if text.why:
            unread = conceal(text.why, history.contract.secrets_of(history.variables))
            judged = [*judged, Judged("", findings=[Finding("unseen", "", unread)])]
        for one in judged:
            one.text = conceal(one.text, history.contract.secrets_of(history.variables))
        found.append(Reviewed(migration.name, tuple(judged), frozenset(tables(text.sql) & names)))
    # A command that lists migrations may leave out one that another says is pending.
    told = {one.name for one in migrations}
    why = Finding("unseen", "", "the command that lists all migrations does not name it")
    return [*found, *(Reviewed(name, (Judged("", findings=[why]),)) for name in wanted if name not in told)]
