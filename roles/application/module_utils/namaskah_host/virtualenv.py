"""How does a release get its packages? One virtualenv for all releases that ask for the same, whole or not at all."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path

from . import content
from .commands import run
from .contract import Contract
from .failure import Failure
from .files import lock, sync_folder
from .ingredients import Ingredients
from .installers import may_install

VERSIONS = ("SETUPTOOLS_SCM_PRETEND_VERSION", "PBR_VERSION")
FOR_PIP = ("PIP_", *VERSIONS)
VERSIONED = re.compile(r"setuptools[-_]scm|hatch[-_]vcs|versioneer|PBR_VERSION", re.IGNORECASE)


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


def place_of(contract: Contract, files: list[Path], release: Path, secrets: Mapping[str, str]) -> Path:
    """Return where the virtualenv of a release is; `release` is its folder, `secrets` the build's.

    It is named after everything that its installation reads, and shared by all releases that read the same. Where that
    cannot be known beforehand, or what is there was changed since, it is the release's own, and has its name.
    """
    version = run(
        [contract.python, "-VV"],
        what="ask the interpreter",
        timeout=20,
        next_step="set namaskah_python to an interpreter with the venv module",
    )
    commands = [*contract.build_commands, contract.collect_command, *contract.post_collect_commands]
    own = contract.root / "venvs" / release.name
    if contract.virtualenv == "own" or any(may_install(words, release) for words in commands):
        return own
    read = Ingredients(release, _surroundings(secrets))
    read.add(version, os.path.realpath(shutil.which(contract.python) or contract.python), json.dumps(commands))
    read.add(json.dumps({name: value for name, value in secrets.items() if name.startswith(VERSIONS)}, sort_keys=True))
    read.installed(files, contract.pip_arguments)
    shared = contract.root / "venvs" / read.digest[:16]
    return own if read.unknown or changed(contract, shared) else shared


def changed(contract: Contract, place: Path) -> list[str]:
    """Return what is not as it was installed; nothing where there is no virtualenv yet."""
    return content.differences(place, place / ".files.json", contract.may_change)


def _surroundings(secrets: Mapping[str, str]) -> dict[str, str]:
    """Return pip's environment. An index may want a password, and command lines can be seen by everybody.

    The other names give a version to what would ask git for one (setuptools-scm, hatch-vcs, pbr).
    """
    return {**os.environ, **{name: value for name, value in secrets.items() if name.startswith(FOR_PIP)}}


def make(
    contract: Contract, place: Path, files: list[Path], *, release: Path, secrets: Mapping[str, str], held: int | None
) -> None:
    """Make the virtualenv unless it is there whole; `secrets` and `held` are the build's. Raises Failure.

    A release's own is made anew: commands of a build that was killed may have changed it.
    """
    with lock(place.with_suffix(".lock"), contract.pip_timeout):
        if (place / ".complete").exists() and place.name != release.name:
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
    try:
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
            env=_surroundings(secrets),
            secrets=contract.secrets_of(secrets),
            held=held,
            next_step="correct the requirement in the repository; nothing was switched",
        )
    except Failure as failure:
        if not VERSIONED.search(failure.why):
            raise
        next_step = (
            "a release is no checkout of git, so no version comes from there: commit a .git_archival.txt with "
            "export-subst (setuptools-scm), or name the version in provision_environment, as "
            "SETUPTOOLS_SCM_PRETEND_VERSION or PBR_VERSION; nothing was switched"
        )
        raise Failure(failure.kind, failure.what, failure.where, failure.why, next_step) from None
