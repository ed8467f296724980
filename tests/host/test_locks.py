"""Who can lock the files of a host, for how long is somebody waited for, and is that one named?"""

from __future__ import annotations

import getpass
import os
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.namaskah_backups import room
from ansible.module_utils.namaskah_git import mirror
from ansible.module_utils.namaskah_git.command import Git
from ansible.module_utils.namaskah_git.remote import Refs
from ansible.module_utils.namaskah_host import activation, journal, lease, switch
from ansible.module_utils.namaskah_host.contract import Contract
from ansible.module_utils.namaskah_host.failure import Failure
from ansible.module_utils.namaskah_host.files import lock

from tests.support.folder_host import FolderHost
from tests.support.waiting import until

HOLD = (
    "import fcntl, sys, time; f = open(sys.argv[1]); fcntl.flock(f, fcntl.LOCK_EX); print(flush=True); time.sleep(60)"
)


@contextmanager
def held(path: Path) -> Iterator[str]:
    """Let another process lock `path`; give how it has to be named."""
    path.touch()
    with subprocess.Popen([sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        try:
            yield f"(pid {holder.pid}, user {getpass.getuser()})"
        finally:
            holder.kill()


def mode(path: Path) -> str:
    return f"{stat.S_IMODE(path.stat().st_mode):04o}"


def test_nobody_else_can_open_what_a_release_locks(host: FolderHost) -> None:
    """Opened for reading is enough for flock(2), so the files are not even that for others."""
    run = host.prepared()
    activation.activate(host.contract, run, 60)
    activation.confirm(host.contract, run)
    root = host.contract.root
    found = {str(path.relative_to(root)): mode(path) for path in root.rglob("*.lock")}
    assert {"switch.lock", "lease.lock"} < set(found)
    assert set(found.values()) == {"0600"}
    assert mode(root / "journal.jsonl") == "0600"


def test_files_of_an_earlier_version_are_closed_at_first_contact(tmp_path: Path) -> None:
    contract = Contract({"root": str(tmp_path), "host": "here", "lease_ttl": 60})
    (tmp_path / "venvs").mkdir()
    old = [tmp_path / name for name in ("lease.lock", "switch.lock", "journal.jsonl", "venvs/abc.lock")]
    for path in old:
        path.touch()
        path.chmod(0o644)
    lease.acquire(contract, {"id": "one", "by": "ada"})
    assert {mode(path) for path in old} == {"0600"}


def test_whoever_has_a_lock_is_named(tmp_path: Path) -> None:
    begun = time.monotonic()
    path = tmp_path / "switch.lock"
    with held(path) as name, pytest.raises(Failure) as caught, lock(path, 0.3):
        pytest.fail("somebody else has it")
    assert name in caught.value.why
    assert 0.3 <= time.monotonic() - begun < 10


def test_the_journal_is_not_waited_for_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "WAIT", 0.3)
    with held(tmp_path / "journal.jsonl") as name, pytest.raises(Failure) as caught:
        journal.append(tmp_path / "journal.jsonl", {"act": "next"})
    assert name in caught.value.why


def test_the_copy_of_the_repository_is_not_waited_for_without_end(tmp_path: Path) -> None:
    refs = Refs({}, {})
    subprocess.run(["git", "init", "--quiet", "--bare", str(tmp_path / "none")], check=True, timeout=20)
    with mirror.opened(Git(timeout=20), str(tmp_path / "none"), refs, tmp_path / "cache"):
        pass
    (path,) = (tmp_path / "cache").glob("*.lock")
    opened = mirror.opened(Git(timeout=0.3), str(tmp_path / "none"), refs, tmp_path / "cache")
    with held(path) as name, pytest.raises(Failure) as caught, opened:
        pytest.fail("somebody else has it")
    assert name in caught.value.why


def test_a_backup_in_use_by_a_pruning_is_not_waited_for_without_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "_USED", 0.3)
    program = HOLD.replace("open(sys.argv[1])", "__import__('os').open(sys.argv[1], 0)")
    monkeypatch.setitem(globals(), "HOLD", program)
    with held(tmp_path) as name, pytest.raises(Failure) as caught, room.used(tmp_path):
        pytest.fail("somebody else has it")
    assert name in caught.value.why


def test_the_watcher_says_for_whom_it_waits_and_returns_then(host: FolderHost) -> None:
    first, second = host.prepared(), host.prepared()
    activation.activate(host.contract, first, 60)
    activation.confirm(host.contract, first)
    until(lambda: switch.read(host.contract) is None, "the end of the switch")
    activation.activate(host.contract, second, 3)
    log = host.contract.root / "host" / "watch.log"
    with held(host.contract.root / "switch.lock") as name:
        until(lambda: log.exists() and name in log.read_text(), "the holder's name in the log", 40)
    until(lambda: switch.read(host.contract) is None, "the return", 40)
    assert journal_acts(host)[-2:] == ["returned", "retired"]


def journal_acts(host: FolderHost) -> list[Any]:
    return [record["act"] for record in journal.read(host.contract.root / "journal.jsonl")]


def test_a_lock_that_belongs_to_somebody_else_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    (tmp_path / "switch.lock").touch()
    monkeypatch.setattr(os, "open", refused)
    with pytest.raises(Failure, match=f"belongs to {getpass.getuser()}"), lock(tmp_path / "switch.lock", 0):
        pytest.fail("it cannot be opened")
