"""What is known of the releases on a host? Each has its own record; order comes from records, never from mtime.

Records have a folder of their own: what a commit brings cannot be one. An earlier version kept them in the releases.
"""

from __future__ import annotations

import posixpath
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .contract import INSTANCES, Contract, Service
from .failure import Failure
from .files import link_target, point, read_json, sync_folder, write_json
from .journal import now

OURS = (".namaskah", "run")  # at the top of a release: names that no repository may have
OLD_RECORD = ".release.json"  # where an earlier version kept a release's record, in its folder
_NEEDED = ("commit", "state", "venv")
NAME = re.compile(r"^[0-9]{8}T[0-9]{6}Z-[0-9a-f]{12}$")


def is_ours(path: str) -> bool:
    """Whether a path inside a release is one of the tool's own, or below it."""
    return posixpath.normpath(path).split("/")[0] in OURS


@dataclass(frozen=True)
class Release:
    """One release folder of a host."""

    contract: Contract
    id: str

    @property
    def folder(self) -> Path:
        """The folder, by its real path."""
        return self.contract.releases / self.id

    @property
    def record(self) -> dict[str, Any]:
        """The release's record; empty where prepare has not finished, or where it cannot be read."""
        return _record(self.record_file)

    @property
    def record_file(self) -> Path:
        """Where the release's record is, on a host that no run of this version has been on as well."""
        kept = records_of(self.contract)
        return kept / f"{self.id}.json" if kept.is_dir() else self.folder / OLD_RECORD

    @property
    def complete(self) -> bool:
        """Whether prepare has finished it: its own record says so, and what its launchers read is there."""
        record = self.record
        return record.get("id") == self.id and record.keys() >= set(_NEEDED) and "services" in self.launch

    @property
    def launch(self) -> dict[str, Any]:
        """What the release's launchers read; empty where prepare has not finished, or where it cannot be read."""
        return _record(self.folder / ".namaskah" / "launch.json")

    @property
    def services(self) -> tuple[Service, ...]:
        """The services as they were agreed when this release was prepared. Raises Failure where nobody can tell."""
        try:
            return self.contract.services_of(self.launch["services"])
        except (AttributeError, KeyError, OverflowError, TypeError, ValueError) as error:
            where = str(self.folder / ".namaskah" / "launch.json")
            why = f"{self.id} cannot be started: this file is missing or not as prepare wrote it ({error!r})"
            raise Failure("failed", "read the services of a release", where, why, "release again") from None

    @property
    def instance(self) -> str | None:
        """The instance that this release runs as, or ran as last."""
        target = link_target(self.folder / "run")
        name = Path(target).name if target else None
        return name if name in INSTANCES else None

    def mark(self, state: str, **facts: Any) -> None:
        """Write the release's state, with facts about the change, into its record."""
        record = self.record
        record.update(state=state, changed=now(), **facts)
        write_json(self.record_file, record)

    def live_again(self) -> None:
        """Be live after a return: a confirmation that was killed half-way had called it superseded."""
        if self.record.get("state") != "live":
            self.mark("live")

    def take(self, instance: str) -> None:
        """Make this release the one that `instance` starts, with its sockets reached through the release."""
        point(self.folder / "run", str(self.contract.runtime_of(instance)))
        point(self.contract.root / "instances" / instance, f"../releases/{self.id}")


def records_of(contract: Contract) -> Path:
    """Return the folder of the records."""
    return contract.root / "records"


def adopt_records(contract: Contract) -> None:
    """Give records their own folder, once, with what an earlier version wrote; called under the lock of the lease.

    That version's host program may have to start the application until it is replaced, so what it reads stays for it
    until then (`forget_old_records`); this version never looks there again.
    """
    place = records_of(contract)
    if place.is_dir():
        return
    unfinished = place.with_name(".records.new")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(mode=0o755)
    for folder, record in _old_records(contract):
        write_json(unfinished / f"{folder.name}.json", record)
    sync_folder(unfinished)
    unfinished.rename(place)
    sync_folder(contract.root)


def forget_old_records(contract: Contract) -> None:
    """Remove from releases the records that were moved; called when nothing that reads them there is left."""
    for folder, _ in _old_records(contract):
        if (records_of(contract) / f"{folder.name}.json").exists():
            (folder / OLD_RECORD).unlink()


def _old_records(contract: Contract) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Yield folder and record of releases that an earlier version made: a commit cannot know their names."""
    for folder in sorted(contract.releases.iterdir()) if contract.releases.is_dir() else ():
        if NAME.match(folder.name) and not (folder / OLD_RECORD).is_symlink():
            record = _record(folder / OLD_RECORD)
            if record.get("id") == folder.name:
                yield folder, record


def _record(path: Path) -> dict[str, Any]:
    """Return what a file of a release holds; empty where it is missing or cannot be read, for one may be damaged."""
    try:
        found = read_json(path)
    except (Failure, OSError):
        return {}
    return found if isinstance(found, dict) else {}


def current(contract: Contract) -> Release | None:
    """Return the release that `current` names, or None before the first."""
    target = link_target(contract.current)
    name = Path(target).name if target else ""
    return Release(contract, name) if NAME.match(name) else None


def on_instance(contract: Contract, instance: str) -> Release | None:
    """Return the release that an instance would start."""
    target = link_target(contract.root / "instances" / instance)
    name = Path(target).name if target else ""
    return Release(contract, name) if NAME.match(name) and (contract.releases / name).is_dir() else None


def all_of(contract: Contract) -> list[Release]:
    """Return every complete release on the host, oldest first by the time in its name."""
    try:
        names = sorted(entry.name for entry in contract.releases.iterdir() if NAME.match(entry.name))
    except FileNotFoundError:
        return []
    return [release for release in (Release(contract, name) for name in names) if release.complete]


def of_commit(contract: Contract, commit: str) -> Release | None:
    """Return the newest complete release of a commit whose virtualenv is still there, or None."""
    found = [release for release in all_of(contract) if release.record["commit"] == commit]
    usable = [release for release in found if (contract.root / "venvs" / release.record["venv"] / ".complete").exists()]
    return usable[-1] if usable else None


def last_good_before(contract: Contract) -> Release | None:
    """Return the release that was live before the current one and is still good: the target of a plain rollback."""
    live = current(contract)
    good = [
        release
        for release in all_of(contract)
        if release.record["state"] == "superseded" and (live is None or release.id != live.id)
    ]
    return max(good, key=lambda release: str(release.record.get("confirmed", "")), default=None)
