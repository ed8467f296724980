"""Which backups may go? Judged by what each is needed for; pure, nothing is touched."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ansible.module_utils.namaskah_host.failure import Failure

from .manifest import Backup

PROVED = ("proved", "none")  # "none": files without a database, read back and compared


@dataclass(frozen=True)
class Rules:
    """How many of the newest proved backups stay, and for how many days every backup stays."""

    count: int
    days: float


@dataclass(frozen=True)
class Needs:
    """What the application hosts keep: ids of releases that a rollback can go to, and the runs that made them."""

    releases: Collection[str]
    runs: Collection[str]


@dataclass(frozen=True)
class Verdict:
    """What retention says of one backup; `why` holds for both."""

    backup: Backup
    stays: bool
    why: str


def rules(count: int, days: float) -> Rules:
    """Return the rules. Raises Failure (refused) for ones that would leave nothing."""
    if count < 1 or days < 0:
        why = f"backup_keep_count is {count}, backup_keep_days is {days:g}"
        next_step = "keep one backup at least (backup_keep_count: 1), and a number of days that is not negative"
        raise Failure("refused", "Retention of backups cannot be understood", "the inventory", why, next_step)
    return Rules(count, days)


def judge(
    backups: Sequence[Backup],
    wanted: Rules,
    needs: Needs,
    now: datetime,
    *,
    pin: Callable[[Backup], Mapping[str, Any] | None],
) -> Iterator[Verdict]:
    """Yield a verdict on each of `backups`, which come oldest first."""
    good = [backup for backup in backups if backup.proof["state"] in PROVED]
    newest = {backup.id for backup in good[-wanted.count :]}
    needed = dict(_needed(backups, needs))
    for backup in backups:
        pinned = pin(backup)
        reasons = (
            (pinned is not None, f"pinned by {(pinned or {}).get('by') or 'somebody'}"),
            (good and backup.id == good[-1].id, "the last proved one"),
            (backup.id in needed, needed.get(backup.id, "")),
            (backup.id in newest, f"one of the {wanted.count} newest proved ones"),
            (not good, "no backup is proved"),
            (_age(backup, now) < timedelta(days=wanted.days), f"younger than {wanted.days:g} days"),
        )
        why = next((text for holds, text in reasons if holds), "")
        yield Verdict(backup, bool(why), why or f"{_age(backup, now).days} days old, and nothing needs it")


def _needed(backups: Sequence[Backup], needs: Needs) -> Iterator[tuple[str, str]]:
    """Yield backups that a kept release needs: the newest good state under it, and those its own run began with."""
    for release in sorted(needs.releases):
        under = [backup for backup in backups if backup.content["live"]["release"] == release]
        good = [backup for backup in under if backup.proof["state"] in PROVED]
        for backup in (good or under)[-1:]:
            yield backup.id, f"the data of release {release}, which is kept"
    for backup in backups:
        if backup.content["run"]["id"] in needs.runs and backup.content["run"]["id"]:
            yield backup.id, "taken before a release that is kept"


def _age(backup: Backup, now: datetime) -> timedelta:
    return now - datetime.fromisoformat(backup.content["started"])
