"""Do records of releases move out of the releases once, and is nothing lost, also where the move is killed half-way?"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from ansible.module_utils.namaskah_host import lease, release, status
from ansible.module_utils.namaskah_host.build import Build
from ansible.module_utils.namaskah_host.release import OLD_RECORD, Release, adopt_records, all_of, records_of

from tests.support.folder_host import FolderHost


def as_before(host: FolderHost, *runs: dict[str, object]) -> list[Release]:
    """Have the records of these runs' releases where an older version kept them."""
    made = [Release(host.contract, str(run["release"])) for run in runs]
    for one in made:
        shutil.move(one.record_file, one.folder / OLD_RECORD)
    records_of(host.contract).rmdir()
    return made


def test_a_host_of_an_older_version_is_read_as_it_is_and_moved_at_the_next_lease(host: FolderHost) -> None:
    first, second = as_before(host, host.prepared(), host.prepared())
    assert [one.id for one in all_of(host.contract)] == [first.id, second.id]
    assert len(status.of_releases(host.contract)) == 2
    assert not records_of(host.contract).exists(), "looking changes nothing"
    run = host.run(host.commit("good"))  # takes the lease
    assert [one.id for one in all_of(host.contract)] == [first.id, second.id]
    assert first.record_file == records_of(host.contract) / f"{first.id}.json"
    # The host program of before may have to start the application: what it reads is there until it is replaced.
    assert (first.folder / OLD_RECORD).exists()
    (first.folder / OLD_RECORD).write_text(json.dumps({**first.record, "state": "bad"}))
    assert first.record["state"] == "prepared", "nobody looks there any more"
    Build(host.contract, run).prepare()
    assert list(host.contract.releases.glob(f"*/{OLD_RECORD}")) == []
    assert len(all_of(host.contract)) == 3


@pytest.mark.fault("working module killed", ends="cleaned up", where="while records are moved")
def test_a_move_that_was_killed_is_made_anew(host: FolderHost, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = as_before(host, host.prepared(), host.prepared())
    written: list[Path] = []

    def killed(path: Path, _record: object) -> None:
        written.append(path)
        if len(written) > 1:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(release, "write_json", killed)
        with pytest.raises(KeyboardInterrupt):
            adopt_records(host.contract)
    assert [one.id for one in all_of(host.contract)] == [first.id, second.id], "it is read where it was"
    adopt_records(host.contract)
    assert [one.id for one in all_of(host.contract)] == [first.id, second.id]
    assert sorted(path.name for path in records_of(host.contract).iterdir()) == [
        f"{first.id}.json",
        f"{second.id}.json",
    ]


def test_a_link_and_a_record_of_another_release_are_not_taken(host: FolderHost) -> None:
    first, second = as_before(host, host.prepared(), host.prepared())
    kept = host.folder / "kept.json"
    shutil.move(first.folder / OLD_RECORD, kept)
    (first.folder / OLD_RECORD).symlink_to(kept)
    (second.folder / OLD_RECORD).write_text(json.dumps({**json.loads(kept.read_text()), "id": first.id}))
    facts = {"id": "next", "by": "tests", "kind": "deploy", "reason": "", "ref": "", "commit": "", "tag": ""}
    lease.acquire(host.contract, facts)
    assert all_of(host.contract) == []
