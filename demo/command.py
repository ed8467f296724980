"""How does the demo release? As an operator does, by the command line; its JSON document says how it went."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from demo.errors import DemoError
from demo.inventory import ENVIRONMENT
from demo.places import Places


@dataclass(frozen=True)
class Done:
    """One command and how it ended; `seconds` is its wall time."""

    shown: str
    code: int
    seconds: float
    document: dict[str, Any]

    @property
    def headline(self) -> str:
        """Its outcome in one sentence."""
        return str(self.document.get("headline", ""))


class CommandLine:
    """The command `namaskah-deploy`, with the demo's inventory and a folder of its own for records."""

    def __init__(self, places: Places) -> None:
        self.places = places

    @property
    def records(self) -> Path:
        """The folder with one folder for each run."""
        return self.places.folder / "state" / "namaskah-deploy" / "runs"

    def run(self, *words: str) -> Done:
        """Run a command, with its progress on this terminal; raises DemoError when it gives no document."""
        command = [sys.executable, "-m", "namaskah_deploy", *words, "--yes", "--json"]
        started = time.monotonic()
        done = subprocess.run(
            [*command, "--inventory", str(self.places.inventory)],
            env=environment(self.places),
            cwd=self.places.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        )
        seconds = time.monotonic() - started
        shown = shlex.join(["namaskah-deploy", *words])
        try:
            return Done(shown, done.returncode, seconds, json.loads(done.stdout))
        except ValueError:
            raise DemoError(f"`{shown}` ended with {done.returncode} and no report:\n{done.stdout[-2000:]}") from None


def deploy(line: CommandLine, tag: str) -> Done:
    """Release a tag."""
    return line.run(ENVIRONMENT, "--ref", tag)


def rollback(line: CommandLine, tag: str) -> Done:
    """Go back to a tag."""
    return line.run("rollback", ENVIRONMENT, "--tag", tag)


def environment(places: Places) -> dict[str, str]:
    """The environment of everything that the demo starts: the machine's path and words, nothing personal."""
    programs = str(Path(sys.executable).parent)
    kept = {name: os.environ[name] for name in ("USER", "LOGNAME", "TERM", "NO_COLOR", "TZ") if name in os.environ}
    return {
        **kept,
        "PATH": os.pathsep.join([programs, os.environ.get("PATH", "/usr/local/bin:/usr/bin:/bin")]),
        "HOME": str(places.home),
        "XDG_STATE_HOME": str(places.folder / "state"),
        "XDG_CACHE_HOME": str(places.folder / "cache"),
        "LC_ALL": "C.UTF-8",
    }
