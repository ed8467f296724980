"""What is lost when a disk fills up at some step of a backup? Nothing, and the next one works.

The steps that write the dump and the manifest stand in test_backup_faults.py, those after a kept copy in
test_backup_kept.py, those of copies in test_backup_copies.py.
"""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from ansible.module_utils.namaskah_backups import beside, extract, manifest, space, story
from ansible.module_utils.namaskah_backups import settings as backup_settings
from ansible.module_utils.namaskah_host.failure import Failure

from tests.support.backups.backups import CONTRACT, TASK, Backups, backups_of
from tests.support.backups.cluster import Cluster, running
from tests.support.backups.disks import disk, fill_up

MEGABYTE = 1_000_000
BULK = "CREATE TABLE bulk AS SELECT g, md5(g::text) AS t FROM generate_series(1, {rows}) g"


@pytest.fixture(scope="module")
def cramped() -> Iterator[Cluster]:
    """A server whose data lies on a small disk; its write-ahead log on another one, for a full one stops a server."""
    with (
        disk("size=120m") as data,
        tempfile.TemporaryDirectory(prefix="namaskah-wal-") as log,
        running(below=data, log=Path(log), settings={"max_wal_size": "64MB"}) as cluster,
    ):
        yield cluster


@pytest.fixture
def beside_it(cramped: Cluster) -> Iterator[Backups]:
    cramped.reset()
    with backups_of(cramped) as found:
        yield found


@pytest.mark.fault("disk full: database", ends="refused")
def test_no_room_for_the_proving_copy_beside_the_live_database(cramped: Cluster, beside_it: Backups) -> None:
    filler = fill_up(cramped.folder, left=20 * MEGABYTE)  # enough for the copy, but not for its log as well
    try:
        for state in ("checked", "made"):
            failure = beside_it.fail(state=state)
            assert failure["what"].startswith("There is no room for the copy that proves the backup")
            assert failure["where"] == str(cramped.data)
    finally:
        filler.unlink()
    assert beside_it.make()["proof"] == "proved"


@pytest.mark.fault("disk full: database", ends="cleaned up")
def test_disk_of_the_live_database_that_fills_up_during_the_proof(cramped: Cluster, beside_it: Backups) -> None:
    cramped.sql(BULK.format(rows=100_000))
    cramped.sql("CHECKPOINT", "CREATE TABLE live (a int)")
    filler = fill_up(cramped.folder, left=10 * MEGABYTE)
    try:
        failure = beside_it.fail(space_margin=0)
        assert failure["what"] == "The backup cannot be restored"
        assert "could not extend file" in failure["why"]
        cramped.sql("INSERT INTO live VALUES (1)")  # the server serves on, and has room again
        assert cramped.sql("SELECT count(*) FROM bulk") == "100000"
    finally:
        filler.unlink()
    made = beside_it.make()
    assert made["proof"] == "proved"
    assert beside_it.left() == ([made["id"]], ["postgres", "shop", "template0", "template1"])


def test_what_shares_a_disk_is_needed_there_together(filled: Cluster, backups: Backups) -> None:
    """Archive, dump and copy have room each for itself, and not all of them."""
    media = backups.folder / "media"
    media.mkdir()
    (media / "photo").write_bytes(os.urandom(1000))
    with disk("size=1g") as shared:
        os.chown(shared, filled.user.uid, filled.user.gid)
        single = backups.play(state="checked", paths=[str(media)], root=str(shared / "backups")).result(TASK)["rooms"]
        archive, dump, _ = (room["needed"] for room in single)
        filler = fill_up(shared, left=max(archive, dump) + MEGABYTE)
        failure = backups.play(state="checked", paths=[str(media)], root=str(shared / "backups")).failure()
        assert failure["what"] == "There is no room for the dump"
        assert "go to the rest of the backup" in failure["why"]
        filler.unlink()


@pytest.mark.parametrize("margin", [0, 1.2])
def test_room_of_another_disk_is_not_counted(margin: float, tmp_path: Path) -> None:
    with disk("size=64m") as other:
        full = {"folder": str(other), "free": 0, "needed": 1 << 60}
        assert space.check(
            tmp_path, 1, 1, margin, "it", others=[full, {"folder": None, "free": None, "needed": 1 << 60}]
        )
        with pytest.raises(Failure, match="no room for it"):
            space.check(other, 1, 1, margin, "it", others=[full])


@pytest.mark.fault("disk full: backups", ends="cleaned up", where="while a proof is recorded")
def test_proof_that_cannot_be_recorded_harms_no_backup(filled: Cluster, backups: Backups) -> None:
    with disk(f"size=5m,uid={filled.user.uid}") as root, patch.object(story, "ALWAYS_BEFORE", 0):
        asked = settings(backups, root)
        made = story.make(asked)
        assert made["proof"] == "pending"
        filler = fill_up(root)
        with pytest.raises(OSError, match="No space left") as caught:
            story.prove(asked, made["id"])
        assert caught.value.errno == errno.ENOSPC
        backup = manifest.require(root, made["id"])  # whole, and nothing beside it that is half written
        assert backup.proof["state"] == "pending"
        assert filled.databases() == ["postgres", "shop", "template0", "template1"]
        filler.unlink()
        assert story.prove(asked, made["id"])["proof"] == "proved"


def settings(backups: Backups, root: Path) -> backup_settings.Settings:
    """Settings of a call within this process, as root: of services that need no password."""
    services = backups.folder / "service.conf"
    entry = "[{0}]\nhost={1}\nuser=admin\ndbname=shop\n"
    services.write_text("".join(entry.format(name, backups.cluster.folder) for name in ("shop-backup", "shop-proof")))
    given: dict[str, Any] = {**backups.arguments()["settings"], "root": str(root), "service_file": str(services)}
    given |= {"proof": "after", "space_margin": 0}
    defaults = {name: option.get("default") for name, option in backup_settings.ARGUMENTS.items()}
    return backup_settings.read(CONTRACT, {}, {}, {**defaults, **given})


@pytest.mark.fault("backup killed", ends="found", where="while it wrote a record beside the manifest")
def test_half_a_record_of_a_killed_writer_is_no_damage(filled: Cluster, backups: Backups) -> None:
    made = backups.make()
    folder = Path(made["path"])
    (folder / f".{manifest.COPIES}.4711.new").write_text('{"record": {')
    (folder / f".{manifest.FILE}.4711.old").write_text("")
    assert manifest.damages(manifest.listed(backups.root)[0][0]) == [
        f"{made['id']}/.manifest.json.4711.old does not belong to the backup"
    ]
    assert filled.sql("SELECT 1") == "1"
    assert beside.read(folder / manifest.COPIES) is None


@pytest.mark.fault("disk full: backups", ends="cleaned up", where="while files are unpacked")
def test_disk_that_fills_up_while_files_are_unpacked(backups: Backups) -> None:
    """Small files take a block each: more than they hold, and than was asked for."""
    media = backups.folder / "media"
    media.mkdir()
    for number in range(3000):
        (media / f"file{number}").write_bytes(b"x")
    made = backups.make(paths=[str(media)], service="", proof_service="")
    archive = Path(made["path"]) / "files.tar.gz"
    with disk("size=4m") as small, pytest.raises(Failure, match="no room for the unpacked files"):
        extract.extract(archive, small / "files")
    with disk("size=10m,nr_inodes=5000") as small:
        with pytest.raises(Failure) as caught:
            extract.extract(archive, small / "files")
        assert caught.value.what == "The files cannot be unpacked"
        assert caught.value.why == os.strerror(errno.ENOSPC)
        assert list(small.iterdir()) == []
    with disk("size=40m") as enough:
        assert extract.extract(archive, enough / "files")["files"] == 3000
