"""Which static files are public, from when on, and until when?"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.namaskah_host import activation, assets, retention, status
from ansible.module_utils.namaskah_host.contract import Contract
from ansible.module_utils.namaskah_host.files import write_json
from ansible.module_utils.namaskah_host.release import Release

from tests.support.contracts import HERE, contract
from tests.support.folder_host import FolderHost

RELEASE = f"20260102T000000Z-{'a' * 12}"


def pool(host: FolderHost) -> set[str]:
    found = assets.files(host.contract.shared / "assets")
    return {os.path.relpath(path, assets.pool_of(host.contract)) for path, _ in found}


def with_files(host: FolderHost, *names: str) -> dict[str, Any]:
    """Prepare a version that has these static files besides its own."""
    for name in names:
        (host.source / "static" / name).parent.mkdir(parents=True, exist_ok=True)
        (host.source / "static" / name).write_text(name)
    return host.prepared()


def published(host: FolderHost, *names: str) -> dict[str, Any]:
    run = with_files(host, *names)
    assets.publish(host.contract, Release(host.contract, run["release"]))
    return run


@pytest.mark.fault("static files of a release that failed", ends="old release")
def test_nothing_is_public_before_it_is_published(host: FolderHost) -> None:
    """A release that is only planned, or that fails before every host is ready, shows nothing."""
    with_files(host, "secret.txt")
    assert pool(host) == set()
    retention.prune(host.contract)
    assert pool(host) == set()


def test_what_is_published_is_no_change_of_the_release(host: FolderHost) -> None:
    run = published(host, "deep/x.txt")
    assert {"deep/x.txt", "app.js"} <= pool(host)
    activation.activate(host.contract, run, 60)
    activation.confirm(host.contract, run)
    assert status.of_host(host.contract)["drift"] == []


def test_a_release_that_failed_before_its_switch_takes_its_files_with_it(host: FolderHost) -> None:
    first = published(host, "common.txt")
    activation.activate(host.contract, first, 60)
    activation.confirm(host.contract, first)
    before = pool(host)
    again = published(host, "common.txt", "secret.txt", "deep/er/secret.txt")
    assert pool(host) > before
    assets.publish(host.contract, Release(host.contract, again["release"]))  # killed half-way, and done again
    kept = activation.recover(host.contract, [], "a test", bad=False, withdraw=False)
    assert (kept["state"], "secret.txt" in pool(host)) == ("nothing", True)
    activation.recover(host.contract, [], "a test", bad=False)
    assert pool(host) == before
    assert not (assets.pool_of(host.contract) / "deep").exists()


@pytest.mark.parametrize("bad", [True, False])
def test_a_release_that_returned_takes_its_files_with_it(host: FolderHost, bad: bool) -> None:
    first = published(host, "common.txt")
    activation.activate(host.contract, first, 60)
    activation.confirm(host.contract, first)
    before = pool(host)
    second = published(host, "secret.txt")
    activation.activate(host.contract, second, 60)
    assert "secret.txt" in pool(host), "its pages ask for it meanwhile"
    activation.recover(host.contract, [], "a test", bad=bad)
    assert pool(host) == before


def test_the_next_run_takes_out_what_a_host_that_returned_by_itself_has_left(host: FolderHost) -> None:
    first, second = published(host, "common.txt"), published(host, "secret.txt")
    Release(host.contract, first["release"]).mark("superseded")
    Release(host.contract, second["release"]).mark("bad")
    retention.prune(host.contract)
    assert "secret.txt" not in pool(host)
    assert {"common.txt", "app.js"} <= pool(host)


def test_what_served_stays_for_old_pages_and_a_damaged_note_stops_nothing(host: FolderHost) -> None:
    first, second, third = (published(host, f"{name}.txt") for name in ("one", "two", "three"))
    for run in (first, second):
        Release(host.contract, run["release"]).mark("superseded")
    (Release(host.contract, third["release"]).folder / ".namaskah" / "published.json").write_text("{")
    assert assets.withdraw(host.contract) == 0
    assert {"one.txt", "two.txt"} <= pool(host)


def test_an_older_release_whose_files_are_elsewhere_is_published_without_them(host: FolderHost) -> None:
    run = with_files(host, "x.txt")
    release = Release(host.contract, run["release"])
    write_json(release.folder / ".namaskah" / "static.json", {"x.txt": "", "gone.txt": ""})
    assert assets.publish(host.contract, release) == []
    assert pool(host) == {"x.txt"}


def test_a_long_name_has_its_place_and_what_a_killed_run_left_goes(tmp_path: Path) -> None:
    """A name that leaves no room for anything beside it ended the run after the migrations."""
    made = Contract(contract(HERE, root=str(tmp_path), static_root="static", static_url="/static/"))
    release = Release(made, RELEASE)
    long = "x" * 250
    left = made.shared / "assets" / assets.NEW
    for folder in (release.folder / "static", release.folder / ".namaskah", left, assets.pool_of(made) / "a"):
        folder.mkdir(parents=True)
    for name in (long, "a", "z"):
        (release.folder / "static" / name).write_text(name)
    write_json(release.folder / ".namaskah" / "static.json", {long: "", "a": "", "z": ""})
    (left / "half").touch()
    assert assets.publish(made, release) == ["a"]
    found = [path for path, _ in assets.files(made.shared / "assets")]
    assert sorted(found) == sorted(str(assets.pool_of(made) / name) for name in (long, "z"))
