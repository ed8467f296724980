"""Is a backup whole, proved and described, and does it hold exactly what one moment of the database held?"""

from __future__ import annotations

import json
import re
import stat
import threading
from pathlib import Path

import pytest

from tests.support.backups.backups import LIVE, TASK, Backups
from tests.support.backups.cluster import PASSWORDS, Cluster
from tests.support.waiting import until

pytestmark = pytest.mark.usefixtures("filled")


def test_database_is_dumped_restored_and_compared(cluster: Cluster, backups: Backups) -> None:
    made = backups.make()
    assert made["proof"] == "proved"
    assert made["rows"] == 500 + 50 + 2 + 1 + 2
    assert backups.left() == ([made["id"]], ["postgres", "shop", "template0", "template1"])
    manifest = backups.manifest(made)
    tables = manifest["database"]["fingerprint"]["tables"]
    assert tables['sales."Payment\'s"'][0] == 500
    assert tables["public.nothing"][0] == 1
    assert "public.log" not in tables  # its rows lie in its partitions
    assert manifest["live"] == LIVE
    assert manifest["run"]["by"] == "asha"
    assert manifest["database"]["fingerprint"]["roles"] == ["admin", "app", "owner"]
    assert re.fullmatch(r"\d+:\d+:.*", manifest["database"]["snapshot"])
    assert re.fullmatch(r"[0-9A-F]+/[0-9A-F]+", manifest["database"]["lsn"])
    assert set(manifest["timings"]) == {"dump", "fingerprint", "read_back", "proof"}
    assert set(manifest["files"]) == {"database.dump"}
    assert manifest["previous"] is None
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in Path(made["path"]).rglob("*")}
    assert {mode & 0o077 for mode in modes.values()} == {0}, modes
    assert stat.S_IMODE(Path(made["path"]).stat().st_mode) == 0o700
    assert cluster.sql("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'namaskah-backup'") == "0"


def test_dump_restored_by_hand_has_the_counted_rows(cluster: Cluster, backups: Backups) -> None:
    made = backups.make()
    cluster.sql("CREATE DATABASE by_hand TEMPLATE template0", database="postgres")
    words = [
        "pg_restore",
        "-e",
        "-h",
        str(cluster.folder),
        "-U",
        "admin",
        "-d",
        "by_hand",
        f"{made['path']}/database.dump",
    ]
    cluster.run(*words)
    assert cluster.sql('SELECT count(*) FROM sales."Payment\'s"', database="by_hand") == "500"


def test_large_database_is_dumped_in_parallel_into_a_folder(backups: Backups) -> None:
    made = backups.make(parallel_size=1, jobs=2)
    assert made["database"]["form"] == "directory"
    assert made["proof"] == "proved"
    assert "database/toc.dat" in backups.manifest(made)["files"]


def test_rows_written_meanwhile_are_in_neither_dump_nor_counts(cluster: Cluster, backups: Backups) -> None:
    """Writers run all the time: only a dump and counts of one snapshot can agree."""
    cluster.sql(
        "INSERT INTO sales.\"Payment's\" (amount, photo) SELECT 1, decode(repeat(md5(g::text), 40), 'hex') "
        "FROM generate_series(1, 40000) g"
    )
    cluster.sql("CREATE TABLE done (at timestamptz)", "GRANT SELECT ON done TO owner")
    rounds = """DO $$ BEGIN LOOP
        EXIT WHEN EXISTS (SELECT FROM done);
        INSERT INTO sales."Payment's" (amount) VALUES (7);
        UPDATE child SET c = c + 1;
        COMMIT;
        PERFORM pg_sleep(0.005);
        END LOOP; END $$"""
    writer = threading.Thread(target=cluster.sql, args=[rounds])
    writer.start()
    try:
        until(lambda: cluster.sql('SELECT count(*) FROM sales."Payment\'s" WHERE amount = 7') != "1", "the writer")
        made = backups.make(proof="before")
        assert writer.is_alive(), "the writer ended before the backup: nothing was proved"
    finally:
        cluster.sql("INSERT INTO done VALUES (now())")
        writer.join()
    assert made["proof"] == "proved"
    low, high = backups.manifest(made)["database"]["fingerprint"]["sequences"]['sales."Payment\'s_id_seq"']
    assert low[0] < high[0], "nothing was written between the two looks: nothing was proved"


def test_two_backups_in_one_second_are_two(backups: Backups) -> None:
    names = ["First", "Second"]
    played = backups.tasks(*({"name": name, "namaskah_backup": backups.arguments(proof="after")} for name in names))
    ids = [played.result(name)["id"] for name in names]
    assert len(set(ids)) == 2
    assert backups.left()[0] == ids
    assert backups.listing().result(TASK)["wrong"] == []


def test_manifests_are_chained_and_listed(backups: Backups) -> None:
    first, second = backups.make(), backups.make()
    manifest = backups.manifest(second)
    assert manifest["previous"] == {"id": first["id"], "sha256": first["manifest_sha256"]}
    assert manifest["number"] == 2
    listed = backups.listing().result(TASK)["backups"]
    assert [entry["id"] for entry in listed] == [first["id"], second["id"]]
    assert listed[0]["tag"] == "v1"
    assert backups.listing("verified").result(TASK)["wrong"] == []


def test_proof_may_come_afterwards_for_large_databases_only(cluster: Cluster, backups: Backups, tmp_path: Path) -> None:
    del tmp_path
    assert backups.make(proof="after")["proof"] == "proved"  # small: always before
    cluster.sql(
        "CREATE TABLE large AS SELECT g, repeat(md5(g::text), 20) AS t FROM generate_series(1, 120000) g", role="admin"
    )
    pending = backups.make(proof="below-size", proof_size=1)
    assert pending["proof"] == "pending"
    proved = backups.play(state="proved", backup_id=pending["id"]).result(TASK)
    assert proved["proof"] == "proved"
    assert proved["manifest_sha256"] == pending["manifest_sha256"]
    assert backups.listing().result(TASK)["backups"][1]["proof"] == "proved"
    again = backups.play(state="proved", backup_id=pending["id"])
    assert again.result(TASK)["proof_details"]["moment"] == proved["proof_details"]["moment"]


def test_check_writes_nothing(backups: Backups) -> None:
    found = backups.play(state="checked").result(TASK)
    assert found["database"]["name"] == "shop"
    assert [Path(place["folder"]).exists() for place in found["rooms"] if place["folder"]]
    assert not backups.root.exists()


def test_passwords_are_nowhere(cluster: Cluster, backups: Backups) -> None:
    good, bad = backups.play(), backups.play(service="shop-proof", proof_service="shop-missing")
    assert good.status == 0
    assert bad.status != 0
    seen = [good.output, bad.output, json.dumps([good.answers, bad.answers])]
    kept = [path for path in backups.folder.rglob("*") if path.is_file()]
    seen += [path.read_bytes().decode("utf-8", "replace") for path in kept]
    assert len(kept) > 3
    for word in PASSWORDS.values():
        assert word in cluster.pass_file.read_text()
        assert [text for text in seen if word in text] == []


def test_passwords_are_in_no_process_list(cluster: Cluster, backups: Backups) -> None:
    """Looks at the arguments and environment of every process while a backup is made."""
    cluster.sql("CREATE TABLE wide AS SELECT md5(g::text) FROM generate_series(1, 200000) g", role="admin")
    seen: set[str] = set()
    done = threading.Event()

    def look() -> None:
        while not done.is_set():
            for process in Path("/proc").glob("[0-9]*"):
                for name in ("cmdline", "environ"):
                    try:
                        seen.add((process / name).read_bytes().decode("utf-8", "replace"))
                    except OSError:
                        continue

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        backups.make(proof="before")
    finally:
        done.set()
        watcher.join()
    assert any("pg_dump" in text for text in seen)
    assert any("pg_restore" in text for text in seen)
    for word in PASSWORDS.values():
        assert [text for text in seen if word in text] == []
