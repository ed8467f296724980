"""What is installed for these tests? The wheel of this checkout and its pinned dependencies, in a fresh environment."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.building import build_wheel, checked
from tests.support.installed import Installed
from tests.support.project import ROOT

# Proved as well where present, on the PATH or by a version manager; the lab has a controller with Debian 13's Python.
FURTHER = ("python3.12", *map(str, Path.home().glob(".pyenv/versions/3.12.*/bin/python3.12")))


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, made as an installer makes it."""
    return build_wheel(tmp_path_factory.mktemp("dist"))


def runs(python: str) -> bool:
    """Tell whether an interpreter is here and works; a version manager's shim may be there and run nothing."""
    try:
        return (
            subprocess.run([python, "-c", "import venv"], capture_output=True, check=False, timeout=60).returncode == 0
        )
    except OSError:
        return False


@pytest.fixture(
    scope="session", params=[sys.executable, *[*filter(runs, FURTHER)][:1]], ids=lambda path: Path(path).name
)
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Installed:
    """The wheel in an empty environment, reached through a link in a folder that holds nothing else."""
    tool = Installed(tmp_path_factory.mktemp("installed"))
    checked([request.param, "-m", "venv", "--symlinks", tool.environment])
    pip: list[str | Path] = [tool.python, "-m", "pip", "install", "--quiet"]
    checked([*pip, "--require-hashes", "--requirement", ROOT / "requirements" / "run.txt"])
    checked([*pip, "--no-deps", wheel])
    tool.link.parent.mkdir()
    tool.link.symlink_to(tool.environment / "bin" / "namaskah-deploy")
    return tool
