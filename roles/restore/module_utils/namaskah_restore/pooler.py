"""How clients behind pgbouncer are held off: its own PAUSE and RESUME, so that they wait and see no error.

Whoever pauses may be killed, and a paused pool waits for ever. So a process of its own, started before the pause,
resumes as soon as the pauser is gone or its time is over. See pgbouncer(1), "Process controlling commands".
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
from collections.abc import Iterator

from ansible.module_utils.namaskah_backups.session import address
from ansible.module_utils.namaskah_backups.tools import Tools
from ansible.module_utils.namaskah_command import CommandTimeoutError
from ansible.module_utils.namaskah_host.failure import Failure

from . import queries
from .settings import Asked

_CONSOLE = "pgbouncer"
_NEXT = "nothing was swapped; end clients that stay inside a transaction, or raise restore_pooler_timeout"


@contextlib.contextmanager
def held(tools: Tools, asked: Asked, live: str) -> Iterator[None]:
    """Hold off the pooler's clients for the block, where there is a pooler. Raises Failure when it cannot be paused."""
    if not asked.pooler_service:
        yield
        return
    guard = _Guard(tools, asked, live)
    try:
        _tell(tools, asked, "PAUSE", live)
        yield
    finally:
        try:
            resume(tools, asked, live)
        finally:
            guard.dismiss()


def resume(tools: Tools, asked: Asked, live: str) -> None:
    """Let the pooler's clients go on; a pool that was not paused is no error."""
    if not asked.pooler_service:
        return
    _tell(tools, asked, "RESUME", live, good=("not paused",))


def check(tools: Tools, asked: Asked) -> None:
    """Raise Failure when the pooler's console does not answer."""
    if asked.pooler_service:
        _ask(tools, asked, "SHOW VERSION")


def _tell(tools: Tools, asked: Asked, verb: str, live: str, good: tuple[str, ...] = ()) -> None:
    _ask(tools, asked, f"{verb} {queries.name(asked.pooler_database or live)}", good)


def _ask(tools: Tools, asked: Asked, command: str, good: tuple[str, ...] = ()) -> None:
    """Give the admin console a command; `good` are refusals of its that are none for us."""
    words = ["psql", "--no-psqlrc", "--quiet", "--no-password", "--set=ON_ERROR_STOP=1"]
    words += [f"--dbname={address(asked.pooler_service, _CONSOLE)}", f"--command={command}"]
    where = f"pgbouncer at service {asked.pooler_service}, {command}"
    try:
        done = tools.start(words, {"PGOPTIONS": ""}).finish(asked.pooler_timeout)  # a pooler takes none
    except CommandTimeoutError as error:
        raise Failure("timeout", "The pool of connections cannot be held off", where, str(error), _NEXT) from error
    if done.status != 0 and not any(word in done.err for word in good):
        why = done.err.strip() or f"psql ended with status {done.status}"
        next_step = "mend its entry in the service file, or its admin_users; then try again"
        raise Failure("failed", "The pool of connections does not obey", where, why, next_step)


class _Guard:
    """A process that resumes the pool when the one that paused it is gone."""

    def __init__(self, tools: Tools, asked: Asked, live: str) -> None:
        reading, self._writing = os.pipe()
        seconds = asked.pooler_timeout * 2 + asked.hold_timeout * 2
        self._pid = os.fork()
        if self._pid == 0:
            with contextlib.suppress(BaseException):
                os.close(self._writing)
                os.setsid()
                signal.signal(signal.SIGTERM, signal.SIG_IGN)
                signal.signal(signal.SIGHUP, signal.SIG_IGN)
                _leave_pipes()
                if not select.select([reading], [], [], seconds)[0] or os.read(reading, 1) != b".":
                    resume(tools, asked, live)
            os._exit(0)
        os.close(reading)

    def dismiss(self) -> None:
        """The pool was resumed: the guard need not."""
        with contextlib.suppress(OSError):
            os.write(self._writing, b".")
        os.close(self._writing)
        os.waitpid(self._pid, 0)


def _leave_pipes() -> None:
    """Nobody who waits for the end of the module's outputs should wait for the guard."""
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
