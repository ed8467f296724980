"""Does a restore give back what was there, with all that belongs to the database, and keep what it replaced?"""

from __future__ import annotations

import json
import time
from types import SimpleNamespace

import pytest
from ansible.module_utils.namaskah_backups import warm
from ansible.module_utils.namaskah_host import files
from ansible.module_utils.namaskah_host.failure import Failure
from ansible.module_utils.namaskah_restore import exchange, keeping, queries, records, story
from ansible.module_utils.namaskah_restore.choice import Code

from tests.support.backups.cluster import Cluster
from tests.support.restores.restores import RELEASE, Restores

PAYMENTS = [
    "CREATE TABLE payments (id bigint PRIMARY KEY, status text, amount numeric(12,2), note text)",
    "INSERT INTO payments SELECT g, 'paid', g, 'n' || g FROM generate_series(1, 100) g",
    "CREATE TABLE ledger (payment bigint, amount numeric)",
    "INSERT INTO ledger SELECT g, g FROM generate_series(1, 100) g",
    "GRANT SELECT ON payments TO app",
    "COMMENT ON TABLE payments IS 'what was paid'",
]
PROPERTIES = [
    "REVOKE ALL ON DATABASE shop FROM PUBLIC",
    "GRANT CONNECT, TEMP ON DATABASE shop TO app",
    "GRANT CONNECT ON DATABASE shop TO reader",
    "ALTER DATABASE shop CONNECTION LIMIT 120",
    "ALTER DATABASE shop SET work_mem = '7MB'",
    """ALTER DATABASE shop SET search_path = "$user", public, "odd name" """,
    "ALTER ROLE owner IN DATABASE shop SET statement_timeout = '77s'",
    "COMMENT ON DATABASE shop IS 'It''s the shop'",
]
REPORT = ({"table": "payments", "group_by": ["status"], "sum": ["amount"]},)


@pytest.fixture
def filled(cluster: Cluster) -> Cluster:
    cluster.sql(*PAYMENTS, role="owner")
    cluster.sql(*PROPERTIES)
    return cluster


def damage(cluster: Cluster) -> None:
    """What a bad release might do after the backup."""
    cluster.sql(
        "INSERT INTO payments SELECT g, CASE WHEN g % 2 = 0 THEN 'paid' ELSE 'open' END, 10, 'new'"
        " FROM generate_series(101, 120) g",
        "UPDATE payments SET amount = 0 WHERE id <= 7",
        "DELETE FROM payments WHERE id BETWEEN 50 AND 52",
        "INSERT INTO ledger VALUES (1, 1), (500, 5)",
        "ALTER TABLE payments ADD COLUMN shipped boolean",
        "CREATE TABLE later (n int)",
        "INSERT INTO later VALUES (1), (1), (2)",
        role="owner",
    )


def content(cluster: Cluster, database: str = "shop") -> str:
    return cluster.sql("SELECT * FROM payments ORDER BY id", "SELECT * FROM ledger ORDER BY 1", database=database)


def test_restore_gives_back_the_content_and_reports_exactly_what_was_lost(filled: Cluster, restores: Restores) -> None:
    before = content(filled)
    backup = restores.backup()
    damage(filled)
    damaged = content(filled)
    told = restores.prepare(backup, report=REPORT)
    assert told["phase"] == "ready"
    assert content(filled) == damaged, "nothing of the live database was touched"
    assert told["loss"]["rows"] == {"inserted": 25, "updated": 7, "deleted": 3}
    done = exchange.swap_in(restores.asked(report=REPORT), final=True)
    assert content(filled) == before
    assert done["phase"] == "confirmed"
    assert done["loss"]["tables"]["public.payments"]["deleted"] == 3
    assert done["loss"]["sums"] == [
        {
            "table": "public.payments",
            "groups": [
                {"change": "inserted", "status": "open", "rows": 10, "sum of amount": "100.00"},
                {"change": "inserted", "status": "paid", "rows": 10, "sum of amount": "100.00"},
                {"change": "updated", "status": "paid", "rows": 7, "sum of amount": "0.00"},
            ],
        }
    ]
    folder = restores.root / "restores" / done["id"] / "lost"
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    lines = (folder / "public.payments.inserted.csv").read_text().splitlines()
    assert len(lines) == 21
    assert "shipped" in lines[0]
    assert (folder / "public.payments.deleted.csv").read_text().splitlines()[1:] == ['"(50)"', '"(51)"', '"(52)"']
    names = filled.databases()
    assert done["kept"] in names
    assert not [name for name in names if name.startswith("namaskah_")]
    filled.sql(f"ALTER DATABASE {done['kept']} ALLOW_CONNECTIONS true", database="postgres")
    assert content(filled, done["kept"]) == damaged


def test_everything_that_belongs_to_the_database_is_carried_over(filled: Cluster, restores: Restores) -> None:
    query = queries.PROPERTIES.format(name="'shop'")
    before = filled.sql(query, database="postgres")
    backup = restores.backup()
    done = restores.restore(backup)
    after = filled.sql(query, database="postgres")
    words = [json.loads(text) for text in (before, after)]
    assert words[0].pop("oid") != words[1].pop("oid")
    assert words[0] == words[1]
    assert filled.sql("SELECT has_database_privilege('prover', 'shop', 'CONNECT')") == "f"
    assert filled.sql("SHOW work_mem", role="owner") == "7MB"
    assert filled.sql("SHOW search_path", role="owner") == '"$user", public, "odd name"'
    assert filled.sql("SHOW statement_timeout", role="owner") == "77s"
    assert filled.sql("SELECT tableowner FROM pg_tables WHERE tablename = 'payments'") == "owner"
    assert filled.sql("SELECT has_table_privilege('app', 'payments', 'SELECT')") == "t"
    assert filled.sql("SELECT obj_description('payments'::regclass)") == "what was paid"
    assert filled.sql("SELECT reltuples FROM pg_class WHERE relname = 'payments'") == "100", "analysed"
    assert done["notes"] == []


def test_swap_back_gives_the_replaced_database_back_and_keeps_the_restored_one(
    filled: Cluster, restores: Restores
) -> None:
    backup = restores.backup()
    damage(filled)
    damaged = content(filled)
    restores.restore(backup)
    filled.sql("INSERT INTO payments VALUES (900, 'paid', 1, 'after the swap')", role="owner")
    done = exchange.swap_back(restores.asked())
    assert content(filled) == damaged
    assert done["phase"] == "returned"
    assert done["written_meanwhile"] == {"public.payments": 1}
    kept = keeping.drop_kept(restores.asked(), done["id"])
    assert kept["kept"] == ""
    assert done["kept"] not in filled.databases()
    assert content(filled) == damaged


def test_of_two_swaps_in_one_second_each_keeps_its_database(
    filled: Cluster, restores: Restores, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = SimpleNamespace(time=lambda: 1_900_000_000.0, strftime=time.strftime, gmtime=time.gmtime)
    monkeypatch.setattr(exchange, "time", clock)
    backup = restores.backup()
    kept = [restores.restore(backup)["kept"] for _ in range(2)]
    assert kept == ["shop_before_20300317t174640z", "shop_before_20300317t174641z"]
    assert set(kept) <= set(filled.databases())


def test_a_second_restore_of_the_same_backup_loses_only_what_was_written_since(
    filled: Cluster, restores: Restores
) -> None:
    """Every row of a restored database was written after the backup, by its transaction's number."""
    backup = restores.backup()
    restores.restore(backup)
    filled.sql("INSERT INTO ledger VALUES (7, 7)", "DELETE FROM payments WHERE id = 9", role="owner")
    told = restores.prepare(backup)
    assert told["loss"]["rows"] == {"inserted": 1, "updated": 0, "deleted": 1}


def test_a_kept_proved_copy_is_swapped_in_and_not_restored_once_more(filled: Cluster, restores: Restores) -> None:
    """A database that pg_restore had filled would be another one: it is told by its number."""
    filled.sql("GRANT owner TO prover", database="postgres")
    try:
        backup = restores.backup("before", keep_proof=True)
    finally:
        filled.sql("REVOKE owner FROM prover", database="postgres")
    before, kept = content(filled), warm.of(restores.root / backup)
    assert kept is not None
    number = "SELECT oid FROM pg_database WHERE datname = '{}'"
    copy = filled.sql(number.format(kept["database"]), database="postgres")
    damage(filled)
    assert restores.prepare(backup)["phase"] == "ready"
    assert warm.of(restores.root / backup) is None, "no record promises what is used"
    done = exchange.swap_in(restores.asked(), final=True)
    assert filled.sql(number.format("shop"), database="postgres") == copy
    assert content(filled) == before
    assert done["loss"]["rows"] == {"inserted": 25, "updated": 7, "deleted": 3}
    assert filled.sql("SELECT tableowner FROM pg_tables WHERE tablename = 'payments'") == "owner"
    assert filled.sql("SELECT has_table_privilege('app', 'payments', 'SELECT')") == "t"
    assert filled.sql("SELECT has_database_privilege('prover', 'shop', 'CONNECT')") == "f"
    assert filled.databases() == ["postgres", "shop", done["kept"], "template0", "template1"]
    assert restores.prepare(backup)["phase"] == "ready", "from the dump, for there is no copy any more"


def test_a_named_backup_of_other_code_is_restored_and_told(filled: Cluster, restores: Restores) -> None:
    backup = restores.backup("before")
    told = story.prepare(restores.asked(), backup, RELEASE, Code("b" * 40))
    assert f"backup {backup} was made while {'a' * 12} ran, the code that returns is {'b' * 12}" in told["notes"]
    with pytest.raises(Failure) as caught:
        story.prepare(restores.asked(), "", RELEASE, Code("b" * 40))
    assert "bbbbbbbbbbbb ran" in caught.value.why
    assert filled.sql("SELECT 1") == "1"


def test_a_kept_database_is_dropped_by_the_restore_that_comes_after_its_days(
    filled: Cluster, restores: Restores
) -> None:
    """By its number: neither the live database nor one that has its name by now is meant."""
    backup = restores.backup()
    first, second = restores.restore(backup), restores.restore(backup)
    asked = restores.asked()
    record = next(one for one in records.all_of(asked) if one["id"] == first["id"])
    moments = {**record["moments"], "confirmed": "2026-01-01T00:00:00Z"}
    files.write_json(records.folder_of(asked, record) / records.FILE, {**record, "moments": moments}, 0o600)
    told = restores.prepare(backup)
    assert told["notes"] == [f"database {first['kept']} was kept for 7 days and dropped"]
    assert first["kept"] not in filled.databases()
    assert second["kept"] in filled.databases(), "its days are not over"
    assert [one["kept"] for one in keeping.listed(asked)["restores"] if "kept" in one] == ["", second["kept"]]
    assert filled.sql("SELECT count(*) FROM payments") == "100"


def test_an_extension_comes_back_with_its_table(cluster: Cluster, restores: Restores) -> None:
    cluster.sql("GRANT CREATE ON DATABASE shop TO owner", "CREATE EXTENSION citext")
    cluster.sql("CREATE TABLE person (name citext UNIQUE)", "INSERT INTO person VALUES ('Asha')", role="owner")
    backup = restores.backup()
    cluster.sql("DELETE FROM person", role="owner")
    done = restores.restore(backup)
    assert cluster.sql("SELECT count(*) FROM person WHERE name = 'ASHA'") == "1"
    assert done["loss"]["rows"] == {"inserted": 0, "updated": 0, "deleted": 1}
