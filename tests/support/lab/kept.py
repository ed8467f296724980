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
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tests.support.lab.application import Application
from tests.support.lab.base import base_tree
from tests.support.lab.host_files import STAMP, stamp
from tests.support.lab.lab import Lab
from tests.support.lab.locks import exclusive, idle, shared
from tests.support.lab.paths import cache_dir
from tests.support.lab.production_set import add_production_set
from tests.support.project import ROOT

FIRST = "v1.0.0"  # what every kept fleet serves
# What decides how hosts look after a release, besides the variables and the base tree.
_SOURCES = ("roles", "playbooks", "examples", "ansible.cfg", "tests/support/lab")
Maker = Callable[[Lab], Application]


class KeptFleet(Application):
    """An application on hosts that began with kept disks."""

    def have_live(self, tag: str) -> None:
        """Have a release live on every host; the first one as it was kept: what came after it never was."""
        if set(self.live_tags().values()) == {tag}:
            return
        if tag == FIRST:
            self.lab.reset()
        super().have_live(tag)


@contextmanager
def released(sample: str, variables: Mapping[str, Any], *, app: int = 2) -> Iterator[Application]:
    """A sample on `app` hosts beside a database host, provisioned, `v1.0.0` live on all; it ends with the block."""

    def make(lab: Lab) -> Application:
        return KeptFleet(lab, sample, dict(variables))

    folder = cache_dir() / f"fleet-{_key(sample, variables, app)}"
    # Two locks: who makes the disks keeps other makers out, but never waits for those who use them already.
    with exclusive(folder.with_suffix(".making")):
        if not folder.is_dir():
            _forget_others(folder)
            _make(make, app, folder)
    with shared(folder.with_suffix(".lock")), Lab.create() as lab:
        application = _begin(lab, make, app, folder)
        assert set(application.live_tags().values()) == {FIRST}
        yield application


def _make(make: Maker, app: int, folder: Path) -> None:
    """Provision, release, and keep the disks."""
    with Lab.create() as lab:
        add_production_set(lab, app=app)
        application = make(lab)
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
        (unfinished / STAMP).write_text(json.dumps(stamp(lab.network, lab.keys)))
        unfinished.rename(folder)


def _begin(lab: Lab, make: Maker, app: int, folder: Path) -> Application:
    """Boot a fleet from the kept disks."""
    shutil.copytree(folder / "git", lab.origin.folder, symlinks=True, dirs_exist_ok=True)
    for name, group in [*((f"app{number}", "app") for number in range(1, app + 1)), ("db1", "database")]:
        lab.add_host(name, group=group, kept=folder / name)
    application = make(lab)
    application.prepare()
    lab.boot()
    return application


def _key(*described: Any) -> str:
    """A hash of all that decides the disks."""
    digest = hashlib.sha256(json.dumps([described, version("ansible-core")], sort_keys=True).encode())
    digest.update(base_tree("bookworm").name.encode())
    for name in _SOURCES:
        path = ROOT / name
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file() and "__pycache__" not in file.parts:
                digest.update(f"{file.relative_to(ROOT)}\0".encode() + file.read_bytes())
    return digest.hexdigest()[:16]


def _forget_others(folder: Path) -> None:
    """Remove fleets that were kept under another hash and are the begin of none now."""
    for other in folder.parent.glob("fleet-*"):
        if re.fullmatch(r"fleet-[0-9a-f]{16}", other.name) and other != folder:
            with idle(other.with_suffix(".lock")) as alone:
                if alone:
                    shutil.rmtree(other)
