"""A restore is killed at each of its steps: is the live database the old or the new one, whole, and is it mended?"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.namaskah_backups import proof
from ansible.module_utils.namaskah_host.failure import Failure
from ansible.module_utils.namaskah_restore import copy, exchange, mending, properties, records, report, swap

from tests.support.backups.cluster import Cluster
from tests.support.restores.restores import RELEASE, Restores
from tests.support.waiting import until

OLD, NEW = "1000", "100"  # rows of the live database before and after the restore


@pytest.fixture
def shop(cluster: Cluster, restores: Restores) -> Cluster:
    cluster.sql("CREATE TABLE payments (id int PRIMARY KEY)", "INSERT INTO payments SELECT generate_series(1, 100)",
                role="owner")  # fmt: skip
    cluster.sql("ALTER DATABASE shop CONNECTION LIMIT 77")
    restores.backup()
    cluster.sql("INSERT INTO payments SELECT generate_series(101, 1000)", role="owner")
    return cluster


def rows(cluster: Cluster) -> str:
    return cluster.sql("SELECT count(*) FROM payments", role="owner")


def killed_in(step: Callable[[], Any]) -> None:
    """Do a step in a process of its own that kills itself on the way."""
    child = os.fork()
    if child == 0:
        try:
            step()
        finally:
            os._exit(99)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status), f"the step came to its end with {os.waitstatus_to_exitcode(status)}"


def dying(monkeypatch: pytest.MonkeyPatch, module: Any, name: str, after: bool) -> None:
    """Make a function of ours kill its process before or after it did its work."""
    real = getattr(module, name)

    def deadly(*words: Any, **options: Any) -> Any:
        if after:
            real(*words, **options)
        os.kill(os.getpid(), signal.SIGKILL)

    monkeypatch.setattr(module, name, deadly)


STEPS = [
    (copy, "create"), (copy, "fill"), (proof, "compare"), (copy, "analyze"), (properties, "carry"),
    (copy, "clone"), (report, "take"),
]  # fmt: skip
ALWAYS = ((copy, "fill", True), (copy, "clone", True))
CASES = [
    pytest.param((module, name, after), id=f"{name} {'after' if after else 'before'}",
                 marks=() if (module, name, after) in ALWAYS else pytest.mark.soak)
    for module, name in STEPS for after in (False, True)
]  # fmt: skip


@pytest.mark.fault("swap interrupted", ends="old release", where="while the new database is prepared")
@pytest.mark.parametrize("place", CASES)
def test_killed_while_it_prepares_leaves_the_live_database_and_is_mended(
    shop: Cluster, restores: Restores, monkeypatch: pytest.MonkeyPatch, place: tuple[Any, str, bool]
) -> None:
    with monkeypatch.context() as patched:
        dying(patched, *place)
        killed_in(lambda: restores.prepare(""))
    assert rows(shop) == OLD
    mended(shop, restores, OLD, "abandoned")


def mended(shop: Cluster, restores: Restores, expected: str, phase: str, serving: str = "") -> None:
    """Recover; then everything is final, and a restore can be made again."""
    told = mending.recover(restores.asked(), serving)
    assert told["state"] == phase
    assert rows(shop) == expected
    assert shop.sql("SELECT datallowconn, datconnlimit FROM pg_database WHERE datname = 'shop'") == "t|77"
    assert not [name for name in shop.databases() if name.startswith("namaskah_")]
    assert mending.recover(restores.asked(), serving)["state"] == "nothing"
    assert restores.restore("")["phase"] == "confirmed"
    assert rows(shop) == NEW


@pytest.fixture
def slow(shop: Cluster, restores: Restores) -> Iterator[Callable[[Callable[[], Any]], Failure]]:
    """Makes a restore that stays inside its fill; what is given is done then, and how the restore failed returned."""
    shop.sql(
        "CREATE FUNCTION slow(int) RETURNS bool LANGUAGE plpgsql IMMUTABLE AS 'BEGIN"
        " IF current_setting(''namaskah.slow'', true) = ''on'' THEN PERFORM pg_sleep(60); END IF; RETURN true; END'",
        "ALTER TABLE payments ADD CHECK (slow(id))",
        "DELETE FROM payments WHERE id > 100",
        role="owner",
    )
    restores.backup()
    shop.sql("INSERT INTO payments SELECT generate_series(101, 1000)", role="owner")
    shop.sql("ALTER ROLE restorer SET namaskah.slow = 'on'", database="postgres")
    filling = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'COPY public.payments %FROM stdin%'"

    def interrupt(act: Callable[[], Any]) -> Failure:
        failures: list[Failure] = []

        def restoring() -> None:
            try:
                restores.prepare("")
            except Failure as failure:
                failures.append(failure)

        worker = threading.Thread(target=restoring)
        worker.start()
        until(lambda: shop.sql(filling, database="postgres") == "1", "pg_restore to fill the table")
        act()
        worker.join()
        return failures[0]

    yield interrupt
    shop.sql("ALTER ROLE restorer RESET namaskah.slow", database="postgres")


def restoring_processes(restores: Restores) -> list[int]:
    """Every real pg_restore of this test."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            words = (folder / "cmdline").read_bytes().split(b"\0")
            if words[0].endswith(b"/pg_restore") and str(restores.root).encode() in words[-2]:
                found.append(int(folder.name))
    return found


@pytest.mark.fault("restore killed", ends="old release", where="pg_restore, while the new database is filled")
def test_a_killed_pg_restore_leaves_the_live_database_and_nothing_else(
    shop: Cluster, restores: Restores, slow: Callable[[Callable[[], Any]], Failure]
) -> None:
    there = shop.databases()

    def kill() -> None:
        (process,) = restoring_processes(restores)
        os.kill(process, signal.SIGKILL)

    failure = slow(kill)
    assert "ended by signal 9" in failure.why
    assert rows(shop) == OLD
    assert shop.databases() == there
    assert restores.phases() == ["abandoned"]
    shop.sql("ALTER ROLE restorer RESET namaskah.slow", database="postgres")
    mended(shop, restores, OLD, "nothing")


@pytest.mark.fault("database: stops during the restore", ends="old release", where="the new database is being filled")
def test_a_server_that_stops_while_the_new_database_is_filled_is_named_and_mended(
    shop: Cluster, restores: Restores, slow: Callable[[Callable[[], Any]], Failure]
) -> None:
    failure = slow(lambda: shop.stop("immediate"))
    shop.start()
    assert failure.what == "The backup cannot be restored"
    assert "terminating connection" in failure.why or "server closed the connection" in failure.why
    assert rows(shop) == OLD
    assert restores.phases() == ["restoring"], "nobody could drop it while the server was away"
    shop.sql("ALTER ROLE restorer RESET namaskah.slow", database="postgres")
    mended(shop, restores, OLD, "abandoned")


SWAP_STEPS = [
    pytest.param(place, id=f"{place[1]} {'after' if place[2] else 'before'}")
    for place in ((swap, "swap", False), (swap, "swap", True), (records, "write", True), (report, "take", False))
]


@pytest.mark.fault("swap interrupted", ends="returned", where="around the two renames")
@pytest.mark.parametrize("place", SWAP_STEPS)
def test_killed_around_the_swap_is_the_old_or_the_new_one_and_recovery_gives_the_old_one_back(
    shop: Cluster, restores: Restores, monkeypatch: pytest.MonkeyPatch, place: tuple[Any, str, bool]
) -> None:
    restores.prepare("")
    with monkeypatch.context() as patched:
        dying(patched, *place)
        killed_in(lambda: exchange.swap_in(restores.asked(), final=False))
    assert rows(shop) in {OLD, NEW}
    phase = "returned" if rows(shop) == NEW else "abandoned"
    mended(shop, restores, OLD, phase)


@pytest.mark.fault("swap interrupted", ends="new release", where="swapped for good, the exact report is not made yet")
@pytest.mark.parametrize(
    "place", [pytest.param((swap, "swap", True), id="swap after"), pytest.param((report, "take", False), id="report")]
)
def test_killed_after_a_swap_that_stands_is_confirmed_and_its_exact_report_is_made(
    shop: Cluster, restores: Restores, monkeypatch: pytest.MonkeyPatch, place: tuple[Any, str, bool]
) -> None:
    restores.prepare("")
    shop.sql("INSERT INTO payments VALUES (2000)", role="owner")
    with monkeypatch.context() as patched:
        dying(patched, *place)
        killed_in(lambda: exchange.swap_in(restores.asked(), final=True))
    assert rows(shop) == NEW
    shop.sql("INSERT INTO payments VALUES (3000)", role="owner")
    told = mending.recover(restores.asked(), "")
    assert told["state"] == "confirmed"
    lost = restores.root / "restores" / told["id"] / "lost"
    assert json.loads((lost / report.FILE).read_text())["rows"] == {"inserted": 901, "updated": 0, "deleted": 0}
    assert "2000" in (lost / "public.payments.inserted.csv").read_text().split()
    assert not [name for name in shop.databases() if name.startswith("namaskah_")]
    assert exchange.swap_back(restores.asked())["written_meanwhile"] == {"public.payments": 1}
    assert mending.recover(restores.asked(), "")["state"] == "nothing"


@pytest.mark.fault("swap interrupted", ends="new release", where="swapped, and its release stands")
def test_a_swap_stands_whose_release_every_host_serves(shop: Cluster, restores: Restores) -> None:
    restores.prepare("")
    exchange.swap_in(restores.asked(), final=False)
    told = mending.recover(restores.asked(), RELEASE)
    assert told["state"] == "confirmed"
    assert rows(shop) == NEW


@pytest.mark.fault("swap interrupted", ends="returned", where="while it is swapped back")
def test_killed_while_it_swaps_back_is_mended(
    shop: Cluster, restores: Restores, monkeypatch: pytest.MonkeyPatch
) -> None:
    for after in (False, True):
        restores.restore("")
        with monkeypatch.context() as patched:
            dying(patched, swap, "swap", after)
            killed_in(lambda: exchange.swap_back(restores.asked()))
        assert rows(shop) == (OLD if after else NEW)
        assert mending.recover(restores.asked(), "")["state"] == "returned"
        assert rows(shop) == OLD


@pytest.fixture
def stubborn(shop: Cluster) -> Any:
    """Starts a superuser's session in a database, which nobody but a superuser can end."""
    sessions: list[subprocess.Popen[str]] = []

    def start(database: str = "shop") -> None:
        words = [str(shop.binaries / "psql"), "-XqAt", "-h", str(shop.folder), "-U", "admin", "-d", database]
        session = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert session.stdin is not None
        assert session.stdout is not None
        session.stdin.write("SELECT 1;\n")
        session.stdin.flush()
        session.stdout.readline()
        sessions.append(session)

    yield start
    for session in sessions:
        session.kill()
        session.communicate()


@pytest.mark.fault("swap interrupted", ends="old release", where="a session that cannot be ended comes in between")
def test_a_session_that_cannot_be_ended_lets_clients_into_the_old_database(
    shop: Cluster, restores: Restores, stubborn: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    restores.prepare("")
    real = swap.swap

    def late(*words: Any) -> float:
        stubborn()  # it comes after everything was looked at
        return real(*words)

    monkeypatch.setattr(swap, "swap", late)
    with pytest.raises(Failure, match="superuser"):
        exchange.swap_in(restores.asked(hold_timeout=0.3), final=True)
    assert rows(shop) == OLD
    assert restores.phases() == ["ready"]


def swapping_beside(restores: Restores) -> tuple[threading.Thread, list[Failure]]:
    """Swap in a thread; the thread, and its failures."""
    failures: list[Failure] = []

    def swapping() -> None:
        try:
            exchange.swap_in(restores.asked(hold_timeout=60), final=True)
        except Failure as failure:
            failures.append(failure)

    worker = threading.Thread(target=swapping)
    worker.start()
    return worker, failures


@pytest.mark.fault("swap interrupted", ends="old release", where="the server is stopped at once")
def test_the_server_dies_between_holding_off_and_the_renames(shop: Cluster, restores: Restores) -> None:
    """A session that only the test can end holds the swap where clients are held off; then the server is gone."""
    restores.prepare("")
    held, _ = stopped_session(shop)
    worker, failures = swapping_beside(restores)
    closed = "SELECT datallowconn FROM pg_database WHERE datname = 'shop'"
    until(lambda: shop.sql(closed, database="postgres") == "f", "clients to be held off")
    shop.stop("immediate")
    worker.join()
    held.kill()
    held.communicate()
    shop.start()
    assert failures
    assert restores.phases() == ["swapping"]
    assert shop.sql(closed, database="postgres") == "f", "the state that has to be mended"
    mended(shop, restores, OLD, "abandoned")


@pytest.mark.fault("swap interrupted", ends="old release", where="killed, and the server still works at its swap")
def test_a_swap_that_outlives_its_caller_does_not_overtake_the_recovery(
    shop: Cluster, restores: Restores, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server's statement is held where it waits for a session, and let go on when recovery has looked."""
    restores.prepare("")
    held, backend = stopped_session(shop)
    killed_when_held_off(shop, lambda: exchange.swap_in(restores.asked(hold_timeout=60), final=True))
    real = copy.sweep

    def late(*words: Any) -> Any:
        os.kill(backend, signal.SIGCONT)
        until(lambda: shop.sql(SWAPPING, database="postgres") == "0", "the swap's statement to end")
        return real(*words)

    with monkeypatch.context() as patched:
        patched.setattr(copy, "sweep", late)
        assert mending.recover(restores.asked(), "")["state"] == "abandoned"
    held.communicate()
    assert rows(shop) == OLD
    mended(shop, restores, OLD, "nothing")


@pytest.mark.fault("swap interrupted", ends="returned", where="killed, and the server still works at its swap back")
def test_a_swap_back_that_outlives_its_caller_is_done_once_more(shop: Cluster, restores: Restores) -> None:
    restores.restore("")
    held, backend = stopped_session(shop)
    killed_when_held_off(shop, lambda: exchange.swap_back(restores.asked(hold_timeout=60)))
    going_on = threading.Timer(1.0, os.kill, (backend, signal.SIGCONT))
    going_on.start()
    assert exchange.swap_back(restores.asked(hold_timeout=60))["phase"] == "returned"
    going_on.join()
    held.communicate()
    assert rows(shop) == OLD
    mended(shop, restores, OLD, "nothing")


SWAPPING = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'restorer' AND query LIKE 'DO $namaskah$%'"


def killed_when_held_off(shop: Cluster, step: Callable[[], Any]) -> None:
    """Kill the process that swaps, and nothing else, while clients are held off."""
    child = os.fork()
    if child == 0:
        try:
            step()
        finally:
            os._exit(99)
    closed = "SELECT datallowconn FROM pg_database WHERE datname = 'shop'"
    until(lambda: shop.sql(closed, database="postgres") == "f", "clients to be held off")
    os.kill(child, signal.SIGKILL)
    assert os.WIFSIGNALED(os.waitpid(child, 0)[1])


@pytest.mark.fault("swap interrupted", ends="old release", where="somebody renames the new database")
def test_a_swap_without_its_new_database_lets_clients_into_the_old_one(shop: Cluster, restores: Restores) -> None:
    restores.prepare("")
    new = next(name for name in shop.databases() if name.startswith("namaskah_restore_"))
    held, backend = stopped_session(shop)
    worker, failures = swapping_beside(restores)
    until(lambda: shop.sql(SWAPPING, database="postgres") == "1", "the swap's statement")
    shop.sql(f"ALTER DATABASE {new} RENAME TO elsewhere", database="postgres")
    os.kill(backend, signal.SIGCONT)
    worker.join()
    held.communicate()
    assert failures
    assert rows(shop) == OLD
    assert mending.recover(restores.asked(), "")["state"] == "abandoned"
    mended(shop, restores, OLD, "nothing")


def stopped_session(shop: Cluster) -> tuple[subprocess.Popen[str], int]:
    """A session whose server process is stopped (SIGSTOP), so that it does not end when it is told to; its number."""
    words = [str(shop.binaries / "psql"), "-XqAt", "-h", str(shop.folder), "-U", "owner", "-d", "shop"]
    session = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert session.stdin is not None
    assert session.stdout is not None
    session.stdin.write("SELECT pg_backend_pid();\n")
    session.stdin.flush()
    backend = int(session.stdout.readline())
    os.kill(backend, signal.SIGSTOP)
    return session, backend
