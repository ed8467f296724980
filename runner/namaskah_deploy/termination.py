"""How is a running ansible-playbook ended so that nothing of it stays behind?

Its workers have their own sessions (ansible-core >= 2.19), so a signal to the process group misses them, and a kill of
the main process leaves them working. SIGINT to the main process lets Ansible end them itself; what is left after the
grace is killed by id. Nothing is ever found by name.
"""

import contextlib
import signal
import time
from collections.abc import Callable

import psutil

GRACE = 5.0
"""Seconds between SIGINT and SIGTERM, as long as Ansible needs to end its workers."""
LAST_GRACE = 5.0
"""Seconds between SIGTERM and the kill."""
_PAUSE = 0.2
_HOST_PROGRAM = "namaskah_host"


class Termination:
    """Ends the tree of processes below one child, step by step; `poll` it until the child is gone."""

    def __init__(
        self, *, grace: float = GRACE, last_grace: float = LAST_GRACE, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._grace = grace
        self._last_grace = last_grace
        self._clock = clock
        self._began: float | None = None
        self._looked = 0.0
        self._sent: set[int] = set()
        self._tree: dict[int, psutil.Process] = {}

    @property
    def began(self) -> bool:
        """Whether the end was asked for."""
        return self._began is not None

    def poll(self, root: psutil.Process | None) -> None:
        """Take the next step towards the end of `root`, the main ansible-playbook (None = not started yet)."""
        now = self._clock()
        if self._began is None:
            self._began = now
        if root is None or (self._sent and now - self._looked < _PAUSE):
            return
        self._looked = now
        self._remember(root)
        if not _lives(root):
            self.kill_rest()
        elif now - self._began >= self._grace + self._last_grace:
            _send(root, signal.SIGKILL)
            self.kill_rest()
        elif now - self._began >= self._grace:
            self._once(root, signal.SIGTERM)
        else:
            self._once(root, signal.SIGINT)

    def unheard(self) -> None:
        """Go on to SIGTERM at once: the play went on after SIGINT.

        Python loses the exception that SIGINT raises where none can be raised, as while it forks.
        """
        if signal.SIGINT in self._sent and self._began is not None:
            self._began = min(self._began, self._clock() - self._grace)

    def kill_rest(self) -> None:
        """Kill what was below the main process and has outlived it."""
        for process in self._tree.values():
            if _lives(process) and not _belongs_to_host(process):
                _send(process, signal.SIGKILL)

    def kill_orphans(self, variable: str, value: str) -> None:
        """Kill what a main process left that died without being asked to: it had this variable in its environment.

        Its workers are forks of it, so they have its command as well; what a host started with that variable has not.
        """
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                forked = any("ansible-playbook" in word for word in process.cmdline()[:3])
                if forked and process.environ().get(variable) == value:
                    below = process.children(recursive=True)
                    self._tree.update({one.pid: one for one in (process, *below)})
        self.kill_rest()

    def left(self) -> list[int]:
        """Return the ids of the processes that still live."""
        return [pid for pid, process in self._tree.items() if _lives(process) and not _belongs_to_host(process)]

    def _remember(self, root: psutil.Process) -> None:
        """Look once at all processes, and keep those below `root` or below one that was there before."""
        below = {root.pid, *(pid for pid, process in self._tree.items() if _lives(process))}
        parents = {process.pid: (process, process.info["ppid"]) for process in psutil.process_iter(["ppid"])}
        while found := {pid for pid, (_, parent) in parents.items() if parent in below and pid not in below}:
            below |= found
            self._tree.update({pid: parents[pid][0] for pid in found})

    def _once(self, root: psutil.Process, number: int) -> None:
        if number not in self._sent:
            self._sent.add(number)
            _send(root, number)


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _belongs_to_host(process: psutil.Process) -> bool:
    """With a local connection the host's own watcher begins below Ansible, and has to outlive it."""
    try:
        return any(_HOST_PROGRAM in word for word in process.cmdline())
    except psutil.Error:
        return False


def _send(process: psutil.Process, number: int) -> None:
    with contextlib.suppress(psutil.Error):
        process.send_signal(number)
