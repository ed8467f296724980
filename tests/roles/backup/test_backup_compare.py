"""Does the proof see every way in which a restored copy can differ? Each difference is made in a real database."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.namaskah_backups import catalogue, fingerprint, settings, tools
from ansible.module_utils.namaskah_backups.session import Session

from tests.roles.backup.conftest import CONTRACT, SCHEMA, Backups
from tests.roles.backup.postgres import Cluster

CHANGES = {
    "a value": "UPDATE child SET c = 7 WHERE a = 1",
    "two values swapped": "UPDATE child SET a = CASE a WHEN 1 THEN 4 ELSE 1 END",
    "a row twice": "INSERT INTO child SELECT * FROM child LIMIT 1",
    "a row less": "DELETE FROM child WHERE ctid = (SELECT min(ctid) FROM child)",
    "a null": 'UPDATE sales."Payment\'s" SET photo = NULL WHERE id = 3',
    "the last digit of a float": 'UPDATE sales."Payment\'s" SET rate = rate + 1e-16 WHERE id = 1',
    "a partition's row": "DELETE FROM log_2026 WHERE line = 'x'",
    "a sequence": "SELECT setval('sales.\"Payment''s_id_seq\"', 1)",
    "an index": "DROP INDEX child_twice_idx",
    "a constraint": 'ALTER TABLE sales."Payment\'s" DROP CONSTRAINT "Payment\'s_amount_check"',
    "a constraint's validity": "ALTER TABLE child ADD CHECK (a > 0) NOT VALID",
    "a view": "DROP VIEW paid",
    "a function": "CREATE FUNCTION twice(n bigint) RETURNS bigint LANGUAGE sql AS 'SELECT n * 2'",
    "a trigger": "CREATE TRIGGER t BEFORE UPDATE ON child EXECUTE FUNCTION suppress_redundant_updates_trigger()",
    "a table": "CREATE TABLE further (a int)",
    "a schema": "CREATE SCHEMA further",
    "a type": "CREATE TYPE mood AS ENUM ('ok')",
    "a policy": "CREATE POLICY p ON child USING (true)",
    "an extension": "CREATE EXTENSION pg_trgm",
    "a large object": "SELECT lo_from_bytea(0, 'content')",
}


class Looker:
    """Takes the fingerprint of a database of the cluster with all rights."""

    def __init__(self, cluster: Cluster, folder: Path) -> None:
        service = folder / "service.conf"
        service.write_text(f"[look]\nhost={cluster.folder}\nuser=admin\ndbname=shop\n")
        defaults = {name: option.get("default", "") for name, option in settings.ARGUMENTS.items()}
        asked = {**defaults, "root": str(folder), "service": "look", "service_file": str(service)}
        self.settings = settings.read(CONTRACT, {}, {}, asked)
        self.tools = tools.candidates(self.settings)[0]

    def __call__(self) -> dict[str, Any]:
        with Session(self.tools, self.settings, "look") as session:
            relations = catalogue.relations(session)
            found = fingerprint.take(session, relations)
            stands = fingerprint.sequences(session, relations)
        return {**found, "stands": stands}


@pytest.fixture
def look(filled: Cluster, tmp_path: Path) -> Looker:
    assert len(SCHEMA) > 10
    return Looker(filled, tmp_path)


def differences(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    wanted = {**before, "sequences": {name: [stand, stand] for name, stand in before["stands"].items()}}
    return fingerprint.differences(wanted, after)


def test_every_change_is_seen(cluster: Cluster, look: Looker) -> None:
    assert differences(look(), look()) == []
    missed = []
    for name, statement in CHANGES.items():
        before = look()
        cluster.sql(statement)
        if not differences(before, look()):
            missed.append(name)
    assert missed == []


def test_other_order_of_columns_and_rows_is_no_difference(cluster: Cluster, look: Looker) -> None:
    """A restore of inherited tables puts the parent's columns first, and rows come in any order."""
    before = look()
    cluster.sql(
        "CREATE TABLE keep AS SELECT * FROM ONLY child",
        "DROP TABLE child",
        "CREATE TABLE child (b int) INHERITS (parent)",
        "CREATE INDEX child_twice_idx ON child (twice(b))",
        "INSERT INTO child (a, b, c) SELECT a, b, c FROM keep ORDER BY a DESC",
        "DROP TABLE keep",
    )
    assert differences(before, look()) == []


def test_fingerprint_does_not_depend_on_the_sessions_habits(cluster: Cluster, look: Looker) -> None:
    before = look()
    habits = [
        "datestyle = 'German'",
        "timezone = 'Asia/Kolkata'",
        "extra_float_digits = 0",
        "intervalstyle = 'postgres'",
        "bytea_output = 'escape'",
        "statement_timeout = '1ms'",
    ]
    for habit in habits:
        cluster.sql(f"ALTER DATABASE shop SET {habit}")
    assert differences(before, look()) == []


def test_invalid_index_is_seen_and_not_expected_back(cluster: Cluster, look: Looker, backups: Backups) -> None:
    cluster.sql("INSERT INTO child VALUES (1, 2, 3)")
    with pytest.raises(AssertionError, match="could not create unique index"):
        cluster.sql("CREATE UNIQUE INDEX CONCURRENTLY broken ON child (a)")
    assert look()["objects"]["invalid index"] == ["public.broken"]
    assert backups.make()["invalid_indexes"] == ["public.broken"]


@pytest.mark.parametrize(("low", "high", "stand", "fits"), [
    ([5, True, 1, False], [9, True, 1, False], [7, True, 1, False], True),
    ([5, True, 1, False], [9, True, 1, False], [4, True, 1, False], False),
    ([5, True, 1, False], [9, True, 1, False], [10, True, 1, False], False),
    ([5, True, 1, False], [5, True, 1, False], [5, False, 1, False], False),
    ([-5, True, -1, False], [-9, True, -1, False], [-7, True, -1, False], True),
    ([-5, True, -1, False], [-9, True, -1, False], [-4, True, -1, False], False),
    ([9, True, 1, True], [2, True, 1, True], [10, True, 1, True], True),
])  # fmt: skip
def test_sequence_may_stand_where_the_dump_can_have_seen_it(
    low: list[Any], high: list[Any], stand: list[Any], *, fits: bool
) -> None:
    assert fingerprint._is_between(low, high, stand) is fits
