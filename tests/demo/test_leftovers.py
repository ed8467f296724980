"""Does a new run end exactly what a killed one left: its own processes and folders, and nobody else's?"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from demo import places
from demo.errors import DemoError
from demo.leftovers import RECORD, clean_folder

SLEEP = "import time; time.sleep(60)"


def sleeper(*, script: Path | None = None) -> subprocess.Popen[bytes]:
    if script:
        script.parent.mkdir(parents=True)
        script.write_text(SLEEP)
        return subprocess.Popen([sys.executable, script])
    return subprocess.Popen([sys.executable, "-c", SLEEP])


def record(folder: Path, runtime: Path, **started: float) -> None:
    entries = [{"pid": int(pid.removeprefix("pid")), "started": moment} for pid, moment in started.items()]
    folder.mkdir(exist_ok=True)
    (folder / RECORD).write_text(json.dumps({"runtime": str(runtime), "processes": entries}))


def test_what_a_killed_run_left_is_ended_and_removed(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    left = places.make(_made(folder))
    recorded, on_host = sleeper(), sleeper(script=left.root("app1") / "host" / "watch.py")
    record(folder, left.runtime, **{f"pid{recorded.pid}": psutil.Process(recorded.pid).create_time()})
    with clean_folder(folder) as empty:
        assert list(empty.iterdir()) == []
    assert recorded.poll() is not None
    assert on_host.poll() is not None
    assert not left.runtime.exists()


def test_a_process_that_only_has_the_same_number_is_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    stranger = sleeper()
    try:
        record(folder, tmp_path / "none", **{f"pid{stranger.pid}": time.time() - 3600})
        with clean_folder(folder):
            pass
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


@pytest.mark.parametrize("named", ["nd-linked", "other"])
def test_no_other_folder_is_removed(tmp_path: Path, named: str) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    (tmp_path / named).symlink_to(kept)
    folder = tmp_path / "demo"
    record(folder, tmp_path / named)
    with clean_folder(folder):
        pass
    assert kept.is_dir()


def test_links_in_the_folder_are_not_followed(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "file").write_text("kept")
    folder = _made(tmp_path / "demo")
    (folder / "link").symlink_to(precious)
    with clean_folder(folder):
        pass
    assert (precious / "file").read_text() == "kept"


def test_two_runs_at_once_are_refused(tmp_path: Path) -> None:
    with clean_folder(tmp_path / "demo"), pytest.raises(DemoError, match="already"), clean_folder(tmp_path / "demo"):
        pass


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder
