"""What does a proved backup take beside a plain pg_dump and a plain restore of the same database, in one run?"""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from tests.support.backups.backups import Backups
from tests.support.backups.cluster import Cluster
from tests.support.measuring import ROWS_A_MEGABYTE, timed

pytestmark = pytest.mark.bench
MEGABYTES = int(os.environ.get("NAMASKAH_BENCH_MB", "200"))


def test_proved_backup_beside_plain_dump_and_restore(cluster: Cluster, backups: Backups) -> None:
    columns = "md5(g::text) AS reference, md5((g * 7)::text) || md5(g::text) AS note, g % 997 AS amount"
    rows = f"generate_series(1, {MEGABYTES * ROWS_A_MEGABYTE}) AS g"
    cluster.sql(f"CREATE TABLE payment AS SELECT g AS id, {columns} FROM {rows}")  # noqa: S608 - this file's words
    cluster.sql("ALTER TABLE payment ADD PRIMARY KEY (id)", "CREATE INDEX ON payment (reference)")
    size = int(cluster.sql("SELECT pg_database_size('shop')"))
    plain = Path(backups.folder, "plain.sql")
    words = ["-h", str(cluster.folder), "-U", "admin"]
    dump = timed(lambda: cluster.run("pg_dump", *words, "-d", "shop", "-f", str(plain)))
    cluster.sql("CREATE DATABASE plain TEMPLATE template0", database="postgres")
    restore = timed(lambda: cluster.run("psql", *words, "-X", "-q", "-d", "plain", "-o", "/dev/null", "-f", str(plain)))
    whole: dict[str, float] = {}
    for name, words_of in {"file": {"parallel_size": 1 << 50}, "folder": {"parallel_size": 1}}.items():
        started = time.monotonic()
        made = backups.make(proof="before", **words_of)
        whole[name] = time.monotonic() - started
        times, proof = made["timings"], made["proof_details"]
        print(f"\n{size / 1e6:.0f} MB as a {name}, whole backup {whole[name]:.1f} s")
        print(f"  dump with counts {times['dump']:.1f} s: {times['dump'] / dump:.2f} x plain pg_dump ({dump:.1f} s)")
        print(f"  read back {times['read_back']:.1f} s, compare {proof['compare_seconds']:.1f} s")
        restored = proof["restore_seconds"]
        print(f"  restore {restored:.1f} s: {restored / restore:.2f} x psql of the plain dump ({restore:.1f} s)")
        print(f"  {made['bytes'] / 1e6:.0f} MB against {plain.stat().st_size / 1e6:.0f} MB")
    assert made["proof"] == "proved"
