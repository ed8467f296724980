"""What is known of a lab between commands: one folder with a record that says who owns it.

A lab without an owner stays until `down`. A lab with one (a test process) is a leftover as soon
as that process is gone; a process is told apart by pid, start time and the machine's boot id.
"""

import json
import os
import re
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tests.support.lab.errors import LabError
from tests.support.lab.paths import state_dir

_NAME = re.compile(r"[a-z][a-z0-9-]{0,29}")


@dataclass(frozen=True)
class Owner:
    """A process, told apart from a later one with the same id."""

    pid: int
    started: str

    @classmethod
    def this_process(cls) -> "Owner":
        pid = os.getpid()
        return cls(pid, process_start(pid) or "")

    def alive(self) -> bool:
        return process_start(self.pid) == self.started


@dataclass(frozen=True)
class HostRecord:
    """What a host is made from."""

    name: str
    address: str
    suite: str
    group: str
    layers: list[str]
    bare: bool = False
    kept: str = ""
    """The folder of a kept disk that it begins with, "" for none."""
    as_found: bool = False
    """Whether somebody had habits on it before we came (habits.py)."""


@dataclass
class LabRecord:
    """What a lab is made from; written as lab.json into its folder."""

    name: str
    network: int
    boot_id: str
    owner: Owner | None
    hosts: list[HostRecord] = field(default_factory=list)

    @property
    def folder(self) -> Path:
        return state_dir() / self.name

    def save(self) -> None:
        """Write lab.json whole or not at all."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o755)
        unfinished = self.folder / "lab.json.new"
        unfinished.write_text(json.dumps(asdict(self), indent=2) + "\n")
        unfinished.rename(self.folder / "lab.json")

    def stale(self) -> bool:
        """Whether nobody can use this lab any more: its machine rebooted or its owner died."""
        return self.boot_id != boot_id() or (self.owner is not None and not self.owner.alive())


def load(name: str) -> LabRecord:
    """The record of lab `name`; raises LabError when there is none."""
    check_name(name)
    record = _read(state_dir() / name / "lab.json")
    if record is None:
        known = ", ".join(record.name for record in load_all()) or "none"
        raise LabError(f"no lab named {name!r} (labs on this machine: {known})")
    return record


def load_all() -> list[LabRecord]:
    """Every lab on this machine, by name."""
    records = [_read(path) for path in sorted(state_dir().glob("*/lab.json"))]
    return [record for record in records if record is not None]


def _read(path: Path) -> LabRecord | None:
    try:
        data = json.loads(path.read_text())
    except FileNotFoundError:  # Another run removed it while we looked.
        return None
    owner = Owner(**data.pop("owner")) if data["owner"] else data.pop("owner")
    hosts = [HostRecord(**host) for host in data.pop("hosts")]
    return LabRecord(**data, owner=owner, hosts=hosts)


def taken_networks() -> set[int]:
    return {record.network for record in load_all()}


def check_name(name: str) -> str:
    """`name` if it may name a lab or a host (it becomes a host name, a path and an interface's label)."""
    if not _NAME.fullmatch(name):
        raise LabError(f"{name!r} cannot be a name here: lower-case letters, digits and '-', a letter first")
    return name


def boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def process_start(pid: int) -> str | None:
    """Start time of `pid` in clock ticks since boot (proc(5), stat field 22), None when it is gone or a zombie."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] in ("Z", "X") else fields[19]
