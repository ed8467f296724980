"""A fleet as its first release left it: made once, kept in the cache, and the begin of every other fleet like it.

Provisioning and a first release take longer than most tests. So the disks of such a fleet are kept under a name that
holds a hash of all that decides them, and a fleet begins as an overlay on them. A lab has its own network and keys:
addresses and the key that logs in are written anew in the few files that hold them, before the hosts boot.

The bare way, from an empty host to a release, is what `tests/lab/provision` and every change of this hash try.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

from tests.support.lab.application import Application
from tests.support.lab.base import base_tree
from tests.support.lab.host_files import STAMP, stamp
from tests.support.lab.lab import Lab
from tests.support.lab.locks import exclusive, idle, shared
from tests.support.lab.paths import cache_dir
from tests.support.lab.production_set import add_production_set
from tests.support.project import ROOT

FIRST = "v1.0.0"  # what every kept fleet serves that was released to
# What decides how hosts look after a release, besides the fleet itself and the trees that its disks lie on.
_SOURCES = ("roles", "playbooks", "examples", "ansible.cfg", "tests/support/lab")


class KeptApplication(Application):
    """An application on hosts that began with kept disks; `since` is when they were begun (seconds since the epoch)."""

    since: float = 0

    def have_live(self, tag: str) -> None:
        """Have a release live on every host; the first one as it was kept: what came after it never was."""
        if set(self.live_tags().values()) == {tag}:
            return
        if tag == FIRST:
            self.lab.reset()
        super().have_live(tag)


Kind = TypeVar("Kind", bound=KeptApplication)


@dataclass(frozen=True)
class Fleet:
    """What is kept: so many application hosts beside a database host, and each sample with its variables.

    `name` is whose begin the disks are. Hosts `as_found` have the habits of habits.py.
    """

    name: str
    samples: Mapping[str, Mapping[str, Any]]
    app: int = 2
    suite: str = "bookworm"
    pm2: bool = False
    as_found: bool = False

    @property
    def key(self) -> str:
        """A hash of all that decides the disks."""
        digest = hashlib.sha256(json.dumps([asdict(self), version("ansible-core")], sort_keys=True).encode())
        digest.update(base_tree(self.suite).name.encode())
        for name in _SOURCES:
            path = ROOT / name
            for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
                if file.is_file() and "__pycache__" not in file.parts:
                    digest.update(f"{file.relative_to(ROOT)}\0".encode() + file.read_bytes())
        return digest.hexdigest()[:16]

    def applications(self, lab: Lab, kind: type[Kind]) -> dict[str, Kind]:
        """Speak for the operator of each sample."""
        return {sample: kind(lab, sample, dict(variables)) for sample, variables in self.samples.items()}


@contextmanager
def begun(fleet: Fleet, kind: type[Kind]) -> Iterator[dict[str, Kind]]:
    """The samples of a fleet, provisioned and with `v1.0.0` live; it ends with the block."""
    folder = cache_dir() / f"fleet-{fleet.name}-{fleet.key}"
    # Two locks: who makes the disks keeps other makers out, but never waits for those who use them already.
    with exclusive(folder.with_suffix(".making")):
        if not folder.is_dir():
            _forget_others(folder)
            _make(fleet, kind, folder)
    with shared(folder.with_suffix(".lock")), Lab.create() as lab:
        applications = _begin(fleet, kind, lab, folder)
        assert all(set(one.live_tags().values()) == {FIRST} for one in applications.values())
        yield applications


def _make(fleet: Fleet, kind: type[KeptApplication], folder: Path) -> None:
    """Provision, release, and keep the disks."""
    since = time.time()
    with Lab.create() as lab:
        add_production_set(lab, app=fleet.app, suite=fleet.suite, pm2=fleet.pm2, as_found=fleet.as_found)
        for application in fleet.applications(lab, kind).values():
            application.prepare()
            application.provision()
            done = application.deploy(FIRST)
            assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
        unfinished = folder.with_suffix(".partial")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir()
        for host in lab.hosts.values():
            host.power_off(hard=False)
            host.keep(unfinished / host.name)
        shutil.copytree(lab.origin.folder, unfinished / "git", symlinks=True)
        (unfinished / STAMP).write_text(json.dumps({"holds": stamp(lab.network, lab.keys), "since": since}))
        unfinished.rename(folder)


def _begin(fleet: Fleet, kind: type[Kind], lab: Lab, folder: Path) -> dict[str, Kind]:
    """Boot a fleet from the kept disks."""
    shutil.copytree(folder / "git", lab.origin.folder, symlinks=True, dirs_exist_ok=True)
    layers = ["pm2"] if fleet.pm2 else []
    for number in range(1, fleet.app + 1):
        name = f"app{number}"
        lab.add_host(name, group="app", suite=fleet.suite, layers=layers, kept=folder / name, as_found=fleet.as_found)
    lab.add_host("db1", group="database", suite=fleet.suite, kept=folder / "db1", as_found=fleet.as_found)
    applications = fleet.applications(lab, kind)
    for application in applications.values():
        application.since = json.loads((folder / STAMP).read_text())["since"]
        application.prepare()
    lab.boot()
    return applications


def _forget_others(folder: Path) -> None:
    """Remove fleets of the same name that were kept under another hash and are the begin of none now."""
    same = re.compile(re.escape(folder.name[:-16]) + "[0-9a-f]{16}")
    for other in folder.parent.iterdir():
        if same.fullmatch(other.name) and other != folder:
            with idle(other.with_suffix(".lock")) as alone:
                if alone:
                    shutil.rmtree(other)
