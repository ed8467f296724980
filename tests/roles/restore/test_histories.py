"""Random histories after a backup: does the report of the loss equal the truth, row by row?

The truth is a comparison of every row of both databases, made by the test itself.
"""

# ruff: noqa: S608 - statements are made of this file's own words
from __future__ import annotations

import random
import subprocess
from collections import Counter
from pathlib import Path

import pytest
from ansible.module_utils.namaskah_restore import report
from ansible.module_utils.namaskah_restore.meeting import meet

from tests.roles.backup.postgres import Cluster
from tests.roles.restore.conftest import Restores

TABLES = ("keyed", "pair", "loose")
SHAPE = [
    "CREATE TABLE keyed (id bigint PRIMARY KEY, v text)",
    "CREATE TABLE pair (a int, b text, v numeric, PRIMARY KEY (a, b))",
    "CREATE TABLE loose (v text, n int)",
]
KEYS = {"keyed": 1, "pair": 2, "loose": 0}
FEW, MANY = 4, 46  # histories in `make test`, and further ones in `make soak`


def statement(chance: random.Random) -> str:
    """One statement of a history."""
    n, m = chance.randint(1, 60), chance.randint(1, 9)
    insert = {
        "keyed": f"INSERT INTO keyed SELECT g, 'i{m}' FROM generate_series({n}, {n + m}) g ON CONFLICT DO NOTHING",
        "pair": f"INSERT INTO pair SELECT g, 'i''s {m}', g FROM generate_series({n}, {n + m}) g ON CONFLICT DO NOTHING",
        "loose": f"INSERT INTO loose SELECT 'same', {m} FROM generate_series(1, {m})",
    }
    update = {
        "keyed": f"UPDATE keyed SET v = v || '{m}' WHERE id % 10 = {m % 10}",
        "pair": f"UPDATE pair SET v = v + {m} WHERE a % 7 = {m % 7}",
        "loose": f"UPDATE loose SET n = n + 1 WHERE n = {m}",
    }
    table = chance.choice(TABLES)
    nested = f"SAVEPOINT t; {update[table]}; ROLLBACK TO t"
    kinds = {
        "insert": (insert[table], 8),
        "update": (update[table], 5),
        "nothing changed": (f"UPDATE {table} SET v = v", 1),
        "delete": (f"DELETE FROM {table} WHERE ctid IN (SELECT ctid FROM {table} ORDER BY ctid LIMIT {m})", 4),
        "key changed": ("UPDATE keyed SET id = id + 1000 WHERE id IN (SELECT max(id) FROM keyed)", 2),
        "rolled back": (f"BEGIN; {insert[table]}; {update[table]}; ROLLBACK", 2),
        "savepoint": (f"BEGIN; SAVEPOINT s; {insert[table]}; RELEASE s; {nested}; COMMIT", 3),
        "frozen": (f"VACUUM FREEZE {table}", 2),
        "rewritten": (f"VACUUM FULL {table}", 1),
        "truncated": (f"TRUNCATE {table}", 1),
    }  # fmt: skip
    name = chance.choices(list(kinds), [weight for _, weight in kinds.values()])[0]
    return kinds[name][0]


def rows(cluster: Cluster, database: str, table: str) -> Counter[str]:
    key = {"keyed": "id", "pair": "ROW(a, b)::text", "loose": "''"}[table]
    text = cluster.sql(f"SELECT {key} || '|' || ROW(t.*)::text FROM {table} t", database=database)
    return Counter(text.splitlines())


def truth(cluster: Cluster, live: str, copy: str) -> dict[str, tuple[int, int, int]]:
    """Rows inserted, updated and deleted, by a comparison of everything."""
    found = {}
    for table in TABLES:
        now, before = rows(cluster, live, table), rows(cluster, copy, table)
        if KEYS[table]:
            there, here = (dict(line.split("|", 1) for line in side) for side in (before, now))
            updated = sum(1 for key, row in here.items() if key in there and there[key] != row)
            change = (len(here.keys() - there.keys()), updated, len(there.keys() - here.keys()))
        else:
            change = ((now - before).total(), 0, (before - now).total())
        if any(change):
            found[f"public.{table}"] = change
    return found


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
    backup = restores.backup()
    client.communicate("COMMIT;\n")
    for _ in range(chance.randint(5, 25)):
        run(cluster, statement(chance))
    told = restores.prepare(backup)
    record = restores.root / "restores" / told["id"]
    copy = next(name for name in cluster.databases() if name.endswith("_ref"))
    counted = {
        name: (table["inserted"], table["updated"], table["deleted"]) for name, table in told["loss"]["tables"].items()
    }
    assert counted == truth(cluster, "shop", copy), f"seed {seed}"
    files = {path.name for path in (record / "before").iterdir()}
    assert files == {*told["loss"]["files"], report.FILE}


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
        copy = next(name for name in cluster.databases() if name.endswith("_ref"))
        assert truth(cluster, "shop", copy) == {"public.keyed": (1, 5, 1), "public.loose": (1, 0, 0)}
        assert told["loss"]["rows"] == {"inserted": 2, "updated": 5, "deleted": 1}
        tools, _ = meet(restores.asked())
        assert Path(tools.folder).is_dir()
    finally:
        assert cluster.databases()
