"""Which processes run the code of a release? By real processes, for /proc is what tells."""

from __future__ import annotations

import mmap
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.namaskah_host import processes
from ansible.module_utils.namaskah_host.belonging import family_of, stranger
from ansible.module_utils.namaskah_host.contract import Contract
from ansible.module_utils.namaskah_host.release import Release

NEW, OLD = "20260102T000000Z-bbbbbbbbbbbb", "20260101T000000Z-aaaaaaaaaaaa"
Start = Callable[..., dict[str, Any]]
WAITS = "import sys; sys.stdin.read()"
MAPS = (
    "import mmap, sys; file = open(sys.argv[1], 'rb'); kept = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ);"
    " sys.stdin.read()"
)


@pytest.fixture
def contract(tmp_path: Path) -> Contract:
    for name in (NEW, OLD):
        (tmp_path / "releases" / name / "backend").mkdir(parents=True)
        (tmp_path / "releases" / name / "library.so").write_bytes(b"x" * mmap.PAGESIZE)
    return Contract({"root": str(tmp_path)})


@pytest.fixture
def start() -> Iterator[Start]:
    """What starts a process in a folder and tells of it as /proc does, once it runs its program."""
    with ExitStack() as stack:

        def started(folder: Path, *words: str, release: str = NEW, parent: int = 1) -> dict[str, Any]:
            one = stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", f"print('here', flush=True); {words[0] if words else WAITS}", *words[1:]],
                    cwd=folder,
                    env={"NAMASKAH_RELEASE": release} if release else {},
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                )
            )
            stack.callback(one.kill)
            assert one.stdout
            one.stdout.readline()
            while words and not (found := processes.describe(one.pid, 0))["files"]:
                os.sched_yield()
            found = processes.describe(one.pid, 0)
            return {**found, "parent": parent}

        yield started


def test_a_service_may_work_below_its_release(contract: Contract, start: Start) -> None:
    release = Release(contract, NEW)
    assert stranger(contract, release, start(release.folder)) is None
    assert stranger(contract, release, start(release.folder / "backend")) is None
    assert stranger(contract, release, start(release.folder / "backend", release="")) is None


def test_a_child_may_work_anywhere_and_a_stranger_may_not(contract: Contract, start: Start, tmp_path: Path) -> None:
    release = Release(contract, NEW)
    main = start(release.folder)
    child = start(tmp_path, parent=main["pid"])
    grandchild = start(Path("/"), parent=child["pid"], release="")
    other = start(tmp_path, parent=1)
    wrong = family_of(contract, release, [grandchild, child, other, main])
    assert set(wrong) == {other["pid"]}
    assert f"runs from {tmp_path}, not from" in wrong[other["pid"]]


@pytest.mark.fault("drift: stale process", ends="found", where="below or beside the release")
def test_what_names_another_release_is_not_of_this_one(contract: Contract, start: Start) -> None:
    release, old = Release(contract, NEW), Release(contract, OLD)
    main = start(release.folder)
    stale = [
        start(old.folder / "backend", parent=main["pid"]),
        start(release.folder, release=OLD, parent=main["pid"]),
        start(release.folder, MAPS, str(old.folder / "library.so"), parent=main["pid"]),
        {**start(release.folder, parent=main["pid"]), "executable": f"{old.folder}/tool (deleted)"},
    ]
    wrong = family_of(contract, release, [main, *stale])
    assert set(wrong) == {one["pid"] for one in stale}
    assert wrong[stale[0]["pid"]].startswith(f"runs from {old.folder}/backend")
    assert OLD in wrong[stale[1]["pid"]]
    assert f"uses {old.folder}/library.so" in wrong[stale[2]["pid"]]
    grandchild = start(release.folder / "backend", parent=stale[0]["pid"])
    assert stranger(contract, release, grandchild) is None, "its own folder is enough"


def test_a_library_of_its_own_is_no_other_release(contract: Contract, start: Start) -> None:
    release = Release(contract, NEW)
    own = start(release.folder, MAPS, str(release.folder / "library.so"))
    assert own["files"] == [str(release.folder / "library.so")]
    assert stranger(contract, release, own) is None


def test_what_an_older_program_on_the_host_tells_is_enough(contract: Contract, start: Start) -> None:
    """It was installed by root, and stays as it is until the host is provisioned again."""
    release = Release(contract, NEW)
    told = {name: value for name, value in start(release.folder).items() if name not in ("executable", "files")}
    assert stranger(contract, release, told) is None
