"""What do other clients of the database do to a backup, and is the operator told which of them it is?"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.backups.backups import Backups
from tests.support.backups.cluster import Cluster
from tests.support.waiting import until


@contextmanager
def idle(cluster: Cluster, *statements: str) -> Iterator[None]:
    """A client that has done these statements in a transaction, and now neither goes on nor ends."""
    words = [str(cluster.binaries / "psql"), "-XqAt", "-h", str(cluster.folder), "-U", "admin", "-d", "shop"]
    client = subprocess.Popen(words, stdin=subprocess.PIPE, text=True)
    assert client.stdin
    client.stdin.write("BEGIN;\n" + "".join(f"{statement};\n" for statement in statements))
    client.stdin.flush()
    state = "SELECT count(*) FROM pg_stat_activity WHERE state = 'idle in transaction' AND usename = 'admin'"
    try:
        until(lambda: cluster.sql(state, database="postgres") == "1", "the idle client")
        yield
    finally:
        client.stdin.close()
        client.wait(timeout=30)


def test_client_idle_in_a_transaction_keeps_its_rows_out_of_the_backup(filled: Cluster, backups: Backups) -> None:
    with idle(filled, "INSERT INTO person VALUES ('Third')", "UPDATE child SET c = 9"):
        made = backups.make()
    assert made["proof"] == "proved"
    assert backups.manifest(made)["database"]["fingerprint"]["tables"]["public.person"][0] == 2


def test_client_that_locks_a_table_is_named_when_the_time_is_over(filled: Cluster, backups: Backups) -> None:
    with idle(filled, "LOCK TABLE person IN ACCESS EXCLUSIVE MODE"):
        failure = backups.fail(timeout=8)
    assert failure["class"] == "timeout"
    assert "person is locked by process" in failure["why"]
    assert "end that session" in failure["next"]


def test_prepared_transaction_is_named_and_its_rows_are_not_in_the_backup(filled: Cluster, backups: Backups) -> None:
    filled.sql("BEGIN; INSERT INTO person VALUES ('Third'); PREPARE TRANSACTION 'order-7'")
    try:
        made = backups.make()
    finally:
        filled.sql("ROLLBACK PREPARED 'order-7'")
    assert made["proof"] == "proved"
    assert backups.manifest(made)["database"]["fingerprint"]["tables"]["public.person"][0] == 2
    assert any("prepared transaction order-7" in note for note in made["notes"])
