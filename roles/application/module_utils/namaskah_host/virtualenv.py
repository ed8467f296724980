"""How does a release get its packages? One virtualenv for all releases that ask for the same, whole or not at all."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from . import content
from .commands import run
from .contract import Contract
from .failure import Failure
from .files import lock, sync_folder
from .requirements import with_includes


def requirement_files(contract: Contract, release: Path) -> list[Path]:
    """Return the files in a release's folder that name its packages. Raises Failure where one is missing."""
    files = [release / name for name in contract.requirements]
    for file in files:
        if not file.is_file():
            raise Failure(
                "failed",
                "read the requirements",
                str(file),
                "the commit has no such file",
                "set namaskah_requirements to the files that the repository has",
            )
    return files


def place_of(contract: Contract, files: list[Path]) -> Path:
    """Return where the virtualenv of these files is: named after them, pip's arguments and the interpreter."""
    version = run(
        [contract.python, "-VV"],
        what="ask the interpreter",
        timeout=20,
        next_step="set namaskah_python to an interpreter with the venv module",
    )
    known = hashlib.sha256(version.encode())
    for file in with_includes(files):
        known.update(hashlib.sha256(file.read_bytes()).digest())
    known.update(json.dumps(contract.pip_arguments).encode())
    return contract.root / "venvs" / known.hexdigest()[:16]


def make(
    contract: Contract, place: Path, files: list[Path], *, release: Path, secrets: Mapping[str, str], held: int | None
) -> None:
    """Make the virtualenv unless it is there whole; `secrets` and `held` are the build's. Raises Failure."""
    with lock(place.with_suffix(".lock"), contract.pip_timeout):
        if (place / ".complete").exists():
            return
        shutil.rmtree(place, ignore_errors=True)
        run(
            [contract.python, "-m", "venv", str(place)],
            what="make the virtualenv",
            timeout=120,
            held=held,
            next_step="install the interpreter's venv module",
        )
        _install(contract, place, files, release=release, secrets=secrets, held=held)
        content.record(place, place / ".files.json")
        (place / ".complete").touch()
        sync_folder(place)


def _install(
    contract: Contract, place: Path, files: list[Path], *, release: Path, secrets: Mapping[str, str], held: int | None
) -> None:
    wanted = [word for file in files for word in ("--requirement", str(file))]
    if not wanted:
        return
    run(
        [
            str(place / "bin/python"),
            "-m",
            "pip",
            "install",
            "--quiet",
            "--no-input",
            "--disable-pip-version-check",
            *contract.pip_arguments,
            *wanted,
        ],
        what="install the requirements",
        timeout=contract.pip_timeout,
        cwd=release,
        # An index may want a password: pip reads it here, for command lines can be seen by everybody.
        env={**os.environ, **{name: value for name, value in secrets.items() if name.startswith("PIP_")}},
        secrets=secrets,
        held=held,
        next_step="correct the requirement in the repository; nothing was switched",
    )
