"""Does a load in a process of its own start when it is ready, end when it should, and never outlive its maker?"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.load import Load, LoadError
from tests.support.load.trial_runs import only, settings
from tests.support.load.trial_site import faulty, running
from tests.support.project import ROOT


def test_windows_releases_and_report() -> None:
    with running() as site:
        with Load(settings(site, seconds=60.0)) as load:
            time.sleep(1)
            load.mark("deploy 1")
            site.release = "r2"
            site.close_sockets(1012)
            time.sleep(1.5)
            assert load.progress["failed"] == 0
        report = load.report
    assert report is not None
    assert report.failed == 0, report
    assert report.ended_by == "stop"
    assert report.release_sequence == ["r1", "r2"]
    assert [window.name for window in report.windows] == ["start", "deploy 1"]
    assert all(window.ok > 20 for window in report.windows)
    assert report.websockets.codes == {"1012": 2}
    assert "deploy 1" in str(report)


def test_a_site_that_is_not_good_before_is_refused() -> None:
    with (
        running(faulty("500", at="/api/payments")) as site,
        pytest.raises(LoadError, match="not good before"),
        Load(settings(site, seconds=60.0)),
    ):
        pytest.fail("the load started on a broken site")


def test_a_bad_site_can_be_loaded_on_purpose() -> None:
    with running(faulty("500")) as site:
        load = Load(only(site, "get", seconds=60.0)).start(expect_good=False)
        time.sleep(0.5)
        report = load.stop()
    assert report.failed == report.sent > 0


def test_stopping_twice_gives_the_same_report() -> None:
    with running() as site, Load(only(site, "get", seconds=60.0)) as load:
        first = load.stop()
    assert load.stop() is first


def test_a_load_that_ended_before_the_test_did_is_an_error() -> None:
    with running() as site:
        load = Load(only(site, "get", seconds=0.5)).start()
        time.sleep(2)
        with pytest.raises(LoadError, match="ended by itself"):
            load.stop()


def test_a_load_can_be_waited_for() -> None:
    with running() as site:
        report = Load(only(site, "get", seconds=0.5)).start().wait()
    assert report.ended_by == "time"
    assert report.failed == 0


def test_an_error_of_the_test_is_not_covered_up() -> None:
    def fail_late() -> None:
        with Load(only(site, "get", seconds=0.5)):
            time.sleep(1.5)
            raise ZeroDivisionError

    with running() as site, pytest.raises(ZeroDivisionError):
        fail_late()


def test_the_token_is_in_no_argument_list() -> None:
    with running() as site:
        load = Load(only(site, "get", seconds=60.0, token="sentinel-4711")).start()  # noqa: S106 - a sentinel
        assert load.pid
        arguments = Path(f"/proc/{load.pid}/cmdline").read_bytes()
        environment = Path(f"/proc/{load.pid}/environ").read_bytes()
        load.stop()
    assert b"worker" in arguments
    assert b"sentinel-4711" not in arguments + environment


def test_the_load_ends_when_its_maker_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "maker.py"
    script.write_text(
        "import sys, time\n"
        "from tests.support.load import *\n"
        "target = resolve_target(sys.argv[1])\n"
        "load = Load(Settings(target=target, profile=PLAIN, seconds=300)).start()\n"
        "print(load.pid, flush=True)\n"
        "time.sleep(300)\n"
    )
    with running() as site:
        command = [sys.executable, str(script), f"http://127.0.0.1:{site.port}"]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as maker:
            assert maker.stdout is not None
            worker = int(maker.stdout.readline())
            maker.send_signal(signal.SIGKILL)
        deadline = time.monotonic() + 15
        while Path(f"/proc/{worker}/cmdline").exists() and Path(f"/proc/{worker}/cmdline").read_bytes():
            assert time.monotonic() < deadline, "the load outlived its maker"
            time.sleep(0.1)
