"""What do a restore and its swap take, beside plain pg_restore and psql, in one run? Prints a table; judges nothing.

The size is that of the sample's tables: RESTORE_BENCH_ROWS rows of about 200 bytes with their indexes.
"""

# ruff: noqa: S608 - statements are made of this file's own words
from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator

import pytest
from ansible.module_utils.namaskah_restore import exchange, rights, swap
from ansible.module_utils.namaskah_restore.meeting import meet

from tests.roles.backup.postgres import Cluster
from tests.roles.restore.clients import TABLE, busy
from tests.roles.restore.conftest import Restores

pytestmark = pytest.mark.bench
ROWS = int(os.environ.get("RESTORE_BENCH_ROWS", "900000"))
SWAPS = 10
CLIENTS = 100
FILL = [
    "CREATE TABLE payments (id bigint PRIMARY KEY, key uuid, status text, amount numeric, details jsonb)",
    f"""INSERT INTO payments SELECT g, md5(g::text)::uuid, CASE WHEN g % 9 = 0 THEN 'open' ELSE 'paid' END, g / 7.0,
        jsonb_build_object('note', md5((g + 1)::text), 'more', md5((g + 2)::text)) FROM generate_series(1, {ROWS}) g""",
    "CREATE UNIQUE INDEX ON payments (key)",
    TABLE,
]


def seconds(step: Callable[[], object]) -> float:
    begun = time.monotonic()
    step()
    return time.monotonic() - begun


def program(cluster: Cluster, *words: str) -> None:
    place = ["-h", str(cluster.folder), "-U", "admin"]
    subprocess.run([str(cluster.binaries / words[0]), *place, *words[1:]], check=True, capture_output=True)


def plain(cluster: Cluster, restores: Restores) -> Iterator[tuple[str, float]]:
    """The commands of a checklist, into an empty database each."""
    sql, dump = restores.folder / "plain.sql", restores.folder / "plain.dump"
    yield "pg_dump, plain", seconds(lambda: program(cluster, "pg_dump", "-f", str(sql), "shop"))
    yield "pg_dump -Fc -Z1", seconds(lambda: program(cluster, "pg_dump", "-Fc", "-Z1", "-f", str(dump), "shop"))
    for name, words in (("psql -f", ["psql", "-Xq", "-f", str(sql), "-d"]), ("pg_restore", ["pg_restore", "-d"])):
        cluster.sql("CREATE DATABASE elsewhere", database="postgres")
        last = [str(dump)] if words[0] == "pg_restore" else []
        yield name, seconds(lambda words=words, last=last: program(cluster, *words, "elsewhere", *last))  # type: ignore[misc]
        cluster.sql("DROP DATABASE elsewhere", database="postgres")


def test_restore_and_swap_beside_plain_commands(cluster: Cluster, restores: Restores) -> None:
    cluster.sql(*FILL, role="owner")
    size = int(cluster.sql("SELECT pg_database_size('shop')")) / 1e9
    rows = list(plain(cluster, restores))
    backup = ""

    def back_up() -> None:
        nonlocal backup
        backup = restores.backup()

    rows.append(("our backup, unproved", seconds(back_up)))
    told = restores.prepare(backup)
    parts = told["seconds"]
    rows += [("our restore", parts["restore"]), ("compared with the manifest", parts["compare"]),
             ("analysed, properties, reference", parts["whole"] - parts["restore"] - parts["compare"])]  # fmt: skip
    held: list[float] = []
    with busy(cluster.folder / ".s.PGSQL.5432", CLIENTS) as seen:
        rows.append(("swap and exact report", seconds(
            lambda: held.append(exchange.swap_in(restores.asked(), final=True)["held_off_ms"]))))  # fmt: skip
        for _ in range(SWAPS - 1):
            time.sleep(1)
            held.append(_again(restores))
    print(f"\n| {size:.2f} GB | seconds |\n|---|---|")
    print("\n".join(f"| {name} | {value:.1f} |" for name, value in rows))
    longest, median = max(held), sorted(held)[len(held) // 2]
    print(f"{CLIENTS} clients held off, n = {len(held)}: longest {longest:.0f} ms, median {median:.0f} ms")
    print(f"longest time without an answer to any client: {seen.longest_gap_ms():.0f} ms")


def _again(restores: Restores) -> float:
    """Swap the two databases once more, by the same statement."""
    asked = restores.asked()
    tools, _ = meet(asked)
    with rights.maintenance(tools, asked) as server:
        name = next(n for n, state in swap.databases(server).items() if n.startswith("shop") and not state["allow"])
        return swap.swap(server, "shop", name, f"shop_b{int(time.monotonic() * 1000)}", asked.hold_timeout)
