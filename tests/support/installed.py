"""How is the tool run where it is installed as an operator has it?"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path


class Installed:
    """The tool as an operator has it: a link on the PATH to a script in an environment of its own."""

    def __init__(self, folder: Path) -> None:
        self.environment = folder / "environment"
        self.link = folder / "operator" / "namaskah-deploy"
        self.home = folder / "home"
        self.home.mkdir()

    @property
    def python(self) -> Path:
        return self.environment / "bin" / "python"

    def run(self, *words: str, cwd: Path, timeout: float = 120) -> subprocess.CompletedProcess[str]:
        """Run the linked command with an almost empty environment, as cron or a CI runner would."""
        return run([str(self.link), *words], cwd=cwd, home=self.home, timeout=timeout)


def run(words: Sequence[str], *, cwd: Path, home: Path, timeout: float) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(home), "LANG": "C.UTF-8"}
    return subprocess.run(
        words,
        cwd=cwd,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
