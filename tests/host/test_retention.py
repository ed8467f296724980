"""Do failed releases ever cost a good one?"""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible.module_utils.namaskah_host import retention
from ansible.module_utils.namaskah_host.contract import Contract
from ansible.module_utils.namaskah_host.files import point, write_json
from ansible.module_utils.namaskah_host.release import Release, all_of, last_good_before

KEEP = 2


@pytest.fixture
def contract(tmp_path: Path) -> Contract:
    for folder in ("releases", "venvs/v", "shared/assets", "instances"):
        (tmp_path / folder).mkdir(parents=True)
    return Contract(
        {
            "root": str(tmp_path),
            "runtime": str(tmp_path),
            "keep_releases": KEEP,
            "keep_assets_days": 30,
            "static_url": "/static/",
        }
    )


def add(contract: Contract, number: int, state: str, tag: str = "") -> Release:
    release = Release(contract, f"202601{number:02d}T000000Z-{'a' * 12}")
    release.folder.mkdir()
    confirmed = f"2026-01-{number:02d}" if state in ("live", "superseded") else ""
    release.record_file.parent.mkdir(exist_ok=True)
    write_json(release.record_file, {"id": release.id, "state": state, "tag": tag, "venv": "v", "commit": "a" * 40,
                                     "confirmed": confirmed})  # fmt: skip
    (release.folder / ".namaskah").mkdir()
    write_json(release.folder / ".namaskah" / "launch.json", {"services": {}, "venv": str(contract.root / "venvs/v")})
    return release


def left(contract: Contract) -> list[str]:
    return [f"{release.id[6:8]} {release.record['state']}" for release in all_of(contract)]


@pytest.mark.fault("failed deploys in a row", ends="old release")
def test_five_failed_deploys_cost_no_good_release(contract: Contract) -> None:
    good = add(contract, 1, "superseded")
    live = add(contract, 2, "live")
    point(contract.current, f"releases/{live.id}")
    for number in range(3, 12):
        add(contract, number, "bad")
    retention.prune(contract)
    assert left(contract)[:2] == ["01 superseded", "02 live"]
    assert len(left(contract)) == 2 + retention.BAD_KEPT
    before = last_good_before(contract)
    assert before is not None
    assert before.id == good.id


def test_fifty_releases_stay_within_the_kept_number(contract: Contract) -> None:
    for number in range(1, 27):
        live = add(contract, number, "live")
        if number > 1:
            Release(contract, f"202601{number - 1:02d}T000000Z-{'a' * 12}").mark("superseded")
        point(contract.current, f"releases/{live.id}")
        retention.prune(contract)
        # The live one, the good one before it, and the kept ones.
        assert len(left(contract)) <= 2 + KEEP
    assert left(contract)[-1] == "26 live"


def test_what_an_instance_names_stays(contract: Contract) -> None:
    old = add(contract, 1, "bad")
    for number in range(2, 9):
        add(contract, number, "bad")
    point(contract.root / "instances" / "green", f"../releases/{old.id}")
    retention.prune(contract)
    assert "01 bad" in left(contract)


@pytest.mark.fault("unfinished release", ends="cleaned up")
def test_folders_without_record_and_unneeded_virtualenvs_go(contract: Contract) -> None:
    add(contract, 1, "superseded")
    (contract.releases / f"20260102T000000Z-{'b' * 12}").mkdir()
    (contract.root / "venvs" / "unneeded").mkdir()
    dropped = retention.prune(contract)
    assert dropped["unfinished"] == [f"20260102T000000Z-{'b' * 12}"]
    assert dropped["venvs"] == ["unneeded"]
    assert (contract.root / "venvs" / "v").is_dir()


def test_what_runs_stays_also_where_its_record_cannot_be_read(contract: Contract) -> None:
    """Neither the live release nor the packages that it runs may be taken for the rest of a killed build."""
    live, old = add(contract, 1, "live"), add(contract, 2, "superseded")
    point(contract.current, f"releases/{live.id}")
    point(contract.root / "instances" / "blue", f"../releases/{live.id}")
    live.record_file.write_text("")
    old.record_file.unlink()
    (contract.root / "venvs" / "unneeded").mkdir()
    dropped = retention.prune(contract)
    assert (dropped["unfinished"], dropped["venvs"]) == ([old.id], ["unneeded"])
    assert live.folder.is_dir()
    (live.folder / ".namaskah" / "launch.json").unlink()
    assert retention.prune(contract)["venvs"] == [], "nobody can tell what it needs"
    assert (contract.root / "venvs" / "v").is_dir()
