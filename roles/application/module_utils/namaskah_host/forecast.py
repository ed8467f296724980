"""What would a release do on this host? Commits, migrations, dependencies, disk, downtime."""

from __future__ import annotations

import fnmatch
import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from .contract import Contract
from .release import Release, current

UNKNOWN = "unknown: the remote has no history between the two"
BOOT_OF_A_PROCESS = 5  # seconds that a service without overlap is away, where no release has told better


def of_release(
    contract: Contract, run: dict[str, Any], commits: dict[str, Any], archived: Iterable[str] = ()
) -> dict[str, Any]:
    """Return the forecast of releasing `run` on this host; `commits` is what lies between live and it.

    `archived` are the folders of this host that backups hold.
    """
    live = current(contract)
    record = live.record if live else {}
    known = bool(commits.get("known"))
    files = [str(name) for name in commits.get("files", [])]
    requirements = [name for name in files if name in contract.requirements]
    return {
        "live": f"{record['tag'] or record['commit'][:12]} ({record['id']})" if record else "nothing",
        "release": f"{run.get('tag') or run['ref']} ({run['commit'][:12]})",
        "commits": [f"{entry['commit'][:12]} {entry['subject']}" for entry in commits.get("added", [])],
        "commits taken away": [f"{entry['commit'][:12]} {entry['subject']}" for entry in commits.get("removed", [])],
        "migrations": migrations(contract, files) if known else ([UNKNOWN] if record else ["all of them"]),
        "dependencies": (requirements or "unchanged") if known else (UNKNOWN if record else "a first virtualenv"),
        "disk needed MiB": disk_needed(live, new_venv=bool(requirements) or not known) // 2**20,
        "disk free MiB": shutil.disk_usage(contract.root).free // 2**20 if contract.root.exists() else 0,
        "schema": contract.schema,
        "expected downtime": downtime(contract),
        "NOT backed up": unprotected(contract, archived),
    }


def unprotected(contract: Contract, archived: Iterable[str]) -> list[str]:
    """Return the shared paths that no backup of this host holds: what users bring there is lost with its disk."""
    folders = [Path(os.path.realpath(folder)) for folder in archived]
    return [
        str(entry)
        for entry in contract.shared_paths
        if not any(Path(os.path.realpath(contract.shared / entry)).is_relative_to(folder) for folder in folders)
    ]


def migrations(contract: Contract, files: list[str]) -> list[str]:
    """Return the files that the commits change and that are migrations by the application's patterns."""
    return [name for name in files if any(fnmatch.fnmatch(name, pattern) for pattern in contract.migration_files)]


def size_of(folder: Path) -> int:
    """Return the bytes that a folder takes on the disk, without following links."""
    total = 0
    for place, _, names in os.walk(folder):
        total += sum(Path(place, name).lstat().st_blocks * 512 for name in names)
    return total


def disk_needed(live: Release | None, *, new_venv: bool) -> int:
    """Return the bytes that the next release is expected to take: as many as the live one."""
    if live is None or not live.complete:
        return 0
    venv = live.contract.root / "venvs" / live.record["venv"]
    return size_of(live.folder) + (size_of(venv) if new_venv else 0)


def downtime(contract: Contract) -> str:
    """Return how long users wait or meet errors, in words; honest where there is no second instance."""
    services = contract.services_of(contract.services)
    listening = [service for service in services if service.listen != "none"]
    if contract.switch == "restart":
        return f"each host is down while its services stop and start: {BOOT_OF_A_PROCESS} s or more"
    gap = [service.name for service in services if not service.overlap]
    exposed = [service.name for service in listening if not service.overlap]
    if exposed:
        return f"{', '.join(exposed)} may not overlap: down while it stops and starts, {BOOT_OF_A_PROCESS} s or more"
    return "none" + (f" ({', '.join(gap)} pauses for a moment)" if gap else "")
