"""How a program is run: by argument list, without a terminal, bounded in time together with all its children."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_PASSWORD_IN_ADDRESS = re.compile(r"(://[^\s/:@]*):[^\s/@]*@")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e]")
_KEPT_CHARACTERS = 2000


class CommandTimeoutError(Exception):
    """The program and its children were killed because their time was over."""


@dataclass(frozen=True)
class Done:
    """How a program ended: its exit status (negative: the signal that killed it) and its two outputs."""

    status: int
    out: str
    err: str


def run(
    argv: Sequence[str],
    *,
    env: Mapping[str, str],
    timeout: float,
    cwd: str | None = None,
    stdin: str = "",
    keep_open: Sequence[int] = (),
) -> Done:
    """Run `argv` with exactly `env` and give back how it ended.

    `timeout` is in seconds. `keep_open` are descriptors that the program inherits, such as the one of a lock.
    The program gets a session of its own, so that it can ask no terminal and is killed with its children.
    Raises CommandTimeoutError, and FileNotFoundError when there is no such program.
    """
    with subprocess.Popen(
        list(argv),
        env=dict(env),
        cwd=cwd,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        pass_fds=tuple(keep_open),
        text=True,
        encoding="utf-8",
        errors="replace",
    ) as process:
        try:
            out, err = process.communicate(stdin, timeout=max(timeout, 0.001))
        except subprocess.TimeoutExpired as error:
            raise CommandTimeoutError(f"{Path(argv[0]).name} was stopped after {timeout:.0f} s") from error
        finally:
            _end(process)
    return Done(process.returncode, out, err)


def _end(process: subprocess.Popen[str]) -> None:
    """Kill the whole session of a program that has not ended: a child left behind would hold its pipes open."""
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def readable(text: str) -> str:
    """The end of what a program said, without passwords in addresses and without terminal controls."""
    shown = _PASSWORD_IN_ADDRESS.sub(r"\1:***@", _CONTROL.sub("", text)).strip()
    return shown if len(shown) <= _KEPT_CHARACTERS else "..." + shown[-_KEPT_CHARACTERS:]
