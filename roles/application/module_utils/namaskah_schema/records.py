"""Which migrations does each release know, and which did it bring? Kept for releases that are gone, too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible.module_utils.namaskah_host.contract import Contract
from ansible.module_utils.namaskah_host.files import LOOK, Damaged, lay_aside, read_record, write_json
from ansible.module_utils.namaskah_host.release import Release

from .answers import Migration
from .review import from_dict

KEPT = 200  # releases


def file_of(contract: Contract) -> Path:
    """Return where they are kept."""
    return Path(contract.root) / "migrations.json"


def whole(contract: Contract) -> dict[str, dict[str, Any]]:
    """Return commit, tag, known, newest, applied and reviewed of each release, by its id. Raises Damaged."""
    path = file_of(contract)
    every = read_record(path, {}, {}, LOOK) or {}
    for name, entry in every.items():
        if not _entry(entry):
            raise Damaged(path, f"what it says of {name} is no record of migrations", LOOK)
    return every


def _entry(entry: Any) -> bool:
    """Whether this can have been written by `keep`."""
    if not isinstance(entry, dict) or any(type(entry.get(name)) is not str for name in ("commit", "tag")):
        return False
    if any(type(entry.get(name)) is not list for name in ("known", "applied", "reviewed")):
        return False
    try:
        names = [from_dict(one).name for one in entry["reviewed"]]
    except (AttributeError, KeyError, TypeError):
        return False
    return all(isinstance(name, str) for name in [*entry["known"], *entry["applied"], *names])


def read(contract: Contract) -> dict[str, dict[str, Any]]:
    """Return what is known of each release; of a damaged record nothing, as if it had never been kept."""
    try:
        return whole(contract)
    except Damaged:
        return {}


def keep(
    contract: Contract,
    release: Release,
    known: list[Migration],
    applied: list[str],
    reviewed: list[Any],
    *,
    run: dict[str, Any],
) -> str:
    """Write what a release knows and brought; the same names go into its own record.

    A damaged record is laid aside, for the migrations are applied already; return that in words, or "".
    """
    record, told, names = release.record, "", [one.name for one in known]
    try:
        every = whole(contract)
    except Damaged as damaged:
        every = {}
        about = {"run": run.get("id", ""), "by": run.get("by", ""), "host": contract.host}
        told = lay_aside(damaged, about)
    before = every.get(release.id, {"applied": [], "reviewed": []})
    entry = {
        "commit": record.get("commit", ""),
        "tag": record.get("tag", ""),
        "known": names,
        "newest": [one.name for one in known if one.newest],
        "applied": [*before["applied"], *applied],
        "reviewed": [*before["reviewed"], *(one.as_dict() for one in reviewed if one.name in applied)],
    }
    kept = sorted({*every, release.id})[-KEPT:]
    write_json(file_of(contract), {name: {**every, release.id: entry}[name] for name in kept})
    write_json(release.record_file, {**record, "migrations": {"known": names, "applied": entry["applied"]}})
    return told


def code_of(contract: Contract, commit: str, known: list[str]) -> dict[str, Any]:
    """Return what this host knows of a commit's migrations, for the choice of a backup that fits its code.

    `known` are those that it has, oldest first; `later` those that came with releases after it; `heads` are the newest
    of each branch where the database keeps those only, else nothing. Empty where its migrations are not known.
    """
    if not known:
        return {}
    every = sorted(read(contract).items())
    first = next((name for name, entry in every if entry["commit"] == commit), "")
    before = {one for name, entry in every if name <= first for one in entry["known"]}
    after = {one for name, entry in every if name > first for one in entry["known"]}
    kept = of_commit(contract, commit) or {}
    heads = (kept.get("newest") or known[-1:]) if contract.raw.get("applied_heads") else []
    return {"known": known, "later": sorted(after - before - set(known)), "heads": heads}


def of_commit(contract: Contract, commit: str) -> dict[str, Any] | None:
    """Return what is kept of the newest release of a commit."""
    found = [entry for _, entry in sorted(read(contract).items()) if entry["commit"] == commit]
    return found[-1] if found else None


def of_tag(contract: Contract, tag: str) -> dict[str, Any] | None:
    """Return what is kept of the newest release of a tag."""
    found = [entry for _, entry in sorted(read(contract).items()) if entry["tag"] == tag]
    return found[-1] if found else None


def reviews(contract: Contract) -> dict[str, dict[str, Any]]:
    """Return what each migration does, as it was seen when it was applied, with the sizes and types of that time."""
    return {one["name"]: one for _, entry in sorted(read(contract).items()) for one in entry["reviewed"]}
