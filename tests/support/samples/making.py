"""How is a sample made: its repository, and the environment of its releases?"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tests.support.samples.sample import EXAMPLES, Release, Sample, make_environment

# What each sample's environment holds: that of v1.2.0 runs every good tag, and daphne beside it.
REQUIREMENTS = {"dashboard": ["requirements.txt", "requirements-daphne.txt"], "ledger": ["requirements.txt"]}
Releaser = Callable[..., Release]
Schemas = Callable[[str], str]


def make(name: str, folder: Path) -> Sample:
    """Build the repository and the environment."""
    repository = folder / "origin.git"
    command = [sys.executable, str(EXAMPLES / "history.py"), name, str(repository), "--json"]
    described = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    files = [show(repository, f"v1.2.0:{path}") for path in REQUIREMENTS[name]]
    lines = [line for text in files for line in text.splitlines() if not line.startswith(("#", "-r"))]
    return Sample(name, repository, described, make_environment(folder / "venv", lines, folder / "lines.txt"))


def show(repository: Path, path: str) -> str:
    """Return the content of a file in a commit."""
    command = ["git", f"--git-dir={repository}", "show", path]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout
