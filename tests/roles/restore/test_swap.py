"""How long are busy clients held off by a swap, and is every row found that was acknowledged?"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.namaskah_host.failure import Failure
from ansible.module_utils.namaskah_restore import exchange, pooler
from ansible.module_utils.namaskah_restore.meeting import meet

from tests.support.backups.cluster import Cluster
from tests.support.restores.clients import TABLE, Seen, busy
from tests.support.restores.restores import Restores
from tests.support.waiting import until

LONGEST_OUTAGE_MS = 1000  # each swap, whatever else this machine does meanwhile
PROMISED_MS = 250  # under 100 clients: the best of three swaps, so that a stall of the machine is not the swap's
POOLER = "/usr/sbin/pgbouncer"
CONFIGURATION = """[databases]
shop = host={folder} dbname=shop user=owner pool_size=20
[pgbouncer]
listen_addr =
unix_socket_dir = {own}
listen_port = 6432
auth_type = any
admin_users = restorer
pool_mode = transaction
max_client_conn = 300
ignore_startup_parameters = extra_float_digits,options
pidfile = {own}/pid
"""


@pytest.fixture
def shop(cluster: Cluster) -> Cluster:
    cluster.sql(
        "CREATE TABLE payments (id bigint PRIMARY KEY)",
        "INSERT INTO payments VALUES (1), (2), (3)",
        TABLE,
        role="owner",
    )
    return cluster


def found(cluster: Cluster, *databases: str) -> set[tuple[int, int]]:
    """The rows of these databases."""
    rows: set[tuple[int, int]] = set()
    for name in databases:
        cluster.sql(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true", database="postgres")
        lines = cluster.sql("SELECT client, number FROM acks", database=name).splitlines()
        rows |= {(int(a), int(b)) for a, _, b in (line.partition("|") for line in lines)}
    return rows


def swap_under(socket: Path, restores: Restores, count: int, **changed: Any) -> tuple[Seen, dict[str, Any]]:
    """Swap while so many clients work; what they saw and what the swap said."""
    shop = restores.cluster
    backup = restores.backup()
    with busy(socket, count) as seen:
        restores.prepare(backup, **changed)
        begun = time.monotonic()
        swapped = exchange.swap_in(restores.asked(**changed), final=True)
        after = len(seen.moments)
        until(lambda: len(seen.moments) > after + count, "clients to go on after the swap")
    swapped["gap_ms"] = seen.longest_gap_ms(since=begun)
    lost = swapped["loss"]["rows"]
    before = found(shop, swapped["kept"])
    assert seen.acknowledged - before - found(shop, "shop") == set()
    assert lost == {"inserted": len(before), "updated": 0, "deleted": 0}, "the report is exactly what was replaced"
    return seen, swapped


@pytest.mark.fault("database: busy during the swap", ends="swapped")
@pytest.mark.parametrize("count", [20, 100])
def test_clients_are_held_off_for_a_moment(shop: Cluster, restores: Restores, count: int) -> None:
    socket = shop.folder / ".s.PGSQL.5432"
    seen, swapped = swap_under(socket, restores, count)
    times = [swapped["held_off_ms"]]
    print(f"{count} clients: held off {times[0]} ms, longest gap from the swap on {swapped['gap_ms']:.0f} ms")
    if times[0] > PROMISED_MS:
        times += swapped_back_and_again(socket, restores, count)
    assert max(times) <= LONGEST_OUTAGE_MS
    assert min(times) <= PROMISED_MS
    assert seen.errors, "without a pool each client loses its connection once"


def swapped_back_and_again(socket: Path, restores: Restores, count: int) -> list[float]:
    """The milliseconds in which so many clients were held off by a swap back, and by one more swap."""
    with busy(socket, count):
        back = exchange.swap_back(restores.asked())
        restores.prepare("")
        again = exchange.swap_in(restores.asked(), final=True)
    print(f"held off by the swap back {back['held_off_ms']} ms, by one more swap {again['held_off_ms']} ms")
    return [back["held_off_ms"], again["held_off_ms"]]


@pytest.fixture
def pool(shop: Cluster, restores: Restores) -> Iterator[Path]:
    """A real pgbouncer before the server; its socket. The service `shop-pool` is its console."""
    if not Path(POOLER).exists():
        pytest.fail("Debian's package pgbouncer is not installed: tools/debian_packages.sh", pytrace=False)
    own = restores.folder / "pool"
    own.mkdir()
    (own / "pgbouncer.ini").write_text(CONFIGURATION.format(folder=shop.folder, own=own))
    for path in (own, own / "pgbouncer.ini"):
        os.chown(path, shop.user.uid, shop.user.gid)
    services = shop.folder / "restore_service.conf"
    plain = services.read_text()
    services.write_text(f"{plain}[shop-pool]\nhost={own}\nport=6432\nuser=restorer\n")
    server = subprocess.Popen(
        [*shop.user.prefix, POOLER, "-q", str(own / "pgbouncer.ini")], cwd="/", stderr=subprocess.DEVNULL
    )
    socket = own / ".s.PGSQL.6432"
    until(socket.exists, "pgbouncer's socket")
    yield socket
    server.terminate()
    server.wait()
    services.write_text(plain)
    shutil.rmtree(own)


@pytest.mark.fault("database: busy during the swap", ends="swapped", where="behind pgbouncer")
def test_clients_of_a_pool_wait_and_see_no_error(restores: Restores, pool: Path) -> None:
    seen, swapped = swap_under(pool, restores, 100, pooler_service="shop-pool")
    print(f"pgbouncer: held off {swapped['held_off_ms']} ms, longest gap from the swap on {swapped['gap_ms']:.0f} ms, "
          f"slowest request {1000 * seen.slowest:.0f} ms, {len(seen.acknowledged)} rows")  # fmt: skip
    assert seen.errors == []
    assert swapped["held_off_ms"] <= PROMISED_MS
    assert swapped["gap_ms"] <= LONGEST_OUTAGE_MS, "the pool holds clients off for longer than the server does"


def paused(pool: Path) -> bool:
    done = subprocess.run(
        ["psql", "-XAt", "-h", pool.parent, "-p", "6432", "-U", "restorer", "-d", "pgbouncer", "-c", "SHOW DATABASES"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    line = next(line for line in done.stdout.splitlines() if line.startswith("shop|"))
    return line.split("|")[-2] == "1"


@pytest.mark.fault("swap interrupted", ends="old release", where="pgbouncer cannot be paused")
def test_a_client_that_stays_in_a_transaction_ends_the_pause_and_nothing_is_swapped(
    shop: Cluster, restores: Restores, pool: Path
) -> None:
    restores.prepare(restores.backup())
    asked = restores.asked(pooler_service="shop-pool", pooler_timeout=1.0)
    words = ["psql", "-X", "-h", str(pool.parent), "-p", "6432", "-U", "owner", "-d", "shop"]
    client = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    assert client.stdin is not None
    try:
        client.stdin.write("BEGIN; SELECT * FROM payments;\n")
        client.stdin.flush()
        idle = "SELECT count(*) FROM pg_stat_activity WHERE datname = 'shop' AND state = 'idle in transaction'"
        until(lambda: shop.sql(idle, database="postgres") == "1", "the client's transaction")
        with pytest.raises(Failure) as caught:
            exchange.swap_in(asked, final=True)
    finally:
        client.kill()
        client.communicate()
    assert caught.value.kind == "timeout"
    assert not paused(pool)
    assert restores.phases() == ["ready"]
    assert exchange.swap_in(restores.asked(pooler_service="shop-pool"), final=True)["phase"] == "confirmed"


@pytest.mark.fault("swap interrupted", ends="cleaned up", where="killed while pgbouncer is paused")
def test_a_pool_is_resumed_when_the_one_who_paused_it_is_killed(shop: Cluster, restores: Restores, pool: Path) -> None:
    asked = restores.asked(pooler_service="shop-pool", pooler_timeout=5.0)
    tools, _ = meet(asked)
    child = os.fork()
    if child == 0:
        with pooler.held(tools, asked, "shop"):
            os.kill(os.getpid(), 9)
    os.waitpid(child, 0)
    until(lambda: not paused(pool), "the guard to resume the pool")
    assert shop.sql("SELECT count(*) FROM payments") == "3"
