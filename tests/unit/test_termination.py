"""Real trees of processes that have to end, some of which will not."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator

import psutil
import pytest

from namaskah_deploy.termination import Termination

POLITE = "time.sleep(60)"
DEAF = "import signal; [signal.signal(n, signal.SIG_IGN) for n in (2, 15)]; time.sleep(60)"


@pytest.fixture(params=[POLITE, DEAF], ids=["polite", "deaf"])
def tree(request: pytest.FixtureRequest) -> Iterator[psutil.Process]:
    """A main process with a child in a session of its own; it heeds signals, or it does not."""
    code = f"import time, subprocess; subprocess.Popen(['sleep', '60'], start_new_session=True); {request.param}"
    main = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.DEVNULL)
    root = psutil.Process(main.pid)
    deadline = time.monotonic() + 20
    while not root.children() and time.monotonic() < deadline:
        time.sleep(0.02)
    children = root.children(recursive=True)
    time.sleep(0.3)  # until its handlers are set
    yield root
    for process in [root, *children]:
        if process.is_running():
            process.kill()
    main.wait()


def _end(termination: Termination, root: psutil.Process) -> float:
    began = time.monotonic()
    while time.monotonic() - began < 20:
        termination.poll(root)
        if not termination.left() and root.status() == psutil.STATUS_ZOMBIE:
            break
        time.sleep(0.05)
    return time.monotonic() - began


def test_the_whole_tree_ends(tree: psutil.Process) -> None:
    children = tree.children(recursive=True)
    assert children
    termination = Termination(grace=1, last_grace=0.5)
    assert _end(termination, tree) < 10
    assert termination.left() == []
    assert not any(child.is_running() and child.status() != psutil.STATUS_ZOMBIE for child in children)


def test_nothing_is_done_before_the_process_exists() -> None:
    termination = Termination()
    before = termination.began
    termination.poll(None)
    assert (before, termination.began, termination.left()) == (False, True, [])


def test_the_watcher_of_a_host_outlives_the_run() -> None:
    watch = "import sys, time; time.sleep(60)"
    words = f"[sys.executable, '-c', {watch!r}, 'namaskah_host.pyz']"
    code = f"import subprocess, sys, time; subprocess.Popen({words}); {POLITE}"
    main = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.DEVNULL)
    root = psutil.Process(main.pid)
    deadline = time.monotonic() + 20
    while not any("namaskah_host.pyz" in child.cmdline() for child in root.children()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    (watcher,) = root.children()
    _end(Termination(grace=1, last_grace=0.5), root)
    assert watcher.is_running()
    watcher.kill()
    main.wait()
