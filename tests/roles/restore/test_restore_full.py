"""A disk fills up while a backup is restored: is the live database left alone, the disk named, and all of it mended?

Real small file systems: one for the databases (a tablespace, so that the server's own log finds room), one for records.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.namaskah_host.failure import Failure
from ansible.module_utils.namaskah_restore import copy, exchange, mending, report

from tests.support.absence import report_absence
from tests.support.backups.cluster import Cluster
from tests.support.restores.playing import played, role
from tests.support.restores.restores import Restores

OLD, NEW = "20000", "100"  # rows of the live database before and after the restore
LEFT = 1_000_000  # bytes that a filled disk still has


@contextlib.contextmanager
def disk(folder: Path, cluster: Cluster, size: str) -> Iterator[Path]:
    """A file system of its own at a folder."""
    if os.geteuid() != 0:
        report_absence("mounting a small file system needs root")
    folder.mkdir(parents=True)
    options = f"size={size},mode=0700,uid={cluster.user.uid},gid={cluster.user.gid}"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def fill(folder: Path, left: int) -> Path:
    """Take the room that a disk has, but for so many bytes; the file to remove."""
    ballast = folder / "ballast"
    state = os.statvfs(folder)
    with ballast.open("wb") as stream:
        os.posix_fallocate(stream.fileno(), 0, max(state.f_bavail * state.f_frsize - left, 1))
    return ballast


@pytest.fixture
def shop(cluster: Cluster, restores: Restores) -> Cluster:
    cluster.sql(
        "CREATE TABLE payments (id int PRIMARY KEY, note text)",
        "INSERT INTO payments SELECT g, repeat(md5(g::text), 600) FROM generate_series(1, 100) g",
        role="owner",
    )
    cluster.sql("ALTER TABLE payments ALTER note SET STORAGE EXTERNAL")
    cluster.sql("UPDATE payments SET note = note || 'x'", "VACUUM FULL payments")
    restores.backup()
    cluster.sql("INSERT INTO payments SELECT g, md5(g::text) FROM generate_series(101, 20000) g", role="owner")
    return cluster


def rows(shop: Cluster) -> str:
    return shop.sql("SELECT count(*) FROM payments", role="owner")


def mended(shop: Cluster, restores: Restores, state: str) -> None:
    """Recovered, and restored after all."""
    assert mending.recover(restores.asked(), "")["state"] == state
    assert not [name for name in shop.databases() if name.startswith("namaskah_")]
    assert restores.restore("")["phase"] == "confirmed"
    assert rows(shop) == NEW


@pytest.fixture
def tablespace(shop: Cluster, restores: Restores) -> Iterator[Path]:
    """The live database lies on a small disk, and so will its copies."""
    with disk(restores.folder / "small", shop, "80m") as folder:
        shop.sql(f"CREATE TABLESPACE small LOCATION '{folder}'", "GRANT CREATE ON TABLESPACE small TO owner",
                 "ALTER DATABASE shop SET TABLESPACE small", database="postgres")  # fmt: skip
        yield folder
        shop.reset()
        shop.sql("DROP TABLESPACE small", database="postgres")


@pytest.mark.fault("disk full: during the restore", ends="old release", where="the new database, or its untouched copy")
@pytest.mark.parametrize("step", ["fill", "clone"])
def test_a_disk_that_fills_up_under_the_new_database(
    shop: Cluster, restores: Restores, tablespace: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    there, ballast = shop.databases(), []
    real: Callable[..., Any] = getattr(copy, step)

    def on_a_full_disk(*words: Any) -> Any:
        ballast.append(fill(tablespace, LEFT))
        return real(*words)

    with monkeypatch.context() as patched:
        patched.setattr(copy, step, on_a_full_disk)
        with pytest.raises(Failure) as caught:
            restores.prepare("")
    assert "No space left on device" in caught.value.why
    assert rows(shop) == OLD
    assert shop.databases() == there
    assert restores.phases() == ["abandoned"]
    ballast[0].unlink()
    mended(shop, restores, "nothing")


@pytest.fixture
def records_disk(shop: Cluster, restores: Restores) -> Iterator[Path]:
    """Records and exported rows lie on a small disk."""
    with disk(restores.root / "restores", shop, "8m") as folder:
        yield folder


@pytest.mark.fault("disk full: during the restore", ends="old release", where="the rows that would be lost")
def test_a_disk_that_has_no_room_for_the_rows_that_would_be_lost(
    shop: Cluster, restores: Restores, records_disk: Path
) -> None:
    ballast = fill(records_disk, 200_000)
    failure = played(restores, role("main", restore_backup=restores.latest)).failure()
    assert "No space left on device" in failure["why"]
    assert str(records_disk) in failure["where"]
    assert "free space" in failure["next"]
    assert rows(shop) == OLD
    assert not [name for name in shop.databases() if name.startswith("namaskah_")]
    ballast.unlink()
    mending.recover(restores.asked(), "")
    mended(shop, restores, "nothing")


@pytest.mark.fault("disk full: during the restore", ends="old release", where="the record, before the swap")
def test_a_disk_that_has_no_room_for_the_record_ends_it_before_the_swap(
    shop: Cluster, restores: Restores, records_disk: Path
) -> None:
    restores.prepare("")
    ballast = fill(records_disk, 0)
    with pytest.raises(OSError, match="No space left") as caught:
        exchange.swap_in(restores.asked(), final=True)
    assert caught.value.errno == errno.ENOSPC
    assert rows(shop) == OLD
    assert restores.phases() == ["ready"]
    ballast.unlink()
    assert exchange.swap_in(restores.asked(), final=True)["phase"] == "confirmed"
    assert rows(shop) == NEW


@pytest.mark.fault("disk full: during the restore", ends="new release", where="the exact report, after the swap")
def test_a_disk_that_has_no_room_for_the_exact_report_gets_it_from_recovery(
    shop: Cluster, restores: Restores, records_disk: Path
) -> None:
    told = restores.prepare("")
    shop.sql("INSERT INTO payments SELECT g, md5(g::text) FROM generate_series(20001, 20010) g", role="owner")
    ballast = fill(records_disk, 20_000)
    with pytest.raises(OSError, match="No space left"):
        exchange.swap_in(restores.asked(), final=True)
    assert rows(shop) == NEW
    ballast.unlink()
    assert mending.recover(restores.asked(), "")["state"] == "confirmed"
    lost = json.loads((records_disk / told["id"] / "lost" / report.FILE).read_text())
    assert lost["rows"] == {"inserted": 19910, "updated": 0, "deleted": 0}
    assert rows(shop) == NEW
    mended(shop, restores, "nothing")
