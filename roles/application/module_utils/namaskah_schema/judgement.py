"""What is known while the statements of some migrations are judged, one after the other?

Levels of a finding: `breaks` - code that does not know the migration fails on what it leaves; `blocks` - users wait
while it works; `destroys` - every row of a table is deleted; `unseen` - nobody can tell from the statement; `note` -
worth knowing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

SMALL = 64 << 20  # bytes: such a table is read or written anew within a moment
LEVELS = ("breaks", "blocks", "destroys", "unseen", "note")

NONE = "none"
# PostgreSQL documentation, "Explicit Locking", table-level lock modes; the weakest first.
LOCKS = (
    NONE,
    "ACCESS SHARE",
    "ROW SHARE",
    "ROW EXCLUSIVE",
    "SHARE UPDATE EXCLUSIVE",
    "SHARE",
    "SHARE ROW EXCLUSIVE",
    "EXCLUSIVE",
    "ACCESS EXCLUSIVE",
)
_TEXT = re.compile(r"^(?:character varying|varchar|text)(?:\((\d+)\))?$")
_SIZED = re.compile(r"^(numeric|decimal)\((\d+)(?:,(\d+))?\)$")


@dataclass(frozen=True)
class Finding:
    """Something that a statement does to a table or column, `on`, and why that matters."""

    level: str
    on: str
    why: str


@dataclass
class Judged:
    """One statement with the strongest lock that it takes on a table that was there before."""

    text: str
    lock: str = NONE
    findings: list[Finding] = field(default_factory=list)

    @property
    def levels(self) -> set[str]:
        """The levels of what was found."""
        return {finding.level for finding in self.findings}

    def as_dict(self) -> dict[str, Any]:
        """Return it as records and reports carry it."""
        return {"sql": self.text, "lock": self.lock, "findings": [vars(finding) for finding in self.findings]}


@dataclass
class Judgement:
    """Judges a row of statements: what an earlier one of them made is in nobody's use yet.

    `catalogue` tells of tables that are there: {name: {"bytes": size, "columns": {name: type}, "required": [name]}};
    `seen` says that one which it has not is not there. A name has its schema where it is written with one: `payments`
    and `public.payments` may be two.
    """

    catalogue: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    seen: bool = False
    made: set[str] = field(default_factory=set)
    columns: dict[tuple[str, str], bool] = field(default_factory=dict)
    """New columns, and whether each refuses NULL."""
    judged: list[Judged] = field(default_factory=list)

    def begin(self, text: str) -> None:
        """Go on to the next statement."""
        self.judged.append(Judged(text))

    def makes(self, name: str) -> None:
        """Note that the statement makes a table or the like, unless one of this name was there before."""
        if name not in self.catalogue:
            self.made.add(name)

    def adds(self, table: str, column: str, *, refuses_null: bool) -> None:
        """Note that the statement adds a column, unless the table had it before."""
        if column not in self.catalogue.get(table, {}).get("columns", {}):
            self.columns[table, column] = refuses_null

    def lock(self, mode: str, table: str) -> None:
        """Note that the statement takes `mode` on `table`."""
        now = self.judged[-1]
        if table not in self.made and LOCKS.index(mode) > LOCKS.index(now.lock):
            now.lock = mode

    def breaks(self, table: str, why: str, column: str = "") -> None:
        """Note that code which does not know the statement fails, unless what it changes is new itself."""
        self._add("breaks", table, why, column)

    def blocks(self, table: str, why: str) -> None:
        """Note that users of `table` wait, unless it is small."""
        size = self.catalogue.get(table, {}).get("bytes")
        if size is not None and size <= SMALL:
            self._add("note", table, f"{why}; it has {max(1, size // 2**20)} MiB at most, so for a moment")
        else:
            self._add("blocks", table, why + (f"; it has {size // 2**20} MiB" if size is not None else ""))

    def destroys(self, table: str) -> None:
        """Note that every row of a table is deleted, which no reversal brings back."""
        self._add("destroys", table, "every row is deleted, and no reversal brings them back")

    def unseen(self, why: str) -> None:
        """Note that nobody can tell."""
        self.judged[-1].findings.append(Finding("unseen", "", why))

    def note(self, table: str, why: str, column: str = "") -> None:
        """Note what is worth knowing."""
        self._add("note", table, why, column)

    def _add(self, level: str, table: str, why: str, column: str = "") -> None:
        if table not in self.made and (table, column) not in self.columns:
            on = f"{table}.{column}" if column else table
            self.judged[-1].findings.append(Finding(level, on, why))

    def all_new(self, table: str, columns: list[str]) -> bool:
        """Whether each of `columns` is new: code that does not know them leaves them empty."""
        return table in self.made or (bool(columns) and all((table, name) in self.columns for name in columns))

    def only_widens(self, table: str, column: str, wanted: str) -> bool:
        """Whether the type that the column has, by the catalogue, only gets room: nothing is rewritten or refused."""
        have = str(self.catalogue.get(table, {}).get("columns", {}).get(column, ""))
        old, new = _TEXT.match(have), _TEXT.match(wanted)
        if old and new:
            return new[1] is None or (old[1] is not None and int(new[1]) >= int(old[1]))
        old, new = _SIZED.match(have), _SIZED.match(wanted)
        if old and new:
            same_scale = int(old[3] or 0) == int(new[3] or 0)
            return same_scale and int(new[2]) >= int(old[2])
        return bool(have) and have == wanted
