"""How a system command is run: argument lists only, bounded, and a failure says why."""

import os
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.support.lab.errors import LabError

_TAIL_LINES = 15


def run(
    argv: Sequence[str | Path],
    *,
    check: bool = True,
    timeout: float = 60,
    stdin: str | None = None,
    env: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run `argv` and return it with its output as text.

    `timeout` is in seconds; `env` is added to the environment. Raises LabError when the program
    is missing, runs out of time or, with `check`, ends with a status other than 0.
    """
    words = [str(word) for word in argv]
    try:
        done = subprocess.run(
            words,
            input=stdin or "",  # Never our own standard input.
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
            env={**os.environ, "PATH": search_path(), **(env or {})},
            check=False,
        )
    except FileNotFoundError as error:
        raise LabError(f"{words[0]}: not installed on this machine") from error
    except subprocess.TimeoutExpired as error:
        raise LabError(f"no end after {timeout:g} s: {shlex.join(words)}") from error
    if check and done.returncode != 0:
        raise LabError(describe_failure(words, done))
    return done


def search_path() -> str:
    """PATH with the administrator's folders, which a shell that is not root's leaves out."""
    return os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])


def describe_failure(words: Sequence[str], done: subprocess.CompletedProcess[str]) -> str:
    """One message with the command, its exit status and the end of what it printed."""
    output = (done.stderr.strip() or done.stdout.strip()).splitlines()[-_TAIL_LINES:]
    lines = [f"exit status {done.returncode}: {shlex.join(words)}", *(f"  {line}" for line in output)]
    return "\n".join(lines)
