"""Does what a host keeps stay small, whatever is released there and however it ends? With real git."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.namaskah_host import activation, assets, journal, lease, mirror, retention
from ansible.module_utils.namaskah_host.build import Build
from ansible.module_utils.namaskah_host.failure import Failure
from ansible.module_utils.namaskah_host.files import point
from ansible.module_utils.namaskah_host.health import complaint
from ansible.module_utils.namaskah_host.release import Release, current, last_good_before
from ansible.module_utils.namaskah_host.working import working

from tests.support.absence import report_absence
from tests.support.folder_host import FolderHost

MIB = 2**20
# Commands of a build that want more than there is.
BYTES = "dd if=/dev/zero of=filling bs=64k 2>&1"
FILES = "mkdir many && cd many && touch $(seq 2000)"


def usage(folder: Path) -> int:
    """Return what a folder takes on the disk, in bytes (du(1))."""
    done = subprocess.run(["du", "--summarize", "--block-size=1", folder], capture_output=True, text=True, check=True)
    return int(done.stdout.split()[0])


def released(host: FolderHost) -> Release:
    """Prepare a version and make it live by its records alone: no process is needed to fill a disk."""
    run = host.prepared()
    before, release = current(host.contract), Release(host.contract, run["release"])
    assets.publish(host.contract, release)
    release.mark("live", confirmed=run["release"])
    point(host.contract.current, f"releases/{release.id}")
    if before:
        before.mark("superseded")
    retention.prune(host.contract)
    return release


def failed(host: FolderHost) -> None:
    """Prepare a version whose build breaks."""
    run = host.run(host.commit("good"))
    retention.prune(host.contract)  # as the module does before it prepares
    commands = [*host.contract.raw["build_commands"], ["false"]]
    contract = type(host.contract)({**host.contract.raw, "build_commands": commands})
    host.make_virtualenv(contract)
    with pytest.raises(Failure):
        Build(contract, run).prepare()


def names_of(release: Release) -> list[Path]:
    return [assets.pool_of(release.contract) / name for name in assets.names_of(release)]


@pytest.mark.fault("failed deploys in a row", ends="old release")
def test_failed_preparations_leave_no_more_than_one(host: FolderHost) -> None:
    """Nothing prunes after a failure; so the next preparation does, and the good releases stay."""
    first, second = released(host), released(host)
    for _ in range(6):
        failed(host)
    folders = {entry.name for entry in host.contract.releases.iterdir()}
    assert {first.id, second.id} < folders
    assert len(folders) == 3
    before = last_good_before(host.contract)
    assert before is not None
    assert before.id == first.id


@pytest.fixture
def small(host: FolderHost, request: pytest.FixtureRequest) -> Iterator[FolderHost]:
    """The host with a file system of 16 MiB and 2,000 files below its root, unless a test says otherwise."""
    if os.geteuid() != 0:
        report_absence("mounting a small file system needs root")
    root, options = host.contract.root, getattr(request, "param", "size=16m,nr_inodes=2000")
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(root)], check=True)
    try:
        host._make_folders()
        yield host
    finally:
        subprocess.run(["umount", "--lazy", str(root)], check=True)


def prepared_as_the_module_does(host: FolderHost, *build_commands: list[str]) -> dict[str, Any]:
    """Prepare a new version under its lease, with room made before."""
    run = host.run(host.commit("good"))
    run["fence"] = lease.acquire(host.contract, run)["fence"]
    contract = type(host.contract)({**host.contract.raw, "build_commands": list(build_commands)})
    try:
        with working(contract, run, "prepare") as held:
            retention.prune(contract)
            host.make_virtualenv(contract)
            Build(contract, run, held).prepare()
    finally:
        assert lease.release(host.contract, run["id"], run["fence"])
    return run


@pytest.mark.fault("disk full: during the build", ends="old release")
@pytest.mark.parametrize("fill", [BYTES, f"{BYTES}; true", FILES], ids=["bytes", "found out by ourselves", "files"])
def test_a_disk_that_fills_up_leaves_the_live_release_and_room(small: FolderHost, fill: str) -> None:
    """Nothing of the release stays that would keep the disk full: records can be written, the next release is whole."""
    first = small.prepared()
    activation.activate(small.contract, first, 60)
    activation.confirm(small.contract, first)
    free = os.statvfs(small.contract.root).f_bavail
    with pytest.raises(Failure, match=r"(?s)No space left.*was full: what had been made of the release is removed"):
        prepared_as_the_module_does(small, ["sh", "-c", fill])
    assert [entry.name for entry in small.contract.releases.iterdir()] == [first["release"]]
    assert os.statvfs(small.contract.root).f_bavail > free - 64, "the disk is as full as it was, but for a commit"
    assert list(small.contract.root.glob(".*.new")) == []
    last = journal.read(small.contract.root / "journal.jsonl")[-2:]
    assert [record["act"] for record in last] == ["ended", "lease released"]
    assert last[0]["outcome"] == "failed"
    live = current(small.contract)
    assert live is not None
    assert live.id == first["release"]
    assert complaint(small.contract, live.services[0], "blue", live.id) == ""
    activation.activate(small.contract, prepared_as_the_module_does(small), 60)


@pytest.mark.fault("disk full: during the build", ends="old release", where="as static files are published")
def test_static_files_without_room_end_a_release_before_its_switch(small: FolderHost) -> None:
    (small.source / "static").mkdir(parents=True, exist_ok=True)
    (small.source / "static" / "large.bin").write_bytes(os.urandom(MIB // 4))
    release = Release(small.contract, small.prepared()["release"])
    filling = small.contract.root / "filling"
    with filling.open("wb", buffering=0) as stream, suppress(OSError):
        while True:
            stream.write(bytes(2**16))
    with pytest.raises(Failure, match="No space left") as caught:
        assets.publish(small.contract, release)
    assert "make room" in caught.value.next_step
    filling.unlink()
    assert assets.publish(small.contract, release) == []


def fifty_deploys(host: FolderHost) -> Iterator[int]:
    """Release fifty versions, each with large files of its own; every fifth one fails."""
    host.contract.raw["keep_assets_mib"] = 2
    for number in range(50):
        for folder in (host.source, host.source / "static"):
            folder.mkdir(exist_ok=True)
            (folder / "large.bin").write_bytes(os.urandom(MIB // 4))
        if number % 5 == 4:
            failed(host)
        else:
            released(host)
        yield number


def test_fifty_deploys_take_no_more_than_ten_did(host: FolderHost) -> None:
    """Only the repository's history grows."""
    root = host.contract.root
    sizes = [(usage(root) - usage(root / "repo.git")) / MIB for _ in fifty_deploys(host)]
    print("MiB after each deploy:", " ".join(f"{size:.1f}" for size in sizes))
    assert max(sizes) < 30
    assert max(sizes[10:]) <= max(sizes[:10]) + 2


@pytest.mark.soak
@pytest.mark.parametrize("small", ["size=64m"], indirect=True)
def test_fifty_deploys_fit_on_a_small_disk(small: FolderHost) -> None:
    """A real file system, which the builds alone would fill twice: what they make is in no repository."""
    made = 3 * MIB
    small.contract.raw["build_commands"] = [["sh", "-c", f"head --bytes={made} /dev/urandom > artifact"]]
    small.make_virtualenv()
    assert len(list(fifty_deploys(small))) == 50
    state = os.statvfs(small.contract.root)
    assert 50 * made > 2 * state.f_blocks * state.f_frsize
    print(f"free at the end: {state.f_bavail * state.f_frsize / MIB:.1f} MiB")
    before = last_good_before(small.contract)
    assert before is not None
    assert before.complete


def test_old_pages_find_their_files_after_a_long_quiet_time(host: FolderHost) -> None:
    """A release that was live for longer than files are kept is replaced: pages of it are still open."""
    old = released(host)
    long_ago = time.time() - 60 * assets.DAY
    for path in names_of(old):
        os.utime(path, (long_ago, long_ago))
    for _ in range(5):  # until it is no release of this host any more
        released(host)
    assert not old.complete
    assert all(path.exists() for path in names_of(old))


def test_the_pool_has_a_size_and_keeps_what_releases_need(host: FolderHost) -> None:
    host.contract.raw["keep_assets_mib"] = 1
    first = released(host)
    for number in range(4):
        (assets.pool_of(host.contract) / f"old{number}.js").write_bytes(b"x" * MIB)
        os.utime(assets.pool_of(host.contract) / f"old{number}.js", (number, time.time() - 100 + number))
    retention.prune(host.contract)
    left = sorted(path.name for path in assets.pool_of(host.contract).glob("old*"))
    assert left == []
    assert all(path.exists() for path in names_of(first))


def test_the_copy_of_the_repository_stays_packed_and_loses_nothing(host: FolderHost) -> None:
    """Many fetches, a rewritten branch, and a branch in whose place a folder of branches comes."""
    kept = released(host)
    commit = kept.record["commit"]
    git = ["git", "-C", str(host.source), "-c", "user.name=t", "-c", "user.email=t@example.org"]
    subprocess.run([*git, "branch", "fix"], check=True)
    for _ in range(mirror.PACKS + 5):
        run = host.run(host.commit("good"))
        Build(host.contract, run)._fetch()
    subprocess.run([*git, "branch", "--delete", "--force", "fix"], check=True, capture_output=True)
    subprocess.run([*git, "branch", "fix/one"], check=True)
    subprocess.run([*git, "checkout", "--quiet", "--orphan", "rewritten"], check=True)
    subprocess.run([*git, "commit", "--quiet", "--allow-empty", "--message", "again"], check=True)
    head = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()
    subprocess.run([*git, "branch", "--force", "main"], check=True, capture_output=True)
    Build(host.contract, host.run(head))._fetch()
    assert mirror.tidied(host.contract, [kept.id]) == ""
    objects = host.contract.root / "repo.git" / "objects"
    assert len(list((objects / "pack").glob("*.pack"))) <= mirror.PACKS
    where = ["git", f"--git-dir={host.contract.root / 'repo.git'}"]
    subprocess.run([*where, "gc", "--quiet", "--prune=now"], check=True)
    subprocess.run([*where, "cat-file", "-e", commit], check=True)
    assert mirror.tidy(host.contract, []) == [kept.id]
