"""The private folder of a run, and what killed runs leave behind."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from namaskah_deploy import workspace


def test_it_is_private_and_gone_afterwards(tmp_path: Path) -> None:
    with workspace.private_folder({"XDG_RUNTIME_DIR": str(tmp_path)}) as folder:
        assert folder.parent == tmp_path
        assert folder.stat().st_mode & 0o777 == 0o700
        (folder / "secret").touch()
    assert not folder.exists()


def test_it_is_gone_after_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), workspace.private_folder({"XDG_RUNTIME_DIR": str(tmp_path)}) as folder:
        _ = 1 / 0
    assert not folder.exists()


def test_it_stands_in_memory_where_there_is_some() -> None:
    with workspace.private_folder({}) as folder:
        types = dict(line.split()[1:3] for line in Path("/proc/mounts").read_text().splitlines())
        memory = types.get("/dev/shm") == "tmpfs"  # noqa: S108 - only looked at
        assert (types.get(str(folder.parent)) == "tmpfs") >= memory


def test_what_a_killed_run_left_is_swept_and_what_a_living_one_uses_is_not(tmp_path: Path) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    left = tmp_path / f"namaskah-run-{dead.pid}-abc"
    left.mkdir()
    (left / "env").touch()
    used = tmp_path / f"namaskah-run-{os.getpid()}-abc"
    used.mkdir()
    other = tmp_path / "namaskah-run-notes"
    other.mkdir()
    with workspace.private_folder({"XDG_RUNTIME_DIR": str(tmp_path)}):
        assert not left.exists()
    assert used.is_dir()
    assert other.is_dir()
