"""How is the wheel made that tests install? As an installer makes it: from a source archive of this checkout."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.support.project import ROOT


def checked(words: Sequence[str | Path]) -> None:
    """Run a command that must succeed, with pip's remarks switched off."""
    quiet = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_ROOT_USER_ACTION": "ignore"}
    done = subprocess.run(words, cwd=ROOT, env=quiet, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, f"{' '.join(map(str, words))}\n{done.stdout}{done.stderr}"


def build_wheel(folder: Path) -> Path:
    """Build the archive, and of it, not of the checkout, the wheel; return the wheel's path below `folder`."""
    checked([sys.executable, "-m", "hatchling", "build", "--target", "sdist", "--directory", folder])
    (archive,) = folder.glob("*.tar.gz")
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    checked([*pip, "--wheel-dir", folder, archive])
    (built,) = folder.glob("*.whl")
    return built
