"""May the pending migrations be applied now, and how, so that the site is not taken down by them?"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping, Sequence
from typing import Any

from ansible.module_utils.namaskah_host.contract import Contract
from ansible.module_utils.namaskah_host.failure import Failure
from ansible.module_utils.namaskah_host.release import Release, current

from . import by_hand, lost, records, used, waits
from .history import History
from .review import Reviewed, review
from .session import Session, opened

PAUSE = 2.0  # seconds between two tries
ALLOW = "breaking-schema"
ALLOW_DELETES = "data-loss"


class Gate:
    """The migrations of one prepared release, applied once for the whole fleet."""

    def __init__(
        self,
        contract: Contract,
        run: dict[str, Any],
        held: int | None = None,
        rows: Mapping[str, int] | None = None,
        backed_up: Sequence[str] = (),
    ) -> None:
        """`held` is the work lock's descriptor, which every command of the application keeps.

        `rows` are those of each table in the backup of this run, `backed_up` is the identity of its database (used.py);
        none where there is no backup.
        """
        self.contract, self.run = contract, run
        self.release = Release(contract, run["release"])
        self.history = History(contract, self.release, run, held)
        self.found: dict[str, Any] = {"pending": [], "applied": [], "tries": 0, "schema": "unknown", "notes": []}
        self.rows = rows or {}
        self.backed_up = backed_up
        self.reviewed: list[Reviewed] = []

    def look(self) -> dict[str, Any]:
        """Return what is pending and what it does; change nothing."""
        self._list()
        if self.found["pending"]:
            with self._session() as (session, _):
                self.found["notes"] += used.connection(self.contract, self.history, session)
                self._foresee(session)
                self._review(session)
        notes = [f"note: {note}" for note in self.found["notes"]]
        self.found["shown"] = [*(shown(self.reviewed) or self.found["pending"]), *notes]
        return self.found

    def apply(self) -> dict[str, Any]:
        """Apply what is pending, under the database's own lock; return what was done.

        Raises Failure; its reason names the migrations that were committed before the failing one, and what became of
        them, its result is what was found out.
        """
        try:
            self._list()
            # Lines that are printed for people may leave one out: then the command that migrates has the last word.
            if self.contract.migrate_command and (self.found["pending"] or not self.history.answers):
                with self._session() as (session, why):
                    self._note_databases(session)
                    self._apply(session, why)
            else:
                self._note_databases(None)
            self._keep()
        except Failure as failure:
            failure.result = self.found
            if self.found["applied"]:  # they stay in the database: whoever returns to older code has to know of them
                with contextlib.suppress(Failure, OSError):
                    self._keep()
            raise
        return self.found

    def _list(self) -> None:
        """Find what is pending: where that is nothing, by the application's own answer, the schema fits as it is."""
        self.found["pending"] = self.history.pending()
        asked = self.history.lists or not self.contract.migrate_command
        self.found["schema"] = "compatible" if asked and not self.found["pending"] else "unknown"

    def _note_databases(self, session: Session | None) -> None:
        self.found["notes"] += used.notes(self.contract, self.history, session, self.backed_up)

    def _foresee(self, session: Session | None) -> None:
        """The same for a plan, which has no backup to compare with."""
        if session is None:
            return
        try:
            self._note_databases(session)
        except Failure as failure:
            self.found["notes"].append(f"a release would be {failure.kind}: {failure.why}")

    def _keep(self) -> None:
        known, applied = self.history.known(), self.found["applied"]
        told = records.keep(self.contract, self.release, known, applied, self.reviewed, run=self.run)
        self.found["notes"] += [told] if told else []

    def _session(self) -> Any:
        variables, name = self.history.variables, self.contract.database_variable
        return opened(self.history.build.venv, variables, name, self.contract.host)

    def _apply(self, session: Session | None, why: str) -> None:
        invalid: set[str] = set()
        if session is None:
            self.found["notes"].append(f"no lock in the database, and no look for dumps: {why}")
        else:
            if session.keep(self.contract.app, self.contract.migrate_wait):
                self.history.forget()
                self._list()
            invalid = session.invalid_indexes()
            self.found["notes"] += used.connection(self.contract, self.history, session)
        self._review(session)
        self._refuse_breaking()
        self._refuse_destroying()
        try:
            self._try(session)
        finally:
            if session:
                self._compare(session)
                self._note_invalid(session.invalid_indexes() - invalid)

    def _review(self, session: Session | None) -> None:
        """Judge what is pending; before the first release nobody uses the database."""
        pending = self.found["pending"]
        if current(self.contract) is not None:
            self.reviewed = review(self.history, pending, session.catalogue if session else lambda _: None)
        flagged = [one.name for one in self.reviewed if one.findings("breaks", "blocks")]
        self.found["migrations"] = [one.as_dict() for one in self.reviewed]
        self.found["schema"] = self._effect(flagged=bool(flagged))
        self.found["told"] = told(self.reviewed, "breaks", "blocks")
        self.found["data"] = told(self.reviewed, "destroys", "unseen")

    def _effect(self, *, flagged: bool) -> str:
        """Say what pending migrations mean for the code that serves: what nobody has seen is unknown."""
        stated, pending = self.contract.schema, self.found["pending"]
        if not self.history.lists:
            return "breaking" if stated == "breaking" else "unknown"
        if pending and (flagged or stated == "breaking"):
            return "breaking"
        if pending and current(self.contract) is None:
            return "no older code"
        seen = len(self.reviewed) == len(pending) and not any(one.opaque for one in self.reviewed)
        return "compatible" if seen or stated == "compatible" else "unknown"

    def _refuse_breaking(self) -> None:
        stated = self.contract.schema
        first = current(self.contract) is None
        if self.found["schema"] != "breaking" or first or stated == "compatible" or ALLOW in self.contract.allow:
            return
        what = "\n".join(f"- {line}" for line in self.found["told"]) or "- namaskah_schema says so"
        raise Failure(
            "refused",
            "migrate the database in a rolling release",
            self.contract.host,
            f"the migrations are breaking; nothing was applied and nothing was switched:\n{what}",
            "divide it: first what old and new code both bear, in a later release the rest. Or announce a maintenance "
            f"window and release with --allow {ALLOW}: old code fails from the migration on until its host is "
            "switched, and after an automatic return until the migrations are reversed",
        )

    def _refuse_destroying(self) -> None:
        """Refuse what deletes every row of a table, and by policy what nobody can see: rows come back from backups."""
        policy = self.contract.migrate_deletes
        levels = {"refuse": ("destroys",), "refuse-unseen": ("destroys", "unseen")}.get(policy, ())
        what = told(self.reviewed, *levels)
        if not what or self.contract.schema == "compatible" or ALLOW_DELETES in self.contract.allow:
            return
        raise Failure(
            "refused",
            "migrate without losing rows",
            self.contract.host,
            "rows may be lost; nothing was applied and nothing was switched:\n"
            + "\n".join(f"- {line}" for line in what),
            f"bound what is deleted by a condition, or release with --allow {ALLOW_DELETES}; namaskah_migrate_deletes "
            f"(now {policy}) chooses what is refused",
        )

    def _compare(self, session: Session) -> None:
        """Compare rows with the backup of this run, in the tables that the applied migrations touch."""
        brought = [*self.found["applied"], *self.found.get("reversed", [])]
        applied = [one for one in self.reviewed if one.name in brought]
        applied = self.reviewed if self.found.get("unknown") else applied
        if not self.rows or not (applied or self.found.get("unknown")):
            return
        everything = bool(self.found.get("unknown")) or any(one.opaque for one in applied)
        names = None if everything else set[str]().union(*(one.touches for one in applied))
        try:
            fewer = lost.compare(session, self.rows, names)
        except Failure as failure:
            self.found["notes"].append(f"rows were not compared with the backup: {failure.why}")
            return
        self.found["fewer"] = lost.as_dict(fewer)
        self.found["fewer_told"] = [one.sentence for one in fewer]
        if fewer and everything:
            self.found["fewer_told"].append("a migration runs what no SQL shows; users may have deleted some as well")

    def _try(self, session: Session | None) -> None:
        before = self.found["pending"]
        for attempt in range(1, self.contract.migrate_tries + 1):
            if session:
                session.await_dumps(self.contract.migrate_wait)
            self.found["tries"] = attempt
            try:
                with waits.watched(session) as watch:
                    self.history.migrate()
            except Failure as failure:
                if attempt == self.contract.migrate_tries or not waits.TOO_LONG.search(failure.why):
                    raise self._ended(waits.explained(failure, watch, self.contract, attempt), before) from None
                time.sleep(PAUSE)
            else:
                self._prove(before)
                return

    def _prove(self, before: list[str]) -> None:
        """Note what was applied. Raises Failure where something is pending after a command that ended well."""
        try:
            left = self.history.pending()
        except Failure as unknown:
            raise _with(
                unknown,
                "the migrations were run and ended well; whether one is left is unknown",
                f"look into the database; {unknown.next_step}",
            ) from None
        self._has_applied([name for name in before if name not in left])
        if left:
            beside = [one for one in self.history.named(left) if one.beside]
            further = "".join(f"\n{one.name} has to go to the database {', '.join(one.beside)}" for one in beside)
            raise Failure(
                "failed",
                "apply every migration",
                self.contract.host,
                f"{' '.join(map(str, self.contract.migrate_command))} ended with exit status 0, and these are pending "
                f"still: {', '.join(left)}; nothing was switched"
                + further
                + (f"\nAPPLIED AND KEPT: {', '.join(self.found['applied'])}" if self.found["applied"] else ""),
                "run that command in the release's folder and see what it leaves out; namaskah_migrate_command has to "
                "apply everything"
                + (", in each of these databases: name a program of the release that migrates them" if beside else ""),
            )

    def _has_applied(self, names: Sequence[str]) -> None:
        self.found["applied"] = list(names)
        if not self.history.lists:
            self.found["unknown"] = "the preset has no command that lists pending migrations (namaskah_pending_command)"
        # Before the first release there is nothing to go back to.
        migrations = self.history.named(list(names))[::-1] if current(self.contract) else []
        self.found["undo"] = [
            by_hand.line(self.contract, self.release, self.history.reversal(one))
            for one in migrations
            if set(one.also) <= set(names)  # no line may take back what was there before
        ]

    def _ended(self, failure: Failure, before: list[str]) -> Failure:
        """Return the failure with what was committed before it, after what the policy takes back was taken back."""
        self.history.forget()
        try:
            left = self.history.pending()
        except Failure as unknown:
            self.found["unknown"] = unknown.why
            return _with(failure, f"and what was applied is unknown: {unknown.why}", "look into the database")
        self._has_applied([name for name in before if name not in left])
        if self.found.get("unknown"):
            further = f"whether a part was applied is unknown: {self.found['unknown']}"
            return _with(failure, further, "look into the database; the old release still serves")
        if not self.found["applied"]:
            return _with(failure, "no migration was applied", "the old release still serves; mend it and release again")
        words = self._take_back() if self._wants_reversal() else []
        applied = self.found["applied"]
        if applied:
            words.append(f"APPLIED AND KEPT before it failed: {', '.join(applied)}")
        undo = "\n".join(["; the applied ones go back, in this order, by", *self.found["undo"]]) if applied else ""
        return _with(
            failure, "\n".join(words), f"the old release still serves; mend the migration and release again{undo}"
        )

    def _wants_reversal(self) -> bool:
        policy = self.contract.migrate_on_failure
        breaking = any(one.changes for one in self.reviewed if one.name in self.found["applied"])
        return bool(self.contract.reverse_command) and (policy == "reverse" or (policy == "breaking" and breaking))

    def _take_back(self) -> list[str]:
        """Reverse what was applied, the newest first; return what came of it, in words."""
        back: list[str] = []
        words = []
        for migration in self.history.named(self.found["applied"])[::-1]:
            beside = [name for name in migration.also if name not in self.found["applied"]]
            if beside:
                words.append(f"{migration.name} was NOT reversed: it would take {', '.join(beside)} back with it")
                break
            try:
                self.history.reverse(migration)
            except Failure as failure:
                words.append(f"{migration.name} could NOT be reversed: {failure.why}")
                break
            back.append(migration.name)
        if back:
            self.found["reversed"] = back
            words.append(f"APPLIED AND REVERSED again: {', '.join(back)}")
        self._has_applied([name for name in self.found["applied"] if name not in back])
        return words

    def _note_invalid(self, names: set[str]) -> None:
        if names:
            self.found["invalid_indexes"] = sorted(names)
            self.found["notes"].append(
                f"INVALID indexes, which cost and do not serve: {', '.join(sorted(names))}; DROP INDEX CONCURRENTLY, "
                "and build them again"
            )


def shown(reviewed: Sequence[Reviewed]) -> list[str]:
    """Return every statement with its lock and what was found, as a plan shows it."""
    lines = []
    for one in reviewed:
        lines.append(one.name)
        for judged in one.judged:
            lines += [f"  {judged.text} [{judged.lock}]"] if judged.text else []
            lines += [f"    {finding.level}: {finding.on} {finding.why}" for finding in judged.findings]
    return lines


def told(reviewed: Sequence[Reviewed], *levels: str) -> list[str]:
    """Return what the statements do that have findings of these levels, in words."""
    return [
        f"{one.name}: {finding.on}: {finding.why} [{judged.lock}]"
        for one in reviewed
        for judged in one.judged
        for finding in judged.findings
        if finding.level in levels
    ]


def _with(failure: Failure, further: str, next_step: str) -> Failure:
    if failure.what == waits.WHAT:
        next_step = f"{failure.next_step}; {next_step}"
    return Failure(failure.kind, failure.what, failure.where, f"{failure.why}\n{further}", next_step)
