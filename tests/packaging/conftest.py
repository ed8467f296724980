"""The wheel, built from this checkout, and an environment that holds it and its pinned dependencies alone."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.support.building import build_wheel, checked
from tests.support.project import ROOT

# Proved as well where present, on the PATH or by a version manager; the lab has a controller with Debian 13's Python.
FURTHER = ("python3.12", *map(str, Path.home().glob(".pyenv/versions/3.12.*/bin/python3.12")))


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
