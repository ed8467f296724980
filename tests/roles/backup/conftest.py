"""What do the tests of backups stand on? One PostgreSQL server, a fresh database for each test, and its backups."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.absence import report_absence
from tests.support.backups.backups import Backups, backups_of
from tests.support.backups.cluster import Cluster, running
from tests.support.backups.content import fill


@pytest.fixture(scope="session")
def server() -> Iterator[Cluster]:
    with running() as cluster:
        yield cluster


@pytest.fixture
def cluster(server: Cluster) -> Cluster:
    server.reset()
    return server


@pytest.fixture
def filled(cluster: Cluster) -> Cluster:
    """The cluster with something of every kind in its database."""
    fill(cluster)
    return cluster


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
