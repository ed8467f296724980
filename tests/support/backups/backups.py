"""How does a test make, list and read backups of a cluster's database? By the modules, as a plain user."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible.module_utils.namaskah_backups import settings

from tests.support.backups.cluster import Cluster
from tests.support.calling import call
from tests.support.playing import Played, play

PYTHON = "/usr/bin/python3" if Path("/usr/bin/python3").exists() else sys.executable  # a host's own
TASK = "Back up"
CONTRACT = {"app": "shop", "environment": "test", "host": "db1", "root": "/srv/shop"}
LIVE = {"commit": "a" * 40, "tag": "v1", "release": "20260101T000000Z-aaaaaaaaaaaa"}


@dataclass
class Backups:
    """Calls the module for the cluster's database, as the user whom the cluster belongs to."""

    cluster: Cluster
    folder: Path

    @property
    def root(self) -> Path:
        """The backup root."""
        return self.folder / "backups"

    def arguments(self, *, state: str = "made", backup_id: str = "", **changed: Any) -> dict[str, Any]:
        """Arguments of the module; `changed` are settings other than usual."""
        return {
            "contract": CONTRACT,
            "run": {"id": "20260102T030405Z-beef", "by": "asha", "reason": "", "kind": "backup"},
            "live": LIVE,
            "state": state,
            "id": backup_id,
            "settings": {
                "root": str(self.root),
                "service": "shop-backup",
                "proof_service": "shop-proof",
                "service_file": str(self.cluster.service_file),
                "pass_file": str(self.cluster.pass_file),
                "client_path": str(self.cluster.binaries),
                **changed,
            },
        }

    def play(self, **changed: Any) -> Played:
        """Call the module with the usual arguments, some changed."""
        return self.tasks({"name": TASK, "namaskah_backup": self.arguments(**changed)})

    def listing(self, state: str = "listed", backup_id: str = "") -> Played:
        """List or verify the backups."""
        words = {"contract": CONTRACT, "root": str(self.root), "state": state, "id": backup_id}
        return self.tasks({"name": TASK, "namaskah_backups": words})

    def tasks(self, *tasks: dict[str, Any]) -> Played:
        """Call the module of each task as the plain user, whose home is the folder."""
        return call(tasks, [*self.cluster.user.prefix, PYTHON], env={"HOME": str(self.folder)})

    def played(self, *tasks: dict[str, Any]) -> Played:
        """Have Ansible do the same."""
        variables = {"ansible_python_interpreter": str(self._interpreter()), "ansible_pipelining": True}
        folder = Path(tempfile.mkdtemp(prefix="play", dir=self.folder))
        return play(list(tasks), folder, variables=variables, library=["backup"])

    def make(self, **changed: Any) -> dict[str, Any]:
        """Make a backup and give back what the module says of it."""
        return self.play(**changed).result(TASK)

    def fail(self, **changed: Any) -> dict[str, str]:
        """The failure of a backup, of which nothing may be left."""
        before = self.left()
        failure = self.play(**changed).failure()
        assert self.left() == before
        return failure

    def left(self) -> tuple[list[str], list[str]]:
        """What there is in the root and on the server."""
        entries = sorted(path.name for path in self.root.iterdir()) if self.root.exists() else []
        return [name for name in entries if name != ".lock"], self.cluster.databases()

    def manifest(self, backup: dict[str, Any]) -> dict[str, Any]:
        """The manifest of a backup."""
        content: dict[str, Any] = json.loads((Path(backup["path"]) / "manifest.json").read_text())
        return content

    def _interpreter(self) -> Path:
        """The host's Python, as the plain user, with a home of its own."""
        path = self.folder / "python"
        words = " ".join([*self.cluster.user.prefix, PYTHON])
        path.write_text(f'#!/bin/sh\nexport HOME={self.folder}\nexec {words} "$@"\n')
        path.chmod(0o755)
        return path


@contextmanager
def backups_of(cluster: Cluster) -> Iterator[Backups]:
    """Backups of the cluster's database in a folder that goes away with the block."""
    folder = Path(tempfile.mkdtemp(prefix="namaskah-backup-"))
    os.chown(folder, cluster.user.uid, cluster.user.gid)
    yield Backups(cluster, folder)
    shutil.rmtree(folder)


def asked(root: Path, *paths: Path) -> settings.Settings:
    defaults = {name: option.get("default", "") for name, option in settings.ARGUMENTS.items()}
    return settings.read(CONTRACT, {}, {}, {**defaults, "root": str(root), "paths": [str(path) for path in paths]})
