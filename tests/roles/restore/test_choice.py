"""Is a backup chosen by the schema that it holds, and is the restored schema looked at before it may be swapped in?"""

from __future__ import annotations

from dataclasses import dataclass
from unittest.mock import patch

import pytest
from ansible.module_utils.namaskah_backups import applied, manifest
from ansible.module_utils.namaskah_host.failure import Failure
from ansible.module_utils.namaskah_restore import records, story
from ansible.module_utils.namaskah_restore.choice import Code

from tests.support.backups.cluster import Cluster
from tests.support.restores import restores as helper
from tests.support.restores.restores import LIVE, RELEASE, Restores

OF_V1 = LIVE["commit"]
KEPT = {"applied_table": "applied_steps", "applied_columns": ["part", "name"]}
V1 = Code(OF_V1, {"known": ["shop.0001", "shop.0002"], "later": ["shop.0003"], "heads": []})


@dataclass
class Story:
    """Backups that were made while the same commit ran, on two schemas."""

    cluster: Cluster
    restores: Restores

    def applied(self, *names: str) -> None:
        """Record these migrations, as a framework does, in a table whose name has to be quoted in part."""
        values = ", ".join(f"('{name}', 'shop')" for name in names)
        self.cluster.sql(f"INSERT INTO steps.applied_steps (name, part) VALUES {values}")  # noqa: S608

    def prepared(self, code: Code, backup: str = "", *allow: str) -> str:
        """The id of the backup that a return to this code would restore."""
        return str(story.prepare(self.restores.asked(allow), backup, RELEASE, code)["backup"])


@pytest.fixture
def two(cluster: Cluster, restores: Restores, monkeypatch: pytest.MonkeyPatch) -> Story:
    monkeypatch.setattr(helper, "CONTRACT", {**helper.CONTRACT, **KEPT})
    cluster.sql(
        "CREATE TABLE payments (id int)",
        "CREATE SCHEMA steps CREATE TABLE applied_steps (id serial, name text, part text)",
        "GRANT USAGE ON SCHEMA steps TO PUBLIC; GRANT SELECT ON steps.applied_steps TO PUBLIC",
        role="owner",
    )
    made = Story(cluster, restores)
    made.applied("0001", "0002", "0000_of_an_app_that_was_removed")
    return made


def proved(two: Story) -> str:
    return two.restores.backup("before")


def test_the_newest_backup_on_the_schema_of_the_code_is_taken(two: Story) -> None:
    """Made while that commit ran, and newer: the one after a failed release that left its migration."""
    right = proved(two)
    two.applied("0003")
    wrong = proved(two)
    assert manifest.require(two.restores.root, wrong).content["database"]["migrations"][-1] == "shop.0003"
    assert two.prepared(V1) == right
    assert two.restores.phases() == ["ready"]


@pytest.mark.fault("backup of another schema", ends="refused")
def test_where_no_backup_has_the_schema_it_is_refused_with_the_difference(two: Story) -> None:
    two.applied("0003")
    wrong = proved(two)
    with pytest.raises(Failure, match=r"ahead by shop\.0003") as refused:
        two.prepared(V1)
    assert refused.value.kind == "refused"
    assert wrong in refused.value.why
    assert "--allow schema-ahead" in refused.value.next_step
    with pytest.raises(Failure, match=r"ahead by shop\.0003"):
        two.prepared(V1, wrong)
    assert records.unfinished(two.restores.asked()) is None
    assert two.prepared(V1, "", "schema-ahead") == wrong


def test_a_backup_from_before_a_migration_of_the_code_is_refused(two: Story) -> None:
    proved(two)
    of_v2 = Code(OF_V1, {"known": ["shop.0001", "shop.0002", "shop.0003"], "later": [], "heads": []})
    with pytest.raises(Failure, match=r"lacks shop\.0003"):
        two.prepared(of_v2)


@pytest.mark.fault("backup of another schema", ends="refused", where="its manifest says nothing")
def test_a_manifest_that_says_nothing_is_judged_by_what_was_restored(two: Story) -> None:
    """As older versions of this tool wrote them."""
    with patch.object(applied, "read", return_value=None):
        unknown = proved(two)
    assert two.prepared(V1) == unknown
    notes = records.all_of(two.restores.asked())[-1]["notes"]
    assert any("is unknown" in note for note in notes)
    two.applied("0003")
    with patch.object(applied, "read", return_value=None):
        proved(two)
    with pytest.raises(Failure, match=r"restored database does not fit.*ahead by shop\.0003"):
        two.prepared(V1)
    assert records.unfinished(two.restores.asked()) is None


@pytest.mark.parametrize(
    ("found", "code", "misfit"),
    [
        (["c3"], {"known": ["a1", "b2"], "later": ["c3"], "heads": ["b2"]}, "ahead by c3"),
        (["b2"], {"known": ["a1", "b2"], "later": ["c3"], "heads": ["b2"]}, ""),
        (["a1"], {"known": ["a1", "b2"], "later": [], "heads": ["b2"]}, "lacks b2"),
        (["b2"], {"known": ["a1", "c2", "b2"], "later": [], "heads": ["c2", "b2"]}, "lacks c2"),
        (["b2", "c2"], {"known": ["a1", "c2", "b2"], "later": [], "heads": ["c2", "b2"]}, ""),
        ([], {"known": ["a1"], "later": [], "heads": []}, "lacks a1"),
        (["gone", "a1"], {"known": ["a1"], "later": [], "heads": []}, ""),
        (["a1"], {}, None),
        (None, {"known": ["a1"], "later": [], "heads": []}, None),
    ],
)
def test_what_fits(found: list[str] | None, code: dict[str, object], misfit: str | None) -> None:
    said = applied.misfit(found, code)
    assert said == misfit if not misfit else misfit in str(said)
