"""Who ends everything if the demo itself is killed? Its parent, which does nothing else.

Like the first process of a machine it takes in what its descendants leave behind, such as a host's detached watcher.
"""

from __future__ import annotations

import ctypes
import os
import signal
from collections.abc import Callable
from contextlib import suppress

import psutil

from demo.processes import PR_SET_CHILD_SUBREAPER, die_with_parent, end_all


def guarded(work: Callable[[], int]) -> int:
    """Run `work` in a child and return its exit code; whatever it started has ended then."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    child = os.fork()
    if child == 0:
        die_with_parent(signal.SIGTERM)
        os._exit(work())
    # Ctrl-C reaches the child, too, which ends in good order; a request to end is passed on to it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: _pass_on(child))
    try:
        return _await(child)
    finally:
        end_all(psutil.Process().children(recursive=True))


def _pass_on(child: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(child, signal.SIGTERM)


def _await(child: int) -> int:
    """Take in whatever ends until `child` has; its exit code, as a shell would give it."""
    while True:
        pid, status = os.waitpid(-1, 0)
        if pid == child:
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code
