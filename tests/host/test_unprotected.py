"""Are shared paths named that no backup holds, and is a release's schema known by what its host keeps of it?"""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible.module_utils.namaskah_host import forecast
from ansible.module_utils.namaskah_host.contract import Contract
from ansible.module_utils.namaskah_host.files import write_json
from ansible.module_utils.namaskah_schema import records

from tests.support.contracts import contract


@pytest.mark.parametrize(
    ("archived", "left"),
    [
        ([], ["media", "uploads/private"]),
        (["shared/media"], ["uploads/private"]),
        (["shared/uploads", "shared/media/"], []),
        (["shared"], []),
        (["shared/media/thumbs"], ["media", "uploads/private"]),
        (["linked"], ["uploads/private"]),
    ],
)
def test_what_no_backup_holds_is_named(tmp_path: Path, archived: list[str], left: list[str]) -> None:
    (tmp_path / "shared" / "media").mkdir(parents=True)
    (tmp_path / "linked").symlink_to("shared/media")
    made = Contract(contract(root=str(tmp_path), shared_paths=["media", "uploads/private"]))
    assert forecast.unprotected(made, [str(tmp_path / name) for name in archived]) == left


def test_later_migrations_are_those_of_releases_after_the_first_of_the_commit(tmp_path: Path) -> None:
    """A squashed one, which the code no longer has, came before; one of a release that was returned came after."""
    made = Contract(contract(root=str(tmp_path), applied_heads=False))
    kept = {
        "20260101T000000Z-a": {"commit": "a", "tag": "", "known": ["1", "2"], "applied": [], "reviewed": []},
        "20260102T000000Z-b": {"commit": "b", "tag": "v1", "known": ["1_to_2", "3"], "applied": [], "reviewed": []},
        "20260103T000000Z-c": {"commit": "c", "tag": "", "known": ["1_to_2", "3", "4"], "applied": [], "reviewed": []},
        "20260104T000000Z-b": {"commit": "b", "tag": "v1", "known": ["1_to_2", "3"], "applied": [], "reviewed": []},
    }
    write_json(records.file_of(made), kept)
    found = records.code_of(made, "b", ["1_to_2", "3"])
    assert found == {"known": ["1_to_2", "3"], "later": ["4"], "heads": []}
    assert records.code_of(made, "b", []) == {}
    assert records.code_of(made, "unknown", ["1"])["later"] == ["1_to_2", "2", "3", "4"]
