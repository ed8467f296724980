"""What would the code of another release find in the database as it is now? For a rollback, before anything is done."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ansible.module_utils.namaskah_host.contract import Contract
from ansible.module_utils.namaskah_host.failure import Failure
from ansible.module_utils.namaskah_host.release import Release, all_of, current, last_good_before

from . import by_hand, records
from .answers import Migration
from .gate import told
from .history import History
from .review import Reviewed, from_dict, review
from .session import opened

ALLOW = "schema-ahead"


@dataclass
class Difference:
    """Migrations between the live release and a target.

    `ahead` are applied and unknown to the target, the newest last; `missing` are known to it and not applied;
    `unknown` says why nobody can tell.
    """

    ahead: list[Reviewed] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    unknown: str = ""
    live: Release | None = None
    reversal: list[dict[str, Any]] = field(default_factory=list)

    @property
    def breaking(self) -> bool:
        """Whether the target's code is known to fail on the schema as it is."""
        return bool(self.missing) or any(one.changes for one in self.ahead)

    @property
    def unseen(self) -> list[str]:
        """The migrations of which nobody can tell."""
        return [one.name for one in self.ahead if one.findings("unseen")]

    @property
    def _effect(self) -> str:
        if any(one.changes for one in self.ahead):
            return "older code FAILS on them"
        if self.unseen:
            return f"whether older code works with them is unknown: no SQL shows all that {', '.join(self.unseen)} did"
        return "older code works with them, by what their SQL shows"

    def sentence(self) -> str:
        """Return what the difference is, in a few words."""
        if self.unknown:
            return f"unknown: {self.unknown}"
        parts = []
        if self.ahead:
            parts.append(f"{_count(len(self.ahead))} ahead: {self._effect}")
            own = str(self.live.contract.raw.get("applied_table", "")) if self.live else ""
            writing = [one.name for one in self.ahead if one.writes(own)]
            if writing:
                parts.append(f"rows that {', '.join(writing)} changed or deleted stay as they are")
        if self.missing:
            names = ", ".join(self.missing)
            parts.append(f"{_count(len(self.missing))} missing, and the release FAILS without: {names}")
        return "; ".join(parts) or "code only"

    def as_dict(self) -> dict[str, Any]:
        """Return it as reports carry it."""
        return {
            "schema": self.sentence(),
            "breaking": self.breaking,
            "ahead": [{**one.as_dict(), "older_code_fails_on": one.changes} for one in self.ahead],
            "missing": self.missing,
            "unseen": self.unseen,
            "told": told(self.ahead, "breaks"),
            "reversal": self.reversal,
        }


def _count(number: int) -> str:
    return f"{number} migration{'' if number == 1 else 's'}"


def compare(contract: Contract, target: Release | None, *, tag: str = "", commit: str = "") -> Difference:
    """Return the difference between what is live and `target`; where that was pruned, `tag` or `commit` name it.

    Asks the releases' own code, and what was kept of pruned ones. Changes nothing.
    """
    live = current(contract)
    history = History(contract, live) if live else None
    if live is None or history is None or not (history.answers or contract.known_command):
        return Difference(
            unknown="" if not contract.migrate_command else "the preset has no command that lists migrations"
        )
    wanted = _known_to(contract, target, tag, commit)
    if wanted is None or not history.runs:
        what = (
            "the release to return to is not here, and nothing was kept of it"
            if wanted is None
            else f"{live.id} cannot be asked"
        )
        return Difference(unknown=f"{what}; it is judged when it has been prepared again")
    known, pending = history.known(), set(history.pending())
    applied = [one for one in known if one.name not in pending]
    # One that stands for several brings nothing to code that has those.
    ahead = [one for one in applied if one.name not in wanted and not (one.replaces and {*one.replaces} <= {*wanted})]
    present = {name for one in applied for name in (one.name, *one.replaces)}
    return Difference(
        live=live,
        ahead=_reviewed(contract, history, [one.name for one in ahead]),
        missing=[name for name in wanted if name not in present],
        reversal=_reversals(history, contract, live, ahead),
    )


def _known_to(contract: Contract, target: Release | None, tag: str, commit: str) -> list[str] | None:
    """Return the migrations that the target's code has; None where nobody can tell."""
    if target is not None and target.complete:
        kept = records.read(contract).get(target.id)
        if kept:
            return list(kept["known"])
        asked = History(contract, target)
        return [one.name for one in asked.known()] if asked.runs else None
    kept = (records.of_tag(contract, tag) if tag else None) or (records.of_commit(contract, commit) if commit else None)
    return list(kept["known"]) if kept else None


def code_of(contract: Contract, commit: str) -> dict[str, Any]:
    """Return what this host knows of the migrations of a commit; nothing where nobody can tell."""
    if not contract.known_command:
        return {}
    kept = [release for release in all_of(contract) if release.complete and release.record.get("commit") == commit]
    try:
        known = _known_to(contract, kept[-1] if kept else None, "", commit)
    except Failure:  # a release that cannot be asked keeps nobody from the data; what is restored is told as unknown
        return {}
    return records.code_of(contract, commit, known or [])


def _reviewed(contract: Contract, history: History, names: list[str]) -> list[Reviewed]:
    """Return what the migrations did: as it was seen when they were applied, else by their SQL."""
    seen = records.reviews(contract)
    fresh = {one.name: one for one in review(history, [name for name in names if name not in seen])}
    return [from_dict(seen[name]) if name in seen else fresh[name] for name in names]


def _reversals(history: History, contract: Contract, live: Release, ahead: list[Migration]) -> list[dict[str, Any]]:
    """Return how migrations go back, the newest first: the line for a person, its SQL, or why one does not go back."""
    texts = history.texts(ahead, backwards=True)
    names = {one.name for one in ahead}
    found = []
    for migration in ahead[::-1]:
        command = by_hand.line(contract, live, history.reversal(migration))
        text = texts[migration.name]
        beside = [name for name in migration.also if name not in names]
        why = text.why
        if not command:
            why = "the preset has no command for it"
        elif beside:
            why = f"it would take {', '.join(beside)} back with it, which the release to return to needs"
        found.append({"name": migration.name, "command": command, "sql": text.sql, "impossible": why})
    return found


def target_of(contract: Contract, tag: str) -> Release | None:
    """Return the release that a rollback would choose by the host's own records; None where it was pruned."""
    if not tag:
        return last_good_before(contract)
    return next((release for release in reversed(all_of(contract)) if release.record.get("tag") == tag), None)


def settle(contract: Contract, run: dict[str, Any], *, reverse: bool, held: int | None = None) -> dict[str, Any]:
    """Refuse a rollback whose code would fail, or reverse what is ahead where that was asked for; say what was done.

    The reversal is done by the live release, which brought the migrations, before anything is switched.
    """
    target = Release(contract, run["release"])
    found = compare(contract, target, commit=run["commit"])
    answer: dict[str, Any] = {**found.as_dict(), "reversed": []}
    try:
        if reverse and found.ahead:
            answer["reversed"] = _reverse_all(contract, found, held)
            answer["schema"] = f"reversed: {', '.join(answer['reversed'])}"
            if found.missing:
                raise _refused(contract, found)
        elif (found.breaking or (reverse and found.unknown)) and ALLOW not in contract.allow:
            raise _refused(contract, found)
    except Failure as failure:
        failure.result = {**answer, **failure.result}
        raise
    return {"changed": bool(answer["reversed"]), **answer}


def _refused(contract: Contract, found: Difference) -> Failure:
    lines = "\n".join(f"- {line}" for line in found.as_dict()["told"])
    ways = ["release a new commit that works with the schema as it is"]
    if found.ahead and not found.missing:
        ways.insert(0, "take the migrations back with --reverse-migrations")
    if found.missing:
        ways.insert(0, "release it instead, which applies what it needs: namaskah-deploy deploy")
    return Failure(
        "refused",
        "return to code that fits the database",
        contract.host,
        f"{found.sentence()}; nothing was switched" + (f"\n{lines}" if lines else ""),
        f"{', or '.join(ways)}; --allow {ALLOW} returns in spite of it",
    )


def _reverse_all(contract: Contract, found: Difference, held: int | None) -> list[str]:
    """Take back every migration that is ahead, the newest first; return their names. Raises Failure half-way."""
    live = found.live
    if live is None:
        raise AssertionError("migrations are ahead of nothing")
    history = History(contract, live, held=held)
    impossible = [f"{one['name']}: {one['impossible']}" for one in found.reversal if one["impossible"]]
    if impossible:
        next_step = "return without --reverse-migrations, or release a commit that works with the schema as it is"
        why = "nothing was reversed and nothing switched, for these do not go back: " + "; ".join(impossible)
        raise Failure("refused", "reverse the migrations", contract.host, why, next_step)
    done: list[str] = []
    with opened(history.build.venv, history.variables, contract.database_variable, contract.host) as (session, _):
        if session:
            session.keep(contract.app, contract.migrate_wait)
            session.await_dumps(contract.migrate_wait)
        for one in found.reversal:
            try:
                history.reverse(history.named([one["name"]])[0])
            except Failure as failure:
                raise _half_way(failure, live, done) from None
            done.append(one["name"])
    return done


def _half_way(failure: Failure, live: Release, done: list[str]) -> Failure:
    said = f"REVERSED before that: {', '.join(done)}" if done else "nothing was reversed"
    told_by = Failure(
        failure.kind,
        failure.what,
        failure.where,
        f"{failure.why}\n{said}; {live.id} still serves",
        f"apply them again by releasing {live.record.get('tag') or live.record.get('commit', '')[:12]} once more, "
        "or try the rollback again",
    )
    told_by.result = {"reversed": done}
    return told_by
