"""Does `make demo` work from a fresh clone in a long path, leave nothing running, and end at once when told to?"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path

import psutil
import pytest

from demo.leftovers import RECORD
from tests.support.project import ROOT

LENGTH = 150
MINUTES = 12  # a bound, not a promise: two cores may be shared
STOPS_WITHIN = 60


def words(folder: Path) -> list[str]:
    """The demo's command, with nothing of this test run's own environment."""
    kept = [f"{name}={os.environ[name]}" for name in os.environ if name.startswith("PIP_")]
    plain = ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", f"HOME={Path.home()}"]
    # A shell's background job ignores Ctrl-C, and so would its children.
    return ["env", "-i", "--default-signal=INT", *plain, *kept, "make", "--directory", str(folder), "demo"]


def left_running(folder: Path) -> list[str]:
    found = []
    for process in psutil.process_iter():
        try:
            line = " ".join(process.cmdline())
        except psutil.Error:
            continue
        if str(folder) in line and process.pid != os.getpid():
            found.append(line)
    return found


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a person gets from git, in a folder whose path has 150 characters."""
    parent = tmp_path_factory.mktemp("demo")
    folder = parent / ("x" * (LENGTH - len(str(parent)) - 1))
    subprocess.run(["git", "-c", "safe.directory=*", "clone", "--quiet", ROOT, folder], check=True)
    assert len(str(folder)) == LENGTH
    return folder


@pytest.fixture(scope="module")
def shown(clone: Path) -> str:
    """What the whole demo printed."""
    with subprocess.Popen(words(clone), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as demo:
        try:
            said, _ = demo.communicate(timeout=MINUTES * 60)
        except subprocess.TimeoutExpired:
            demo.terminate()
            raise
    assert demo.returncode == 0, said[-5000:]
    return said


def test_every_step_is_told(shown: str, clone: Path) -> None:
    summary = (clone / ".demo" / "summary.md").read_text()
    assert summary.strip() in shown
    for step, code in (("first release", 0), ("second release", 0), ("broken release", 3), ("rollback by tag", 0)):
        assert re.search(rf"\*\*{step}\*\* .*\n.*\(exit code {code}\)", summary), summary
    assert "every host serves what it served before" in summary


def test_no_client_noticed(shown: str) -> None:
    match = re.search(r"sent: (\d+), failed: (\d+)", shown)
    assert match is not None
    assert int(match[1]) > 500
    assert match[2] == "0"


def test_every_run_has_a_report(shown: str, clone: Path) -> None:
    place = re.search(r"Reports of the runs: (\S+)", shown)
    assert place is not None
    assert len(list(Path(place[1]).glob("*/report.md"))) == 4
    assert Path(place[1]).is_relative_to(clone)


def test_nothing_runs_on(shown: str, clone: Path) -> None:
    assert "What happened" in shown
    assert left_running(clone) == []
    assert not Path(json.loads((clone / ".demo" / RECORD).read_text())["runtime"]).exists()


@pytest.mark.usefixtures("shown")
@pytest.mark.fault("controller interrupted", ends="cleaned up")
def test_a_second_run_starts_clean_and_stops_when_told(clone: Path) -> None:
    """Interrupted in the middle of a release, as by Ctrl-C: the whole group gets the signal."""
    with subprocess.Popen(
        words(clone), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    ) as demo:
        assert demo.stdout
        said = ""
        for line in demo.stdout:
            said += line
            if "preparation ..." in line:
                break
        assert "preparation ..." in said, said
        assert len(list((clone / ".demo" / "state" / "namaskah-deploy" / "runs").iterdir())) == 1
        time.sleep(1)
        told = time.monotonic()
        os.killpg(demo.pid, signal.SIGINT)
        rest = demo.stdout.read()
    assert demo.returncode != 0
    assert "stopped" in rest
    assert "Traceback" not in rest
    assert time.monotonic() - told < STOPS_WITHIN
    assert left_running(clone) == []
