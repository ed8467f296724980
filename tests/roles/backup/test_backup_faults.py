"""What ends a backup, and does it then say what, where, why and what to do, and leave nothing?"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.backups.backups import TASK, Backups
from tests.support.backups.cluster import Cluster
from tests.support.backups.programs import processes, stopped
from tests.support.playing import Played
from tests.support.postgres import programs
from tests.support.waiting import is_gone, until

BULK = "CREATE TABLE bulk AS SELECT g, md5(g::text) || md5((g + 1)::text) AS t FROM generate_series(1, {rows}) g"
LOSSY = """#!/bin/sh
{real} "$@" || exit
for word; do case $word in --file=/dev/null) ;; --file=*) file=${{word#--file=}} ;; esac; done
[ -n "$file" ] || exit 0
[ -f "$file" ] || file=$(ls -S "$file"/*.dat* | grep -v toc.dat | head -n 1)
truncate -s -2000 "$file"
"""
SLOW = {"proof": "before", "parallel_size": 1 << 40}


@contextmanager
def beside(backups: Backups, **changed: object) -> Iterator[list[Played]]:
    """A backup that is being made while the block runs; afterwards the list holds how it ended."""
    played: list[Played] = []
    worker = threading.Thread(target=lambda: played.append(backups.play(**changed)))
    worker.start()
    try:
        yield played
    finally:
        worker.join()


@pytest.mark.fault("database: down", ends="refused")
def test_server_that_is_down_is_unreachable(cluster: Cluster, backups: Backups) -> None:
    cluster.stop()
    try:
        failure = backups.play().failure()
    finally:
        cluster.start()
    assert failure["class"] == "unreachable"
    assert "shop-backup" in failure["where"]
    assert [path.name for path in backups.root.iterdir()] == [".lock"]


@pytest.mark.fault("database: wrong password", ends="refused")
def test_unknown_service_and_wrong_password_are_unreachable(cluster: Cluster, backups: Backups) -> None:
    assert backups.fail(service="nobody-knows")["class"] == "unreachable"
    wrong = backups.folder / "wrongpass"
    wrong.write_text("*:*:*:reader:sentinel-wrong-0000\n")
    wrong.chmod(0o600)
    os.chown(wrong, cluster.user.uid, cluster.user.gid)
    failure = backups.fail(pass_file=str(wrong))
    assert failure["class"] == "unreachable"
    assert "sentinel-wrong-0000" not in str(failure)


@pytest.mark.fault("database: rights missing", ends="refused")
def test_table_without_rights_is_named(cluster: Cluster, backups: Backups) -> None:
    cluster.sql("REVOKE pg_read_all_data FROM reader", "CREATE TABLE open (a int)", "CREATE TABLE shut (a int)")
    cluster.sql("GRANT SELECT ON open TO reader")
    failure = backups.fail()
    assert failure["class"] == "refused"
    assert "public.shut" in failure["why"]
    assert "public.open" not in failure["why"]
    assert failure["next"] == "GRANT pg_read_all_data TO reader"


@pytest.mark.fault("database: rights missing", ends="refused")
def test_row_level_security_is_named_until_it_is_bypassed(cluster: Cluster, backups: Backups) -> None:
    cluster.sql(
        "CREATE TABLE secret (a int)", "INSERT INTO secret VALUES (1)", "ALTER TABLE secret ENABLE ROW LEVEL SECURITY"
    )
    failure = backups.fail()
    assert "public.secret" in failure["why"]
    assert failure["next"] == "ALTER ROLE reader BYPASSRLS"
    cluster.sql("ALTER ROLE reader BYPASSRLS")
    # The table's policies bind the prover, who owns the copy of the table, no more than the reader.
    assert backups.make()["rows"] == 1


@pytest.mark.fault("database: rights missing", ends="refused")
def test_prover_without_the_right_to_make_databases_is_refused_before_the_dump(
    cluster: Cluster, backups: Backups
) -> None:
    cluster.sql("ALTER ROLE prover NOCREATEDB")
    assert backups.fail()["next"].startswith("ALTER ROLE prover CREATEDB")


@pytest.mark.fault("database: client too old", ends="refused")
def test_older_client_is_refused(backups: Backups) -> None:
    """The one stand-in of these tests: a pg_dump that says it is older; test_backup_versions.py has a real one."""
    folder = backups.folder / "old"
    folder.mkdir()
    for name in ("psql", "pg_restore", "createdb", "dropdb"):
        (folder / name).symlink_to(programs() / name)
    program = folder / "pg_dump"
    program.write_text(
        '#!/bin/sh\n[ "$1" = --version ] || exit 99\necho "pg_dump (PostgreSQL) 12.22 (Debian 12.22-1)"\n'
    )
    program.chmod(0o755)
    failure = backups.fail(client_path=str(folder))
    assert failure["class"] == "refused"
    assert "12.22" in failure["why"]
    assert "postgresql-client-" in failure["next"]


@pytest.mark.fault("database: client missing", ends="refused")
def test_folder_without_programs_is_refused(backups: Backups) -> None:
    assert "postgresql-client" in backups.fail(client_path=str(backups.folder))["next"]


@pytest.mark.fault("dump killed", ends="cleaned up")
def test_killed_pg_dump_is_a_failure(cluster: Cluster, backups: Backups) -> None:
    cluster.sql(BULK.format(rows=400_000))
    before = backups.left()
    with beside(backups) as played:
        until(lambda: bool(processes(cluster, "pg_dump")), "pg_dump")
        for pid in processes(cluster, "pg_dump"):
            os.kill(pid, signal.SIGKILL)
    failure = played[0].failure()
    assert "signal 9" in failure["why"]
    assert backups.left() == before


def await_proof(cluster: Cluster) -> None:
    """Wait until a backup is being restored into its proving copy."""
    until(lambda: any("namaskah_proof" in name for name in cluster.databases()), "the scratch database")
    until(lambda: bool(processes(cluster, "pg_restore")), "pg_restore")


@pytest.mark.fault("restore killed", ends="cleaned up")
def test_killed_pg_restore_is_a_failure_and_its_database_is_dropped(cluster: Cluster, backups: Backups) -> None:
    cluster.sql(BULK.format(rows=400_000))
    before = backups.left()
    with beside(backups, **SLOW) as played:
        await_proof(cluster)
        for pid in processes(cluster, "pg_restore"):
            os.kill(pid, signal.SIGKILL)
    assert played[0].failure()["what"] == "The backup cannot be restored"
    assert backups.left() == before


@pytest.mark.fault("database: stops during the dump", ends="cleaned up")
def test_server_that_stops_in_the_middle_is_a_failure(cluster: Cluster, backups: Backups) -> None:
    cluster.sql(BULK.format(rows=400_000))
    with beside(backups) as played:
        until(lambda: bool(processes(cluster, "pg_dump")), "pg_dump")
        cluster.stop("immediate")
    cluster.start()
    assert played[0].failure()["class"] in {"failed", "unreachable"}
    assert backups.left()[0] == []


@pytest.mark.fault("database: stops during the restore", ends="cleaned up", where="while a backup is proved")
def test_server_that_stops_during_the_proof_is_a_failure(cluster: Cluster, backups: Backups) -> None:
    """The dump is whole, but not proved; the copy that a stopped server kept is dropped by the next backup."""
    cluster.sql(BULK.format(rows=400_000))
    before = backups.left()
    with beside(backups, **SLOW) as played:
        await_proof(cluster)
        cluster.stop("immediate")
    cluster.start()
    assert played[0].failure()["class"] in {"failed", "unreachable"}
    assert backups.left()[0] == before[0] == []
    made = backups.make()
    assert backups.left() == ([made["id"]], before[1])


@pytest.mark.fault("backup killed", ends="cleaned up")
def test_killed_module_leaves_its_lock_to_pg_restore_and_the_next_backup_cleans_up(
    cluster: Cluster, backups: Backups
) -> None:
    cluster.sql(BULK.format(rows=400_000))
    with beside(backups) as played:
        until(lambda: any("namaskah_proof" in name for name in cluster.databases()), "the scratch database", 60)
        until(lambda: bool(processes(cluster, "pg_restore")), "pg_restore", 60)
        working = stopped(cluster, "pg_restore")
        os.kill(_module_of(working), signal.SIGKILL)
        assert "by asha" in backups.play().failure()["why"], "the lock was given up while pg_restore worked"
        for pid in working:
            os.kill(pid, signal.SIGCONT)
        until(lambda: all(is_gone(pid) for pid in working), "the end of pg_restore", 120)
    assert played[0].status != 0
    left = backups.left()
    assert len(left[0]) == 1
    assert any("namaskah_proof" in name for name in left[1])
    cluster.sql("DROP TABLE bulk")
    made = backups.make()
    assert backups.left() == ([made["id"]], ["postgres", "shop", "template0", "template1"])
    assert len([note for note in made["notes"] if "left by a killed backup" in note]) == 2


def _module_of(pids: list[int]) -> int:
    """The Python process that started the oldest of these programs."""
    oldest = min(pids)
    parent = int(Path(f"/proc/{oldest}/stat").read_text().rpartition(")")[2].split()[1])
    assert b"python" in Path(f"/proc/{parent}/cmdline").read_bytes()
    return parent


@pytest.mark.fault("backup damaged: cut", ends="found", where="between pg_dump and the first reading")
@pytest.mark.parametrize("parallel_size", [1, 1 << 40], ids=["folder", "file"])
def test_dump_that_is_cut_after_its_good_end_is_found_by_reading_it_back(
    cluster: Cluster, backups: Backups, parallel_size: int
) -> None:
    """The disk loses the end of what pg_dump wrote and said was written; its table of contents is whole."""
    cluster.sql(BULK.format(rows=20_000))
    folder = backups.folder / "lossy"
    folder.mkdir()
    for name in ("psql", "pg_restore", "createdb", "dropdb"):
        (folder / name).symlink_to(programs() / name)
    program = folder / "pg_dump"
    program.write_text(LOSSY.format(real=programs() / "pg_dump"))
    program.chmod(0o755)
    failure = backups.fail(client_path=str(folder), parallel_size=parallel_size, proof="after")
    assert failure["what"] == "The dump cannot be read back"


@pytest.mark.fault("backup stopped", ends="cleaned up")
def test_stopped_module_cleans_up(cluster: Cluster, backups: Backups) -> None:
    cluster.sql(BULK.format(rows=400_000))
    before = backups.left()
    with beside(backups, **SLOW) as played:
        until(lambda: bool(processes(cluster, "pg_dump")), "pg_dump")
        os.kill(_module_of(processes(cluster, "pg_dump")), signal.SIGTERM)
    assert played[0].failure()["what"] == "The backup was stopped"
    assert backups.left() == before
    assert processes(cluster, "pg_dump") == []


@pytest.mark.fault("backup times out", ends="cleaned up")
def test_time_limit_ends_everything(cluster: Cluster, backups: Backups) -> None:
    cluster.sql(BULK.format(rows=1_000_000))
    failure = backups.fail(timeout=1)
    assert failure["class"] == "timeout"
    assert processes(cluster, "pg_dump") == []
    assert processes(cluster, "psql") == []


@pytest.mark.fault("two backups at once", ends="refused")
def test_second_backup_at_once_is_refused(cluster: Cluster, backups: Backups) -> None:
    cluster.sql(BULK.format(rows=400_000))
    with beside(backups) as played:
        until(lambda: bool(processes(cluster, "pg_dump")), "pg_dump")
        working = stopped(cluster, "pg_dump")
        failure = backups.play().failure()
        for pid in working:
            os.kill(pid, signal.SIGCONT)
    assert failure["class"] == "refused"
    assert "by asha" in failure["why"]
    assert played[0].result(TASK)["proof"] == "proved"


def test_nothing_to_back_up_is_refused(backups: Backups) -> None:
    assert backups.fail(service="")["class"] == "refused"


@pytest.mark.parametrize("name", ["x; id", "x dbname=other", "a$b", "x\n", "../x", "password=x"])
@pytest.mark.fault("hostile name", ends="refused")
def test_service_name_cannot_carry_more(backups: Backups, name: str) -> None:
    assert backups.fail(service=name)["class"] == "refused"


@pytest.mark.fault("disk full: backups", ends="refused")
def test_disk_that_is_too_small_is_refused_before_the_dump(backups: Backups, small_disk: Path) -> None:
    failure = backups.fail()
    assert failure["class"] == "refused"
    assert failure["where"].startswith(str(small_disk))
    assert "are free" in failure["why"]


@pytest.mark.fault("disk full: during the dump", ends="cleaned up")
def test_disk_that_fills_up_during_the_dump_is_a_failure_of_which_nothing_is_left(
    cluster: Cluster, backups: Backups, small_disk: Path
) -> None:
    cluster.sql(BULK.format(rows=200_000))
    failure = backups.fail(space_margin=0)
    assert failure["what"] == "The dump failed"
    state = os.statvfs(small_disk)
    assert state.f_bavail > state.f_blocks * 0.98
    failure = backups.fail(space_margin=0, parallel_size=1)
    assert failure["what"] == "The dump failed"


@pytest.mark.fault("inodes used up", ends="refused")
def test_disk_without_inodes_is_refused(backups: Backups, small_disk: Path) -> None:
    for number in range(150):
        (small_disk / f"file{number}").touch()
    assert "inodes" in backups.play(space_margin=0).failure()["why"]


@pytest.mark.fault("folder not writable", ends="refused")
def test_root_that_cannot_be_written_is_refused(backups: Backups) -> None:
    backups.root.mkdir(mode=0o700)
    if os.geteuid() == 0:
        os.chown(backups.root, 0, 0)
    else:
        backups.root.chmod(0o500)
    assert "backup_root" in backups.play().failure()["next"]


@pytest.mark.fault("disk full: at the manifest", ends="cleaned up")
def test_disk_that_is_full_when_the_manifest_is_written_is_a_failure(backups: Backups, small_disk: Path) -> None:
    """The disk takes the archive to the last block, and the manifest no more."""
    media = backups.folder / "media"
    media.mkdir()
    block = os.statvfs(small_disk).f_bsize
    (media / "noise").write_bytes(os.urandom(8 * block))  # incompressible: about as much on the disk
    filler = small_disk / "filler"
    seen = []
    for left in range(8, 16):
        filler.write_bytes(b"x" * (os.statvfs(small_disk).f_bavail - left) * block)
        played = backups.play(paths=[str(media)], service="", proof_service="", space_margin=0)
        if played.status == 0:
            break
        seen.append(played.failure()["what"])
        assert backups.left()[0] == ["filler"]
        filler.unlink()
    assert seen[-1] == "The backup cannot be written or read", seen
    assert set(seen) <= {
        "The backup cannot be written or read",
        "The files cannot be archived",
        "A backup cannot be begun",
    }


@pytest.mark.fault("archived folder unreadable", ends="refused")
def test_folder_that_cannot_be_looked_into_is_named_before_anything_is_written(backups: Backups) -> None:
    locked = backups.folder / "media" / "locked"
    locked.mkdir(parents=True)
    locked.chmod(0)
    for state in ("checked", "made"):
        assert backups.fail(paths=[str(locked.parent)], state=state)["where"] == f"locked below {locked.parent}"
