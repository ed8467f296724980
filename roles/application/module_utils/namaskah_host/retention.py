"""Which releases may go? Retention by meaning: failures never cost a good release, and nothing in use is touched."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from . import assets, mirror, virtualenv
from .contract import INSTANCES, Contract
from .release import NAME, Release, all_of, current, last_good_before, on_instance, records_of

BAD_KEPT = 3  # failed releases kept as evidence besides the rules for good ones


def protected(contract: Contract) -> set[str]:
    """Return the releases that no rule may drop: live, the good one before it, tagged, and what an instance names."""
    live, before = current(contract), last_good_before(contract)
    named = [live, before, *(on_instance(contract, name) for name in INSTANCES)]
    tagged = [
        release
        for release in all_of(contract)
        if release.record.get("tag") and release.record["state"] in ("live", "superseded")
    ]
    return {release.id for release in [*named, *tagged[-contract.keep_releases :]] if release}


def droppable(contract: Contract) -> list[Release]:
    """Return the releases to drop, oldest first: beyond the kept number of good ones, and of bad ones."""
    safe = protected(contract)
    rest = [release for release in all_of(contract) if release.id not in safe]
    good = [release for release in rest if release.record["state"] == "superseded"]
    failed = [release for release in rest if release.record["state"] in ("bad", "prepared")]
    return good[: max(0, len(good) - contract.keep_releases)] + failed[: max(0, len(failed) - BAD_KEPT)]


def prune(contract: Contract) -> dict[str, Any]:
    """Drop what retention allows, then virtualenvs and pooled files that nothing needs; return what went."""
    dropped = []
    assets.withdraw(contract)  # by what releases say that go next
    assets.refresh(contract)
    for release in droppable(contract):
        discard(release)
        dropped.append(release.id)
    return {
        "releases": dropped,
        "unfinished": drop_unfinished(contract),
        "venvs": drop_venvs(contract),
        "assets": assets.drop(contract),
        "repository": mirror.tidied(contract, [release.id for release in all_of(contract)]),
    }


def discard(release: Release) -> None:
    """Remove a release. The record goes first: a folder without record is no release, whatever happens next."""
    release.record_file.unlink()
    shutil.rmtree(release.folder)


def folders(place: Path) -> list[Path]:
    """Return the folders in `place`; before the first release there may be no such place."""
    return [entry for entry in place.iterdir() if entry.is_dir()] if place.is_dir() else []


def drop_unfinished(contract: Contract) -> list[str]:
    """Remove folders that no prepare has finished; called under the lease, so nobody works on them.

    What runs stays, also where its record cannot be read.
    """
    known = {release.id for release in all_of(contract)} | protected(contract)
    leftovers = [entry for entry in folders(contract.releases) if entry.name not in known]
    for entry in leftovers:
        shutil.rmtree(entry)
    for record in records_of(contract).glob("*.json"):
        if NAME.match(record.stem) and not (contract.releases / record.stem).exists():
            record.unlink()
    return [entry.name for entry in leftovers]


def drop_venvs(contract: Contract) -> list[str]:
    """Remove virtualenvs that no release names; none where it cannot be told what one that runs needs."""
    releases = {release.id: release for release in all_of(contract)}
    releases |= {name: Release(contract, name) for name in protected(contract) if (contract.releases / name).is_dir()}
    needed = {_venv_of(release) for release in releases.values()}
    if "" in needed:
        return []
    unneeded = [entry for entry in folders(contract.root / "venvs") if entry.name not in needed]
    for entry in unneeded:
        virtualenv.remove(entry)
        entry.with_suffix(".lock").unlink(missing_ok=True)
    return [entry.name for entry in unneeded]


def _venv_of(release: Release) -> str:
    """Return the name of a release's virtualenv, by its record or by what its launchers read; "" where none tells."""
    return str(release.record.get("venv") or Path(str(release.launch.get("venv") or "")).name)
