"""What is kept of a fleet, and where? The folders and records of the museum."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tests.support.project import ROOT

PLACE = ROOT / "tests" / "museum"
SAMPLE = "ledger"
# The hosts of every exhibit: name -> inventory group, and the process manager where the application runs.
HOSTS = {"app1": ("app", "systemd"), "app2": ("app", "pm2"), "db1": ("database", "")}
APP_HOSTS = tuple(name for name, (group, _) in HOSTS.items() if group == "app")
DATABASE_HOST = "db1"
DATABASES = "root/databases.sql"  # in the archive of the database host: roles, databases and rows
# A lab gives its hosts addresses. In an archive those for documentation stand instead (RFC 5737).
ADDRESSES = dict(zip(HOSTS, ("192.0.2.11", "192.0.2.12", "192.0.2.21"), strict=True))


@dataclass(frozen=True)
class Wing:
    """All exhibits of one commit of the tool, and what they share. `variables` is the environment of the inventory."""

    folder: Path
    commit: str
    variables: dict[str, Any]
    hosts: dict[str, dict[str, Any]]
    """Users of each host with home, shell and further groups, and files of Debian's packages that were removed."""

    @classmethod
    def load(cls, commit: str) -> Wing:
        """Return the exhibits of a commit."""
        folder = PLACE / commit
        return cls(folder=folder, **json.loads((folder / "wing.json").read_text()))

    def save(self) -> None:
        """Write what the exhibits share."""
        known = {name: value for name, value in asdict(self).items() if name != "folder"}
        (self.folder / "wing.json").write_text(json.dumps(known, indent=2, sort_keys=True) + "\n")

    @property
    def repository(self) -> Path:
        """The application's history as a git bundle: tags of then, whatever becomes of the sample."""
        return self.folder / f"{SAMPLE}.bundle"

    def requirements(self, venv: str) -> Path:
        """The pinned requirements of a virtualenv, by its recorded name."""
        return self.folder / "requirements" / f"{venv}.txt"

    def exhibit(self, name: str) -> Exhibit:
        """Return one of them."""
        return Exhibit.load(self.folder / name)

    def names(self) -> list[str]:
        """Return the names of all of them."""
        return sorted(path.parent.name for path in self.folder.glob("*/exhibit.json"))


@dataclass(frozen=True)
class Exhibit:
    """A fleet in one state. `taken` is when, in seconds of the epoch."""

    folder: Path
    what: str
    taken: float
    expected: dict[str, Any]
    """`live`: tag by host; `booted`, `recovered`: after a boot, and `recover`; `status`: exit code and words of it."""
    facts: dict[str, Any] = field(default_factory=dict)
    """Names that the state brought with it, such as backups."""
    ahead: dict[str, list[str]] = field(default_factory=dict)
    """JSON file on a host -> keys of times of the epoch that lie in the future as long as the state lasts."""

    @classmethod
    def load(cls, folder: Path) -> Exhibit:
        """Return the exhibit in a folder."""
        return cls(folder=folder, **json.loads((folder / "exhibit.json").read_text()))

    def save(self) -> None:
        """Write what is known of it."""
        known = {name: value for name, value in asdict(self).items() if name != "folder"}
        (self.folder / "exhibit.json").write_text(json.dumps(known, indent=2, sort_keys=True) + "\n")

    def archive(self, host: str) -> Path:
        """The files of a host."""
        return self.folder / f"{host}.tar.xz"
