"""Does one bad folder of a release, or a repository with names of the tool's own, cost more than itself?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.namaskah_host import activation, status, switch
from ansible.module_utils.namaskah_host.assets import fill, publish
from ansible.module_utils.namaskah_host.build import Build
from ansible.module_utils.namaskah_host.failure import Failure
from ansible.module_utils.namaskah_host.files import write_json
from ansible.module_utils.namaskah_host.release import Release, all_of, last_good_before, of_commit

from tests.support.folder_host import FolderHost
from tests.support.waiting import until

FORGED = {"state": "superseded", "confirmed": "9999", "venv": "v", "tag": "v9.9.9", "commit": "f" * 40}


def with_file(host: FolderHost, name: str, text: str) -> dict[str, Any]:
    """Commit a further file; return the run of the commit."""
    (host.source / name).parent.mkdir(exist_ok=True)
    (host.source / name).write_text(text)
    return host.run(host.commit("good"))


@pytest.mark.parametrize("name", [".namaskah/launch.json", "run/me"])
def test_a_repository_with_our_names_is_refused_before_its_build(host: FolderHost, name: str) -> None:
    run = with_file(host, name, json.dumps(FORGED))
    with pytest.raises(Failure, match=name.partition("/")[0]) as caught:
        Build(host.contract, run).prepare()
    assert caught.value.kind == "refused"
    assert "export-ignore" in caught.value.next_step
    assert not (host.contract.releases / run["release"]).exists()


def test_a_committed_record_is_a_file_like_others(host: FolderHost) -> None:
    """An earlier version kept a release's record there; of a commit it says nothing, and it stays as it is."""
    run = with_file(host, ".release.json", json.dumps({**FORGED, "id": "20260201T000000Z-ffffffffffff"}))
    Build(host.contract, run).prepare()
    release = Release(host.contract, run["release"])
    assert (release.record["state"], release.record["commit"]) == ("prepared", run["commit"])
    assert json.loads((release.folder / ".release.json").read_text())["commit"] == FORGED["commit"]
    assert of_commit(host.contract, FORGED["commit"]) is None


def test_what_is_kept_out_of_the_export_is_no_reason(host: FolderHost) -> None:
    (host.source / ".gitattributes").write_text("run export-ignore\n")
    run = with_file(host, "run/me", "a tool of the developers")
    assert Build(host.contract, run).prepare()["release"] == run["release"]


def test_bad_folders_are_no_releases_and_stop_nothing(host: FolderHost) -> None:
    first, second = host.prepared(), host.prepared()
    for run in (first, second):
        activation.activate(host.contract, run, 60)
        activation.confirm(host.contract, run)
        until(lambda: switch.read(host.contract) is None, "the end of the switch")
    names = [f"2026020{number}T000000Z-{'f' * 12}" for number in range(1, 6)]
    forged, cut, strange, foreign, unbuilt = (host.contract.releases / name for name in names)

    def record_of(folder: Path) -> Path:
        return Release(host.contract, folder.name).record_file

    for folder in (forged, cut, strange, foreign, unbuilt):
        (folder / ".namaskah").mkdir(parents=True)
        write_json(record_of(folder), {**FORGED, "id": folder.name})
        write_json(folder / ".namaskah" / "launch.json", {"services": {}})
    write_json(record_of(forged), FORGED)
    record_of(cut).write_text('{"state": "supers')
    record_of(strange).write_text("[]")
    (foreign / ".namaskah" / "launch.json").write_text("")
    (unbuilt / ".namaskah" / "launch.json").unlink()
    assert [release.id for release in all_of(host.contract)] == [first["release"], second["release"]]
    found = last_good_before(host.contract)
    assert found is not None
    assert found.id == first["release"]
    assert of_commit(host.contract, "f" * 40) is None
    assert len(status.of_releases(host.contract)) == 2
    (host.contract.root / "instances" / "blue").unlink()
    (host.contract.root / "instances" / "blue").symlink_to(f"../releases/{unbuilt.name}")
    assert status.of_host(host.contract)["drift"] == []
    assert activation.recover(host.contract, [], "a test said so", bad=False)["state"] == "nothing"


def test_a_live_release_without_its_record_is_named(host: FolderHost) -> None:
    first = host.prepared()
    activation.activate(host.contract, first, 60)
    activation.confirm(host.contract, first)
    Release(host.contract, first["release"]).record_file.write_text("")
    told = status.of_host(host.contract)
    assert told["live"] is None
    assert "record is missing or cannot be read" in " ".join(told["drift"])
    assert activation.recover(host.contract, [], "a test said so", bad=False)["serving"] == first["release"]
    (Release(host.contract, first["release"]).folder / ".namaskah" / "launch.json").unlink()
    with pytest.raises(Failure, match=r"launch.json.*cannot be started"):
        _ = Release(host.contract, first["release"]).services


def test_a_file_that_became_a_folder_goes_without_the_pool(tmp_path: Path) -> None:
    root, pool = tmp_path / "root", tmp_path / "pool"
    for name in ("a/deep/x.txt", "b", "c.txt"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)
    (pool / "b").mkdir(parents=True)
    (pool / "a").write_text("a file in an older release")
    assert fill(root, pool, ("a/deep/x.txt", "b", "c.txt")) == ["a/deep/x.txt", "b"]
    assert (pool / "c.txt").read_text() == "c.txt"
    assert fill(root, pool, ["c.txt"]) == []


def test_a_release_whose_static_file_became_a_folder_is_prepared_and_names_it(host: FolderHost) -> None:
    first = with_file(host, "static/zz", "a file")
    Build(host.contract, first).prepare()
    assert publish(host.contract, Release(host.contract, first["release"])) == []
    (host.source / "static/zz").unlink()
    run = with_file(host, "static/zz/a.txt", "in a folder")
    Build(host.contract, run).prepare()
    assert publish(host.contract, Release(host.contract, run["release"])) == ["zz/a.txt"]
