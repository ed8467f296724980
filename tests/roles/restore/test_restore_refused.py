"""What makes a restore impossible or unwise: is it named before anything is begun, with the way out?"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from ansible.module_utils.namaskah_host.failure import Failure
from ansible.module_utils.namaskah_restore import exchange, mending, properties, records, rights, story

from tests.support import postgres
from tests.support.backups.cluster import Cluster, running
from tests.support.restores.restores import Restores, equip
from tests.support.waiting import until


@pytest.fixture
def shop(cluster: Cluster, restores: Restores) -> Cluster:
    cluster.sql("CREATE TABLE payments (id int PRIMARY KEY)", "INSERT INTO payments VALUES (1)", role="owner")
    restores.backup()
    return cluster


@contextmanager
def session(shop: Cluster, role: str, statement: str) -> Iterator[None]:
    """A client that did something and stays."""
    words = [str(shop.binaries / "psql"), "-XqAt", "-h", str(shop.folder), "-U", role, "-d", "shop"]
    client = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert client.stdin is not None
    assert client.stdout is not None
    client.stdin.write(f"{statement};\nSELECT 'there';\n")
    client.stdin.flush()
    until(lambda: "there" in (client.stdout.readline() if client.stdout else ""), "the client")
    try:
        yield
    finally:
        client.kill()
        client.communicate()


@pytest.mark.fault("swap interrupted", ends="refused", where="prepared transaction")
def test_prepared_transactions_are_named_and_refused(shop: Cluster, restores: Restores) -> None:
    shop.sql("BEGIN; INSERT INTO payments VALUES (2); PREPARE TRANSACTION 'half a payment'", role="owner")
    failure = restores.refused("")
    assert "half a payment" in failure.why
    assert "PREPARED" in failure.next_step
    shop.sql("ROLLBACK PREPARED 'half a payment'", role="owner")
    assert restores.restore("")["phase"] == "confirmed"


@pytest.mark.fault("swap interrupted", ends="refused", where="logical replication slot")
def test_replication_slots_are_refused_unless_allowed(shop: Cluster, restores: Restores) -> None:
    shop.sql("SELECT pg_create_logical_replication_slot('events', 'test_decoding')")
    try:
        failure = restores.refused("")
        assert "events" in failure.why
        assert f"--allow {rights.SLOTS}" in failure.next_step
        done = story.prepare(restores.asked(allow=(rights.SLOTS,)), restores.latest, "")
        assert done["phase"] == "ready"
    finally:
        shop.sql("SELECT pg_drop_replication_slot('events')")


@pytest.mark.fault("swap interrupted", ends="refused", where="superuser's session")
def test_superusers_sessions_are_named(shop: Cluster, restores: Restores) -> None:
    with session(shop, "admin", "SELECT 1"):
        failure = restores.refused("")
    assert "admin (process" in failure.why
    assert restores.restore("")["phase"] == "confirmed"


@pytest.mark.fault("swap interrupted", ends="refused", where="session of a role that is not the application's")
def test_sessions_of_strangers_are_named(shop: Cluster, restores: Restores) -> None:
    shop.sql("CREATE ROLE analyst LOGIN", "GRANT CONNECT ON DATABASE shop TO analyst")
    try:
        with session(shop, "analyst", "SELECT 1"):
            failure = restores.refused("")
            assert "analyst (process" in failure.why
            shop.sql("GRANT analyst TO restorer")
            assert restores.restore("")["phase"] == "confirmed"
    finally:
        shop.sql("DROP OWNED BY analyst", "DROP ROLE analyst")


@pytest.mark.fault("swap interrupted", ends="refused", where="client idle in a transaction")
def test_clients_idle_in_a_transaction_are_refused_or_ended_by_policy(shop: Cluster, restores: Restores) -> None:
    with session(shop, "owner", "BEGIN; INSERT INTO payments VALUES (7)"):
        idle = (
            "SELECT count(*) FROM pg_stat_activity WHERE datname = 'shop' AND state_change < now() - interval '2.5 s'"
        )
        until(lambda: shop.sql(idle, database="postgres") == "1", "the client to be idle")
        failure = restores.refused("", idle_in_transaction="refuse")
        assert "owner (process" in failure.why
        done = restores.restore("")
        assert "owner (process" in done["ended"][0]
    assert shop.sql("SELECT count(*) FROM payments") == "1"


@pytest.mark.fault("database: rights missing", ends="refused", where="restore")
def test_every_missing_right_is_named_at_once(shop: Cluster, restores: Restores) -> None:
    shop.sql("ALTER ROLE app IN DATABASE shop SET work_mem = '9MB'", "ALTER ROLE restorer NOCREATEDB",
             "REVOKE pg_read_all_stats, app FROM restorer", database="postgres")  # fmt: skip
    try:
        failure = restores.refused("")
    finally:
        shop.sql("ALTER ROLE restorer CREATEDB", "GRANT pg_read_all_stats, app TO restorer", database="postgres")
    for words in ("CREATEDB", "pg_read_all_stats", 'GRANT "app" TO "restorer"'):
        assert words in failure.why


def test_a_setting_of_another_role_is_carried_by_a_member_of_it(shop: Cluster, restores: Restores) -> None:
    shop.sql("ALTER ROLE app IN DATABASE shop SET work_mem = '9MB'", database="postgres")
    restores.restore("")
    query = (
        "SELECT setconfig[1] FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase"
        " WHERE d.datname = 'shop' AND setrole = 'app'::regrole"
    )
    assert shop.sql(query, database="postgres") == "work_mem=9MB"


def test_a_property_that_cannot_be_carried_ends_it_before_the_swap(
    shop: Cluster, restores: Restores, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.sql("ALTER DATABASE shop CONNECTION LIMIT 9", database="postgres")
    monkeypatch.setattr(properties, "carry", lambda *_: None)
    assert "connection limit is -1, not 9" in restores.refused("").why


@pytest.mark.fault("backup damaged: bit flipped", ends="found", where="restore")
def test_a_damaged_backup_is_not_restored(shop: Cluster, restores: Restores) -> None:
    path = restores.root / restores.latest / "database.dump"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    assert "another content" in restores.refused("").why
    assert shop.sql("SELECT count(*) FROM payments") == "1"


@pytest.mark.fault("backup not restorable", ends="old release", where="a CHECK of the backup fails in the new database")
def test_a_backup_that_cannot_be_restored_leaves_nothing(shop: Cluster, restores: Restores) -> None:
    shop.sql(
        "CREATE FUNCTION picky(int) RETURNS bool LANGUAGE plpgsql IMMUTABLE AS 'BEGIN"
        " IF current_database() <> ''shop'' THEN RAISE ''not here''; END IF; RETURN true; END'",
        "ALTER TABLE payments ADD CHECK (picky(id))",
        role="owner",
    )
    restores.backup()
    assert "not here" in restores.refused("").why


def test_a_restore_that_was_prepared_before_is_taken_up_again(shop: Cluster, restores: Restores) -> None:
    """Asked twice, there is one new database and one record; what would be lost is counted anew."""
    first = restores.prepare("")
    there = shop.databases()
    shop.sql("UPDATE payments SET id = id")
    again = restores.prepare("")
    assert again["id"] == first["id"]
    assert shop.databases() == there
    assert restores.restore("")["phase"] == "confirmed"
    assert shop.sql("SELECT count(*) FROM payments") == "1"


def test_a_restore_waits_for_the_end_of_one_that_was_cut_off(shop: Cluster, restores: Restores) -> None:
    restores.prepare("")
    record = records.unfinished(restores.asked())
    assert record is not None
    asked = restores.asked()
    records.write(asked, {**record, "old": asked.scratch("aside")}, "swapping")
    with pytest.raises(Failure) as caught:
        restores.prepare("")
    assert "is swapping" in caught.value.why
    assert caught.value.next_step == "namaskah-deploy recover ENV"
    mending.recover(restores.asked(), "")
    assert restores.restore("")["phase"] == "confirmed"
    assert shop.sql("SELECT count(*) FROM payments") == "1"


def test_another_database_under_the_name_is_not_swapped(shop: Cluster, restores: Restores) -> None:
    restores.prepare("")
    shop.sql("ALTER DATABASE shop RENAME TO elsewhere", "CREATE DATABASE shop OWNER owner", database="postgres")
    with pytest.raises(Failure, match="not the database that the restore was prepared with"):
        exchange.swap_in(restores.asked(), final=True)
    shop.sql("DROP DATABASE shop", "ALTER DATABASE elsewhere RENAME TO shop", database="postgres")


def test_there_is_nothing_to_swap_back_before_a_restore(shop: Cluster, restores: Restores) -> None:
    with pytest.raises(Failure, match="nothing to swap back"):
        exchange.swap_back(restores.asked())
    assert shop.sql("SELECT count(*) FROM payments") == "1"


@pytest.mark.fault("backup not restorable", ends="refused", where="a role of the dump was dropped since")
def test_a_role_of_the_dump_that_was_dropped_since_is_named_before_anything_is_made(
    shop: Cluster, restores: Restores
) -> None:
    shop.sql("CREATE ROLE auditor", "GRANT SELECT ON payments TO auditor")
    restores.backup()
    shop.sql("DROP OWNED BY auditor", "DROP ROLE auditor")
    failure = restores.refused("")
    assert failure.kind == "refused"
    assert "auditor" in failure.why
    assert restores.phases() == [], "it was known before the long restore"


@pytest.mark.fault("backup not restorable", ends="refused", where="a setting that only a superuser gives")
def test_a_setting_that_only_a_superuser_may_give_is_named_before_anything_is_made(
    shop: Cluster, restores: Restores
) -> None:
    shop.sql("ALTER DATABASE shop SET log_min_duration_statement = 5000")
    failure = restores.refused("")
    assert failure.kind == "refused"
    assert 'GRANT SET ON PARAMETER log_min_duration_statement TO "restorer"' in failure.why
    assert restores.phases() == [], "it was known before the long restore"
    shop.sql("GRANT SET ON PARAMETER log_min_duration_statement TO restorer", database="postgres")
    try:
        assert restores.restore("")["phase"] == "confirmed"
    finally:
        shop.sql("REVOKE SET ON PARAMETER log_min_duration_statement FROM restorer", database="postgres")
    assert shop.sql("SHOW log_min_duration_statement") == "5s"


def test_a_template_of_another_locale_is_refused_with_both_locales(shop: Cluster, restores: Restores) -> None:
    shop.sql("CREATE DATABASE odd OWNER owner TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'", database="postgres")
    failure = restores.refused("", template="odd")
    assert "C.UTF-8" in failure.why
    assert "incompatible with the collation of the template database" in failure.why
    assert shop.sql("SELECT count(*) FROM payments") == "1"


@pytest.mark.fault("backup not restorable", ends="refused", where="made of a newer PostgreSQL than the server's")
def test_a_backup_of_a_newer_server_is_refused_by_an_older_one(shop: Cluster, restores: Restores) -> None:
    with postgres.newest() as binaries, running(binaries) as newer:
        equip(newer)
        newer.sql("CREATE TABLE payments (id int PRIMARY KEY)", role="admin")
        made = Restores(newer, restores.folder).backup()
        major = newer.sql("SHOW server_version").partition(".")[0]
    failure = restores.refused(made)
    assert failure.kind == "refused"
    assert f"made of PostgreSQL {major}" in failure.why
    assert restores.phases() == []
    assert shop.sql("SELECT count(*) FROM payments") == "1"
