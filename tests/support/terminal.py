"""A command at a pseudo-terminal of its own, at which a test types as a person does."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import termios
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

SECONDS = 60
HIDDEN, SHOWN = "\x1b[?25l", "\x1b[?25h"  # the cursor, as every terminal takes and gives it
# The keys of a terminal are signals only for the session that it controls.
TAKE = "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])"


class Terminal:
    """Runs `command` in a session that the terminal controls; `seen` is what has appeared there."""

    def __init__(
        self, command: Sequence[str], *, folder: Path, environ: Mapping[str, str], seconds: float = SECONDS
    ) -> None:
        self.ours, self.theirs = pty.openpty()
        # With echo on, as a shell leaves it: what the command changes has to be put back.
        self.before = termios.tcgetattr(self.theirs)
        self.seconds = seconds
        self.seen = ""
        self.process = subprocess.Popen(
            [sys.executable, "-c", TAKE, *command], cwd=folder, env={"TERM": "xterm", **environ}, text=True,
            stdin=self.theirs, stdout=self.theirs, stderr=self.theirs, start_new_session=True,
        )  # fmt: skip

    def read(self) -> str:
        """Return what has been seen, with what came within a moment."""
        if select.select([self.ours], [], [], 0.2)[0]:
            self.seen += os.read(self.ours, 65536).decode(errors="replace")
        return self.seen

    def wait_for(self, *texts: str) -> None:
        """Read until all texts were seen; the command must not have ended before."""
        end = time.monotonic() + self.seconds
        while not all(text in self.read() for text in texts):
            assert time.monotonic() < end, self.seen[-3000:]
            assert self.process.poll() is None, self.seen[-3000:]

    def type(self, keys: str) -> None:
        """Press keys."""
        os.write(self.ours, keys.encode())

    def end(self) -> int:
        """Read until the command ends, and return its exit code; the terminal must be as it was, with its cursor."""
        end = time.monotonic() + self.seconds
        while self.process.poll() is None:
            assert time.monotonic() < end, self.seen[-3000:]
            self.read()
        self.read()
        assert termios.tcgetattr(self.theirs) == self.before
        assert self.seen.rfind(SHOWN) >= self.seen.rfind(HIDDEN), self.seen[-2000:]
        self.close()
        return self.process.returncode

    def close(self) -> None:
        """Close the window: a command that still runs is hung up."""
        os.close(self.theirs)
        os.close(self.ours)
