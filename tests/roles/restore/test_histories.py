"""Random histories after a backup: does the report of the loss equal the truth, row by row?

The truth is a comparison of every row of both databases, made by the test itself.
"""

# ruff: noqa: S608 - statements are made of this file's own words
from __future__ import annotations

import csv
import json
import random
import subprocess
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.namaskah_restore import exchange, report
from ansible.module_utils.namaskah_restore.meeting import meet

from tests.support.backups.cluster import Cluster
from tests.support.restores.restores import Restores

SHAPE = [
    "CREATE TABLE keyed (id bigint PRIMARY KEY, v text)",
    "CREATE TABLE pair (a int, b text, v numeric, PRIMARY KEY (a, b))",
    "CREATE TABLE pair_before (LIKE pair INCLUDING ALL)",
    "CREATE TABLE loose (v text, n int)",
    "CREATE TABLE loose_before (LIKE loose)",
    "CREATE TABLE child (id int PRIMARY KEY, v text, keyed bigint)",
    "ALTER TABLE child ADD FOREIGN KEY (keyed) REFERENCES keyed ON DELETE CASCADE ON UPDATE CASCADE",
    "CREATE TABLE part (id int, at int, v text, PRIMARY KEY (id, at)) PARTITION BY RANGE (at)",
    "CREATE TABLE part_a PARTITION OF part FOR VALUES FROM (0) TO (30)",
    "CREATE TABLE part_b PARTITION OF part FOR VALUES FROM (30) TO (60)",
    "INSERT INTO pair_before SELECT g, 'i''s 3', g FROM generate_series(1, 40) g",
    "INSERT INTO loose_before SELECT 'same', g % 3 FROM generate_series(1, 20) g",
]
FEW, MANY = 4, 46  # histories in `make test`, and further ones in `make soak`
REATTACH = (
    "ALTER TABLE part DETACH PARTITION part_b; ALTER TABLE part ATTACH PARTITION part_b FOR VALUES FROM (30) TO (60)"
)
PART_C = "CREATE TABLE IF NOT EXISTS part_c PARTITION OF part FOR VALUES FROM (60) TO (99)"


def names_swapped(table: str) -> str:
    """A table gives its name to another one, none of whose rows is written."""
    return (
        f"ALTER TABLE {table} RENAME TO x; ALTER TABLE {table}_before RENAME TO {table};"
        f" ALTER TABLE x RENAME TO {table}_before"
    )


def statement(chance: random.Random) -> str:
    """One statement of a history."""
    n, m = chance.randint(1, 60), chance.randint(1, 9)
    series = f"generate_series({n}, {n + m}) g ON CONFLICT DO NOTHING"
    insert = {
        "keyed": f"INSERT INTO keyed (id, v) SELECT g, 'i{m}' FROM {series}",
        "pair": f"INSERT INTO pair SELECT g, 'i''s {m}', g FROM {series}",
        "loose": f"INSERT INTO loose SELECT 'same', {m} FROM generate_series(1, {m})",
        "child": f"INSERT INTO child SELECT g, 'c{m}', (SELECT min(id) FROM keyed) FROM {series}",
        "part": f"INSERT INTO part SELECT g, g % 60, 'p{m}' FROM {series}",
    }
    update = {
        "keyed": f"UPDATE keyed SET v = v || '{m}' WHERE id % 10 = {m % 10}",
        "pair": f"UPDATE pair SET v = v + {m} WHERE a % 7 = {m % 7}",
        "loose": f"UPDATE loose SET n = n + 1 WHERE n = {m}",
        "child": f"UPDATE child SET v = v || '{m}' WHERE id % 5 = {m % 5}",
        "part": f"UPDATE part SET v = v || '{m}' WHERE id % 5 = {m % 5}",
    }
    table = chance.choice(list(insert))
    added = (
        f"ALTER TABLE {table} ADD COLUMN IF NOT EXISTS extra int; UPDATE {table} SET extra = {m} WHERE v LIKE '%{m}'"
    )
    moved = f"SELECT id FROM part WHERE at = 59 - {n % 60}"
    later = f"CREATE TABLE IF NOT EXISTS later (id int PRIMARY KEY); INSERT INTO later SELECT * FROM {series}"
    nested = f"SAVEPOINT t; {update[table]}; ROLLBACK TO t"
    few = f"SELECT ctid FROM {table} ORDER BY ctid LIMIT {m}"
    oldest = "SELECT min(oid) FROM pg_largeobject_metadata"
    kinds = {
        "insert": (insert[table], 10),
        "update": (update[table], 7),
        "nothing changed": (f"UPDATE {table} SET v = v", 1),
        "delete": (f"DELETE FROM {table} WHERE (tableoid, ctid) IN ({few.replace('ctid', 'tableoid, ctid', 1)})", 5),
        "key changed": ("UPDATE keyed SET id = id + 1000 WHERE id IN (SELECT max(id) FROM keyed)", 2),
        "rolled back": (f"BEGIN; {insert[table]}; {update[table]}; ROLLBACK", 2),
        "savepoint": (f"BEGIN; SAVEPOINT s; {insert[table]}; RELEASE s; {nested}; COMMIT", 3),
        "frozen": (f"VACUUM FREEZE {table}", 2),
        "rewritten": (f"VACUUM FULL {table}", 1),
        "truncated": (f"TRUNCATE {table} CASCADE", 1),
        "other partition": (f"UPDATE part SET at = 59 - at WHERE at = {n % 60} AND id NOT IN ({moved})", 2),
        "new partition": (f"{PART_C}; INSERT INTO part SELECT g, 60 + g % 30, 'c' FROM {series}", 1),
        "attached anew": (REATTACH, 1),
        "column added": (added if table != "pair" else update[table], 1),
        "column anew": (f"ALTER TABLE keyed DROP COLUMN v; ALTER TABLE keyed ADD COLUMN v text DEFAULT 'again {m}'", 1),
        "type": ("ALTER TABLE pair ALTER v TYPE numeric(20, 2)", 1),
        "table added": (later, 1),
        "table dropped": ("DROP TABLE IF EXISTS later", 1),
        "names swapped": (names_swapped(chance.choice(["pair", "loose"])), 2),
        "large object made": (f"SELECT lo_from_bytea(0, 'large {m}')", 2),
        "large object changed": (f"SELECT lo_put(oid, 0, 'L{m}') FROM ({oldest}) AS found (oid) WHERE oid > 0", 1),
        "large object gone": (f"SELECT lo_unlink(oid) FROM ({oldest}) AS found (oid) WHERE oid > 0", 1),
    }  # fmt: skip
    name = chance.choices(list(kinds), [weight for _, weight in kinds.values()])[0]
    return kinds[name][0]


TABLES = """SELECT json_object_agg(c.oid::regclass, coalesce((SELECT json_agg(a.attname) FROM pg_index i
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = ANY (i.indkey)
    WHERE i.indrelid = c.oid AND i.indisprimary), '[]'))
    FROM pg_class c WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace"""
COLUMNS = (
    "SELECT json_agg(attname) FROM pg_attribute WHERE attrelid = '{}'::regclass AND attnum > 0 AND NOT attisdropped"
)
LARGE = "SELECT oid, lo_get(oid) FROM pg_largeobject_metadata"
Row = dict[str, str | None]


@dataclass
class Table:
    """All rows of a table; `key` and `columns` are names."""

    key: list[str]
    columns: list[str]
    rows: list[Row]


def read(cluster: Cluster, database: str) -> dict[str, Table]:
    """Everything that is in a database, as text; large objects are one more table."""
    found = {}
    for name, key in json.loads(cluster.sql(TABLES, database=database)).items():
        columns = json.loads(cluster.sql(COLUMNS.format(name), database=database))
        text = cluster.sql(f"COPY (SELECT * FROM ONLY {name}) TO STDOUT (FORMAT csv, HEADER)", database=database)
        found[f"public.{name}"] = Table(key, columns, csv_rows(text))
    text = cluster.sql(f"COPY ({LARGE}) TO STDOUT (FORMAT csv, HEADER)", database=database)
    found["large objects"] = Table(["oid"], ["oid", "lo_get"], csv_rows(text))
    return found


def csv_rows(text: str) -> list[Row]:
    """Rows of a CSV file; an empty field is NULL, for no history writes an empty text."""
    return [{name: value or None for name, value in row.items()} for row in csv.DictReader(text.splitlines())]


def bag(rows: Iterable[Row], columns: Iterable[str]) -> Counter[tuple[str | None, ...]]:
    """How often each row is there, by these columns."""
    names = sorted(columns)
    return Counter(tuple(row[name] for name in names) for row in rows)


@dataclass
class Change:
    """The rows that a restore loses, and how many come back."""

    inserted: list[Row]
    updated: list[Row]
    deleted: int


def change(now: Table | None, before: Table | None) -> Change:
    """What became of a table, by a comparison of everything."""
    if now is None:
        return Change([], [], len(before.rows) if before else 0)
    if before is None:
        return Change(now.rows, [], 0)
    common = set(now.columns) & set(before.columns)
    new = set(now.columns) - common
    if now.key and now.key == before.key:
        there = {tuple(row[name] for name in now.key): row for row in before.rows}
        here = {tuple(row[name] for name in now.key): row for row in now.rows}
        updated = [
            row for key, row in here.items() if key in there
            and (any(row[name] != there[key][name] for name in common) or any(row[name] is not None for name in new))
        ]  # fmt: skip
        return Change([row for key, row in here.items() if key not in there], updated, len(there.keys() - here.keys()))
    more = bag(now.rows, common) - bag(before.rows, common)
    return Change(
        [dict(zip(sorted(common), values, strict=True)) for values in more.elements()],
        [],
        (bag(before.rows, common) - bag(now.rows, common)).total(),
    )


def truth(now: dict[str, Table], before: dict[str, Table]) -> dict[str, Change]:
    """What a restore loses and brings back, table by table."""
    found = {name: change(now.get(name), before.get(name)) for name in {*now, *before}}
    return {name: one for name, one in found.items() if one.inserted or one.updated or one.deleted}


def counted(told: dict[str, Any]) -> dict[str, tuple[int, int, int]]:
    return {name: (one["inserted"], one["updated"], one["deleted"]) for name, one in told["tables"].items()}


def numbers(changes: dict[str, Change]) -> dict[str, tuple[int, int, int]]:
    return {name: (len(one.inserted), len(one.updated), one.deleted) for name, one in changes.items()}


def check_files(folder: Path, told: dict[str, Any], changes: dict[str, Change]) -> None:
    """The files hold the very rows that are lost, and the keys of those that come back."""
    assert {path.name for path in folder.iterdir()} == {*told["files"], report.FILE}
    for name, one in changes.items():
        for kind, rows in (("inserted", one.inserted), ("updated", one.updated)):
            path = folder / f"{name.replace(' ', '_')}.{kind}.csv"
            if not rows:
                assert not path.exists()
                continue
            written = csv_rows(path.read_text())
            if name == "large objects":
                assert {(row["oid"], row["data"]) for row in written} == {(row["oid"], row["lo_get"]) for row in rows}
            else:
                assert bag(written, rows[0]) == bag(rows, rows[0]), path.name
        keys = folder / f"{name.replace(' ', '_')}.deleted.csv"
        assert (len(keys.read_text().splitlines()) - 1 if keys.exists() else 0) == one.deleted


GRANT_LARGE = """DO $$ DECLARE o oid; BEGIN FOR o IN SELECT oid FROM pg_largeobject_metadata LOOP
    EXECUTE format('GRANT SELECT ON LARGE OBJECT %s TO reader', o); END LOOP; END $$"""


def begin(cluster: Cluster) -> subprocess.Popen[str]:
    """A transaction that is open while the backup is made, and writes in a subtransaction before it."""
    words = [str(cluster.binaries / "psql"), "-XqAt", "-h", str(cluster.folder), "-U", "owner", "-d", "shop"]
    client = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert client.stdin is not None
    assert client.stdout is not None
    client.stdin.write("BEGIN; INSERT INTO loose VALUES ('open', 0); SAVEPOINT s;"
                       " INSERT INTO keyed VALUES (5000, 'sub'); RELEASE s;\nSELECT 'ready';\n")  # fmt: skip
    client.stdin.flush()
    assert client.stdout.readline() == "ready\n"
    return client


def history(cluster: Cluster, restores: Restores, seed: int) -> None:
    """One history: rows, a backup beside an open transaction, statements, and the report against the truth."""
    chance = random.Random(seed)  # noqa: S311 - histories, not secrets
    cluster.sql(*SHAPE, role="owner")
    for _ in range(8):
        run(cluster, statement(chance))
    client = begin(cluster)
    cluster.sql("INSERT INTO pair VALUES (-1, 'later than the open one', 0)", role="owner")
    cluster.sql(GRANT_LARGE)
    backup = restores.backup()
    client.communicate("COMMIT;\n")
    for _ in range(chance.randint(5, 25)):
        run(cluster, statement(chance))
    told = restores.prepare(backup)
    for _ in range(chance.randint(0, 5)):
        run(cluster, statement(chance))
    swapped = exchange.swap_in(restores.asked(), final=True)
    assert swapped["notes"] == [], "the report is the one of after the swap"
    cluster.sql(f"ALTER DATABASE {swapped['kept']} ALLOW_CONNECTIONS true", database="postgres")
    now, before = read(cluster, swapped["kept"]), read(cluster, "shop")
    changes = truth(now, before)
    assert counted(swapped["loss"]) == numbers(changes), f"seed {seed}"
    check_files(restores.root / "restores" / told["id"] / "lost", swapped["loss"], changes)


def run(cluster: Cluster, text: str) -> None:
    """Statements in one session: a transaction has to stay one."""
    words = [str(cluster.binaries / "psql"), "-Xq", "-v", "ON_ERROR_STOP=1", "-h", str(cluster.folder), "-U", "owner"]
    done = subprocess.run([*words, "-d", "shop"], input=f"{text};\n", capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "seed", [*range(FEW), *(pytest.param(n, marks=pytest.mark.soak) for n in range(FEW, MANY + FEW))]
)
def test_report_equals_the_truth(cluster: Cluster, restores: Restores, seed: int) -> None:
    history(cluster, restores, seed)


def test_transaction_numbers_that_have_wrapped_change_nothing(cluster: Cluster, restores: Restores) -> None:
    """Rows of an earlier epoch, frozen, whose numbers are those of new transactions."""
    cluster.sql(*SHAPE, "INSERT INTO keyed SELECT g, 'old' FROM generate_series(1, 50) g",
                "INSERT INTO loose SELECT 'old', g FROM generate_series(1, 50) g", role="owner")  # fmt: skip
    for name in ("shop", "postgres", "template1"):
        cluster.sql("VACUUM FREEZE", database=name)
    number = int(cluster.sql("SELECT xmin FROM keyed LIMIT 1"))
    cluster.stop()
    # The next transaction has a number just below that of the old rows, one epoch later.
    cluster.run("pg_resetwal", "-f", "-e", "1", "-x", str(number - 40), str(cluster.data))
    cluster.start()
    try:
        backup = restores.backup()
        for text in ("UPDATE keyed SET v = 'new' WHERE id <= 5", "INSERT INTO keyed VALUES (99, 'new')",
                     "DELETE FROM keyed WHERE id = 7", "INSERT INTO loose VALUES ('old', 1)"):  # fmt: skip
            run(cluster, text)
        told = restores.prepare(backup)
        copy = next(name for name in cluster.databases() if name.startswith("namaskah_ref_"))
        changes = truth(read(cluster, "shop"), read(cluster, copy))
        assert numbers(changes) == {"public.keyed": (1, 5, 1), "public.loose": (1, 0, 0)}
        assert told["loss"]["rows"] == {"inserted": 2, "updated": 5, "deleted": 1}
        tools, _ = meet(restores.asked())
        assert Path(tools.folder).is_dir()
    finally:
        assert cluster.databases()


def test_what_is_altered_without_a_row_being_written_is_reported(cluster: Cluster, restores: Restores) -> None:
    """A label renamed, a column made anew, a schema's name given to another one: no row has a new number."""
    cluster.sql(
        "CREATE TYPE state AS ENUM ('new', 'paid')",
        "CREATE TABLE labelled (id int PRIMARY KEY, state state)",
        "INSERT INTO labelled VALUES (1, 'new'), (2, 'paid')",
        "CREATE TABLE anew (id int PRIMARY KEY, v text)",
        "INSERT INTO anew VALUES (1, 'first'), (2, 'second')",
        "CREATE TABLE further (id int PRIMARY KEY, v text)",
        "INSERT INTO further VALUES (1, 'first'), (2, 'second')",
        role="owner",
    )
    for schema, row in (("one", "(1, 'one')"), ("two", "(1, 'two')")):
        cluster.sql(f"CREATE SCHEMA {schema} AUTHORIZATION owner")
        cluster.sql(f"CREATE TABLE {schema}.t (id int PRIMARY KEY, v text)", f"INSERT INTO {schema}.t VALUES {row}",
                    role="owner")  # fmt: skip
    backup = restores.backup()
    cluster.sql(
        "ALTER TYPE state RENAME VALUE 'new' TO 'open'",
        "ALTER TABLE anew DROP COLUMN v, ADD COLUMN v text DEFAULT 'same'",
        "ALTER TABLE further ADD COLUMN added bool NOT NULL DEFAULT true",
        "UPDATE further SET v = 'second' WHERE id = 2",
        role="owner",
    )
    cluster.sql("ALTER SCHEMA one RENAME TO x", "ALTER SCHEMA two RENAME TO one", "ALTER SCHEMA x RENAME TO two")
    told = restores.prepare(backup)
    assert counted(told["loss"]) == {
        "public.labelled": (0, 1, 0),
        "public.anew": (0, 2, 0),
        "public.further": (0, 1, 0),  # the written row; nobody wrote the other one's new column
        "one.t": (0, 1, 0),
        "two.t": (0, 1, 0),
    }
