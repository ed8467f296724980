"""The wheel, built from this checkout, and an environment that holds it and its pinned dependencies alone."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from collections.abc import Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


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


def checked(words: Sequence[str | Path]) -> None:
    quiet = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_ROOT_USER_ACTION": "ignore"}
    done = subprocess.run(words, cwd=ROOT, env=quiet, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, f"{' '.join(map(str, words))}\n{done.stdout}{done.stderr}"


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, made as an installer makes it from a source archive: of that archive, not of the checkout."""
    folder = tmp_path_factory.mktemp("dist")
    checked([sys.executable, "-m", "hatchling", "build", "--target", "sdist", "--directory", folder])
    (archive,) = folder.glob("*.tar.gz")
    checked(
        [
            *(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"),
            *("--wheel-dir", folder, archive),
        ]
    )
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """The wheel in an empty environment, reached through a link in a folder that holds nothing else."""
    tool = Installed(tmp_path_factory.mktemp("installed"))
    venv.create(tool.environment, with_pip=True, symlinks=True)
    pip: list[str | Path] = [tool.python, "-m", "pip", "install", "--quiet"]
    checked([*pip, "--require-hashes", "--requirement", ROOT / "requirements" / "run.txt"])
    checked([*pip, "--no-deps", wheel])
    tool.link.parent.mkdir()
    tool.link.symlink_to(tool.environment / "bin" / "namaskah-deploy")
    return tool
