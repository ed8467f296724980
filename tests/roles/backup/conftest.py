"""A PostgreSQL server for all tests here, a fresh database for each, and a way to call the module as a plain user."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support import postgres
from tests.support.absence import report_absence
from tests.support.calling import call
from tests.support.playing import Played, play
from tests.support.postgres import Cluster

PYTHON = "/usr/bin/python3" if Path("/usr/bin/python3").exists() else sys.executable  # a host's own
TASK = "Back up"
CONTRACT = {"app": "shop", "environment": "test", "host": "db1", "root": "/srv/shop"}
LIVE = {"commit": "a" * 40, "tag": "v1", "release": "20260101T000000Z-aaaaaaaaaaaa"}
SCHEMA = [
    "CREATE SCHEMA sales AUTHORIZATION owner",
    "CREATE TYPE sales.state AS ENUM ('new', 'paid')",
    """CREATE TABLE sales."Payment's" (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, state sales.state NOT NULL DEFAULT 'new',
        amount numeric(12, 2) CHECK (amount > 0), kind varchar CHECK (kind IN ('card', 'bank')), at timestamptz,
        details jsonb, photo bytea, rate double precision, span interval)""",
    """INSERT INTO sales."Payment's" (amount, kind, at, details, photo, rate, span)
        SELECT g, 'card', '2026-01-01'::timestamptz + g * interval '1 minute', jsonb_build_object('n', g, 'ü', E'\\t'),
            decode(md5(g::text), 'hex'), g / 3.0, g * interval '1.5 seconds' FROM generate_series(1, 500) g""",
    "CREATE TABLE log (at date, line text) PARTITION BY RANGE (at)",
    "CREATE TABLE log_2026 PARTITION OF log FOR VALUES FROM ('2026-01-01') TO ('2027-01-01')",
    "INSERT INTO log SELECT '2026-03-04', repeat('x', g) FROM generate_series(1, 50) g",
    "CREATE TABLE parent (a int)",
    "CREATE TABLE child (b int) INHERITS (parent)",
    "ALTER TABLE parent ADD COLUMN c int",
    "INSERT INTO child VALUES (1, 2, 3), (4, 5, 6)",
    "CREATE TABLE nothing ()",
    "INSERT INTO nothing DEFAULT VALUES",
    "CREATE VIEW paid AS SELECT count(*) FROM sales.\"Payment's\" WHERE state = 'paid'",
    "CREATE FUNCTION twice(n int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT n * 2'",
    "CREATE INDEX ON child (twice(b))",
    "CREATE TABLE person (name citext UNIQUE)",
    "INSERT INTO person VALUES ('Asha'), ('Ravi')",
    "GRANT SELECT ON person TO app",
]


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


@pytest.fixture(scope="session")
def server() -> Iterator[Cluster]:
    with postgres.running() as cluster:
        yield cluster


@pytest.fixture
def cluster(server: Cluster) -> Cluster:
    server.reset()
    return server


def fill(cluster: Cluster) -> None:
    """Put something of every kind into the database."""
    cluster.sql("GRANT CREATE ON SCHEMA public TO owner", "CREATE EXTENSION citext")
    cluster.sql(*SCHEMA, role="owner")


@pytest.fixture
def filled(cluster: Cluster) -> Cluster:
    """The cluster with something of every kind in its database."""
    fill(cluster)
    return cluster


@contextmanager
def backups_of(cluster: Cluster) -> Iterator[Backups]:
    """Backups of the cluster's database in a folder that goes away with the block."""
    folder = Path(tempfile.mkdtemp(prefix="namaskah-backup-"))
    os.chown(folder, cluster.user.uid, cluster.user.gid)
    yield Backups(cluster, folder)
    shutil.rmtree(folder)


@pytest.fixture
def backups(cluster: Cluster) -> Iterator[Backups]:
    with backups_of(cluster) as found:
        yield found


@pytest.fixture
def small_disk(backups: Backups, request: pytest.FixtureRequest) -> Iterator[Path]:
    """A small file system for backups: of 5 MB, unless a test says otherwise."""
    if os.geteuid() != 0:
        report_absence("mounting a small file system needs root")
    user = backups.cluster.user
    backups.root.mkdir()
    size = getattr(request, "param", "size=5m,nr_inodes=200")
    options = f"{size},mode=0700,uid={user.uid},gid={user.gid}"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(backups.root)], check=True)
    yield backups.root
    subprocess.run(["umount", str(backups.root)], check=True)
