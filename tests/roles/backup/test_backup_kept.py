"""Is the proved copy kept as a whole database, only one, known by its record, and gone with its backup?"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.backups.backups import TASK, Backups
from tests.support.backups.cluster import Cluster

OWN = ["postgres", "shop", "template0", "template1"]


@pytest.fixture
def member(filled: Cluster) -> Iterator[Cluster]:
    """The cluster whose prover may act for the owner: only so can it give tables back to him."""
    filled.sql("GRANT owner TO prover")
    yield filled
    filled.sql("REVOKE owner FROM prover")


def warm(made: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((Path(made["path"]) / "warm.json").read_text())["record"]
    return found


def test_kept_copy_is_the_database_with_owners_and_rights(member: Cluster, backups: Backups) -> None:
    made = backups.make(keep_proof=True)
    kept = warm(made)
    assert made["warm"] == kept["database"]
    assert kept["owners"] is True
    assert kept["manifest_sha256"] == made["manifest_sha256"]
    assert backups.left()[1] == sorted([*OWN, kept["database"]])
    owners = (
        "SELECT DISTINCT pg_get_userbyid(relowner) FROM pg_class WHERE relname IN ('child', 'Payment''s', 'person')"
    )
    assert member.sql(owners, database=kept["database"]) == "owner"
    assert member.sql("SELECT has_table_privilege('app', 'person', 'SELECT')", database=kept["database"]) == "t"
    owner = f"SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = '{kept['database']}'"  # noqa: S608 - the name is ours
    assert member.sql(owner, database="postgres") == "owner"
    connect = f"SELECT has_database_privilege('app', '{kept['database']}', 'CONNECT')"
    assert member.sql(connect, database="postgres") == "f", "strangers could enter the copy"
    assert "moments" in made["rollback"]


def test_copy_without_owners_is_no_promise_of_a_quick_rollback(filled: Cluster, backups: Backups) -> None:
    assert filled.databases() == OWN
    made = backups.make(keep_proof=True)
    assert warm(made)["owners"] is False
    assert "moments" not in made["rollback"]
    assert any("member of its owners" in note for note in made["notes"])


def test_newer_copy_supersedes_the_older_one(member: Cluster, backups: Backups) -> None:
    first = backups.make(keep_proof=True)
    member.sql("INSERT INTO person VALUES ('Third')")
    second = backups.make(keep_proof=True)
    assert not (Path(first["path"]) / "warm.json").exists()
    assert backups.left()[1] == sorted([*OWN, second["warm"]])
    assert member.sql("SELECT count(*) FROM person", database=second["warm"]) == "3"
    listed = backups.listing().result(TASK)["backups"]
    assert [entry["marks"] for entry in listed] == [[], ["warm"]]


def test_a_backup_that_keeps_none_leaves_the_older_copy(member: Cluster, backups: Backups) -> None:
    first = backups.make(keep_proof=True)
    backups.make()
    assert backups.left()[1] == sorted([*OWN, first["warm"]])
    assert member.sql("SELECT count(*) FROM person", database=first["warm"]) == "2"


def test_copy_that_no_record_names_is_swept(member: Cluster, backups: Backups) -> None:
    """As after a kill between the copy's last name and its record."""
    made = backups.make(keep_proof=True)
    (Path(made["path"]) / "warm.json").unlink()
    assert made["warm"] in member.databases()
    again = backups.make()
    assert made["warm"] not in member.databases()
    assert any(made["warm"] in note for note in again["notes"])


def test_failure_after_the_proof_leaves_no_copy(member: Cluster, backups: Backups, small_disk: Path) -> None:
    """The disk takes the dump, which is proved and whose copy is kept, and then the manifest no more."""
    filler, block = small_disk / "filler", os.statvfs(small_disk).f_bsize
    seen = []
    for left in range(4, 24):
        filler.write_bytes(b"x" * (os.statvfs(small_disk).f_bavail - left) * block)
        played = backups.play(keep_proof=True, space_margin=0)
        if played.status == 0:
            made = played.result(TASK)
            assert (made["warm"] != "") is (Path(made["path"], "warm.json").exists())
            assert made["warm"] or any("was not kept" in note for note in made["notes"])
            break
        seen.append(played.failure()["what"])
        assert backups.left() == (["filler"], OWN)
        filler.unlink()
    assert "The backup cannot be written or read" in seen, seen
    assert [name for name in member.databases() if name not in OWN] == [made["warm"]] * bool(made["warm"])


def test_later_proof_keeps_its_copy_as_well(member: Cluster, backups: Backups) -> None:
    member.sql("CREATE TABLE large AS SELECT g, repeat(md5(g::text), 20) AS t FROM generate_series(1, 120000) g")
    member.sql("ALTER TABLE large OWNER TO owner")
    pending = backups.make(proof="after", keep_proof=True)
    assert pending["proof"] == "pending"
    assert pending["warm"] == ""
    proved = backups.play(state="proved", backup_id=pending["id"], keep_proof=True).result(TASK)
    assert proved["warm"] in member.databases()
    assert member.sql("SELECT count(*) FROM large", database=proved["warm"]) == "120000"


def test_forecast_warns_above_its_limit(filled: Cluster, backups: Backups) -> None:
    assert filled.databases() == OWN
    assert backups.make(rollback_limit=300)["warnings"] == []
    made = backups.make(rollback_limit=0)
    (warning,) = made["warnings"]
    assert "backup_rollback_limit" in warning
    assert "restored in" in made["rollback"]
