"""What do dump, proof, restore and swap take beside plain `pg_dump` and `psql`, on one database in one run?

NAMASKAH_BENCH_MB names the sizes. What is timed as plain is the checklist's way: a dump as text, and `psql` of it into
an empty database, during which the site would be down. The server does not wait for its disk (fsync is off), and
shares the machine with the tools: only ratios mean something. What was just restored still goes to the disk when it is
ready, and stalls everybody; so the swap comes some seconds later, as when somebody reads what would be lost.
"""

from __future__ import annotations

import os
import time

import pytest
from ansible.module_utils.namaskah_backups import manifest
from ansible.module_utils.namaskah_restore import exchange

from tests.support.backups.cluster import Cluster
from tests.support.measuring import ROWS_A_MEGABYTE, timed
from tests.support.restores.clients import TABLE, busy
from tests.support.restores.restores import Restores
from tests.support.waiting import until

pytestmark = pytest.mark.bench
SIZES = [int(word) for word in os.environ.get("NAMASKAH_BENCH_MB", "200,1000").split(",")]
CLIENTS = 20
READING = 10.0  # seconds


def fill(cluster: Cluster, megabytes: int) -> None:
    """Make a table of payments of this size, with two indexes."""
    columns = "md5(g::text) AS reference, md5((g * 7)::text) || md5(g::text) AS note, g % 997 AS amount"
    rows = f"generate_series(1, {megabytes * ROWS_A_MEGABYTE}) AS g"
    cluster.sql(
        f"CREATE TABLE payments AS SELECT g::bigint AS id, {columns} FROM {rows}",  # noqa: S608 - this file's words
        "ALTER TABLE payments ADD PRIMARY KEY (id)",
        "CREATE INDEX ON payments (reference)",
        TABLE,
        role="owner",
    )


@pytest.mark.parametrize("megabytes", SIZES)
def test_a_restore_beside_plain_tools(
    cluster: Cluster, restores: Restores, megabytes: int, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(cluster, megabytes)
    size = int(cluster.sql("SELECT pg_database_size('shop')")) / 1e6
    words, plain = ["-h", str(cluster.folder), "-U", "admin"], restores.folder / "plain.sql"
    dump = timed(lambda: cluster.run("pg_dump", *words, "-d", "shop", "-f", str(plain)))
    cluster.sql("CREATE DATABASE plain TEMPLATE template0", database="postgres")
    load = timed(lambda: cluster.run("psql", *words, "-Xq", "-d", "plain", "-o", "/dev/null", "-f", str(plain)))
    cluster.sql("DROP DATABASE plain", database="postgres")
    backup = timed(lambda: restores.backup(proof="before"))
    made = manifest.require(restores.root, restores.latest)
    cluster.sql("UPDATE payments SET amount = -1 WHERE id % 1000 = 0", role="owner")
    prepare = timed(lambda: restores.prepare(""))
    with busy(cluster.folder / ".s.PGSQL.5432", CLIENTS) as seen:
        until(lambda: len(seen.moments) > CLIENTS, "clients to begin")
        time.sleep(READING)
        begun = time.monotonic()
        swapped = exchange.swap_in(restores.asked(), final=True)
        swap = time.monotonic() - begun
        after = len(seen.moments)
        until(lambda: len(seen.moments) > after + CLIENTS, "clients to go on after the swap")
    assert swapped["loss"]["rows"]["updated"] == megabytes * ROWS_A_MEGABYTE // 1000
    times, proof = made.content["timings"], made.proof
    with capsys.disabled():
        print(f"\n{size:.0f} MB; plain: pg_dump {dump:.1f} s, psql {load:.1f} s, out for {load:.1f} s")
        for what, took, beside in (
            ("dump with counts and hashes", times["dump"], dump),
            ("proof: restore of the dump", proof["restore_seconds"], load),
            ("proof: comparison", proof["compare_seconds"], load),
            ("whole proved backup", backup, dump + load),
            ("restore beside the live one, proved, with the report of what is lost", prepare, load),
            ("swap with the exact report", swap, load),
        ):
            print(f"  {what:<70} {took:6.1f} s  {took / beside:5.2f} x")
        gap = seen.longest_gap_ms(since=begun)
        print(f"  clients held off {swapped['held_off_ms']:.0f} ms, longest gap from the swap on {gap:.0f} ms: "
              f"{load * 1000 / gap:.0f} times shorter than psql")  # fmt: skip
