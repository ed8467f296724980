"""How a program is run: by argument list, without a terminal, bounded in time together with all its children."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..namaskah_host import passwords
from ..namaskah_host.foreign import visible

_KEPT_CHARACTERS = 2000


class CommandTimeoutError(Exception):
    """The program and its children were killed because their time was over."""


@dataclass(frozen=True)
class Done:
    """How a program ended: its exit status (negative: the signal that killed it) and its two outputs.

    `raw` is the first output as it came: names of files and their content need be no UTF-8.
    """

    status: int
    out: str
    err: str
    raw: bytes = b""


class Program:
    """A program that runs beside us until it is finished or stopped."""

    def __init__(
        self, argv: Sequence[str], *, env: Mapping[str, str], cwd: str | None = None, keep_open: Sequence[int] = ()
    ) -> None:
        """Start `argv` with exactly `env`; `keep_open` are descriptors that it inherits, such as the one of a lock.

        It gets a session of its own, so that it can ask no terminal and is killed with its children.
        Raises FileNotFoundError when there is no such program.
        """
        self.name = Path(argv[0]).name
        self._process = subprocess.Popen(
            list(argv),
            env=dict(env),
            cwd=cwd,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            pass_fds=tuple(keep_open),
        )

    def finish(self, timeout: float, stdin: str = "") -> Done:
        """Give it `stdin`, wait for its end, at most `timeout` seconds, and say how it ended.

        Raises CommandTimeoutError; nothing of the program is left then.
        """
        try:
            out, err = self._process.communicate(os.fsencode(stdin), timeout=max(timeout, 0.001))
        except subprocess.TimeoutExpired as error:
            raise CommandTimeoutError(f"{self.name} was stopped, its time of {timeout:.0f} s was over") from error
        finally:
            self.stop()
        # Text mode would turn a carriage return, which may stand in a name or a message, into the end of a line.
        return Done(self._process.returncode, out.decode(errors="replace"), err.decode(errors="replace"), out)

    def stop(self) -> None:
        """Kill its whole session when it has not ended: a child left behind would hold its pipes open."""
        if self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            if stream is not None:
                with contextlib.suppress(BrokenPipeError):
                    stream.close()


def run(
    argv: Sequence[str],
    *,
    env: Mapping[str, str],
    timeout: float,
    cwd: str | None = None,
    stdin: str = "",
    keep_open: Sequence[int] = (),
) -> Done:
    """Run `argv` to its end; see Program for the arguments and the errors."""
    return Program(argv, env=env, cwd=cwd, keep_open=keep_open).finish(timeout, stdin)


def readable(text: str) -> str:
    """The end of what a program said, without passwords in addresses; what a terminal would obey is an escape."""
    shown = visible(passwords.hidden(text)).strip()
    return shown if len(shown) <= _KEPT_CHARACTERS else "..." + shown[-_KEPT_CHARACTERS:]
