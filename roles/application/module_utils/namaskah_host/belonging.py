"""Does a process run the code of a release? By its folder or its parent, and by nothing of it that names another one.

A service may work below its release (`--chdir backend`), and a worker's child in a temporary folder. One that was not
restarted, or that maps a library of another release, is not of it, whatever its parent is.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from .contract import Contract
from .release import Release

_GONE = " (deleted)"  # how proc(5) marks a path whose file is no more


def stranger(
    contract: Contract, release: Release, process: Mapping[str, Any], family: Iterable[int] = ()
) -> str | None:
    """Return why a process does not belong to a release, in words that go on after its name; None where it does.

    `family` are the process ids that are known to belong to it. What an older program on the host does not tell of a
    process (executable, mapped files) says nothing against it.
    """
    folder = os.path.realpath(release.folder)
    files = [process["cwd"], process.get("executable", ""), *process.get("files", ())]
    for path in files:
        named = _release_of(contract, path)
        if named and named != release.id:
            how = "runs from" if path == process["cwd"] else "uses"
            return f"{how} {path}, not from {folder}"
    told = process["environment"].get("NAMASKAH_RELEASE")
    # A program that sets its title may overwrite what /proc shows of its environment: nothing is left then.
    if told and told != release.id:
        return f"was started for {told}, not for {release.id}"
    if Path(process["cwd"]).is_relative_to(folder) or process["parent"] in set(family):
        return None
    return f"runs from {process['cwd']}, not from {folder}"


def _release_of(contract: Contract, path: str) -> str:
    """Return the name of the release whose folder holds a path; "" where none does."""
    inside = Path(path.removesuffix(_GONE))
    for root in (contract.releases, Path(os.path.realpath(contract.releases))):
        if inside.is_relative_to(root) and inside != root:
            return inside.relative_to(root).parts[0]
    return ""


def family_of(contract: Contract, release: Release, processes: list[dict[str, Any]]) -> dict[int, str]:
    """Return the processes that do not belong to a release, by their ids, with the reason; parents are judged first."""
    wrong: dict[int, str] = {}
    known: set[int] = set()
    left = list(processes)
    here = {process["pid"] for process in processes}
    judged: set[int] = set()
    while left:
        ready = [one for one in left if one["parent"] not in here or one["parent"] in judged] or left[:1]
        for process in ready:
            why = stranger(contract, release, process, known)
            judged.add(process["pid"])
            if why is None:
                known.add(process["pid"])
            else:
                wrong[process["pid"]] = why
        left = [one for one in left if one["pid"] not in judged]
    return wrong
