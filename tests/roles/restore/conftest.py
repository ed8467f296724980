"""What do the tests of restores stand on? One PostgreSQL server, a fresh database for each test, and its restores."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.backups.cluster import Cluster, running
from tests.support.restores.restores import MORE, Restores, equip


@pytest.fixture(scope="session")
def restore_server() -> Iterator[Cluster]:
    with running(settings=MORE) as cluster:
        equip(cluster)
        yield cluster


@pytest.fixture
def cluster(restore_server: Cluster) -> Cluster:
    for gid in restore_server.sql("SELECT gid FROM pg_prepared_xacts", database="postgres").splitlines():
        restore_server.sql(f"ROLLBACK PREPARED '{gid}'", database="shop")
    restore_server.reset()
    restore_server.sql("GRANT CREATE ON SCHEMA public TO owner", "GRANT owner TO restorer")
    return restore_server


@pytest.fixture
def restores(cluster: Cluster) -> Iterator[Restores]:
    folder = Path(tempfile.mkdtemp(prefix="namaskah-restore-"))
    os.chown(folder, cluster.user.uid, cluster.user.gid)
    yield Restores(cluster, folder)
    shutil.rmtree(folder)
