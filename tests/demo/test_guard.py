"""Does nothing outlive the demo, however it ends?"""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator

import psutil
import pytest

from demo.places import CLONE

# Its work detaches a process as a host's watcher is detached, says both numbers, and waits.
PROGRAM = """
import os, subprocess, sys, time
from demo.guard import guarded

DETACH = '''
import subprocess, sys
sleep = [sys.executable, "-c", "import time; time.sleep(60)"]
print(subprocess.Popen(sleep, start_new_session=True, stdout=subprocess.DEVNULL).pid)
'''

def work():
    detached = subprocess.run([sys.executable, "-c", DETACH], stdout=subprocess.PIPE, text=True).stdout
    print(os.getpid(), detached, flush=True)
    time.sleep(60 if len(sys.argv) < 2 else 0)
    return 7

sys.exit(guarded(work))
"""


class Guarded:
    """A guard, the process of its work, and what that work detached."""

    def __init__(self, *words: str) -> None:
        command = [sys.executable, "-c", PROGRAM, *words]
        self.guard = subprocess.Popen(command, cwd=CLONE, stdout=subprocess.PIPE, text=True)
        assert self.guard.stdout
        self.work, self.detached = (int(word) for word in self.guard.stdout.readline().split())

    def end(self) -> int:
        """Wait for the guard; its exit code."""
        return self.guard.wait(30)

    def close(self) -> None:
        self.guard.kill()
        self.guard.communicate()
        for pid in (self.work, self.detached):
            if psutil.pid_exists(pid):
                psutil.Process(pid).kill()


@pytest.fixture(params=[()])
def guarded(request: pytest.FixtureRequest) -> Iterator[Guarded]:
    made = Guarded(*request.param)
    yield made
    made.close()


@pytest.mark.parametrize("guarded", [("at once",)], indirect=True)
def test_the_exit_code_is_the_works(guarded: Guarded) -> None:
    assert guarded.end() == 7
    assert not psutil.pid_exists(guarded.detached)


@pytest.mark.fault("controller killed", ends="cleaned up")
def test_killed_work_leaves_nothing(guarded: Guarded) -> None:
    psutil.Process(guarded.work).kill()
    assert guarded.end() == 128 + signal.SIGKILL
    assert not psutil.pid_exists(guarded.detached)


@pytest.mark.fault("controller interrupted", ends="cleaned up")
def test_a_request_to_end_reaches_the_work(guarded: Guarded) -> None:
    guarded.guard.terminate()
    assert guarded.end() == 128 + signal.SIGTERM
    assert not psutil.pid_exists(guarded.detached)


@pytest.mark.fault("controller killed", ends="cleaned up")
def test_a_killed_guard_ends_its_work(guarded: Guarded) -> None:
    guarded.guard.kill()
    guarded.guard.wait(10)
    psutil.wait_procs([psutil.Process(guarded.work)] if psutil.pid_exists(guarded.work) else [], timeout=10)
    assert not psutil.pid_exists(guarded.work)
