"""How does a release get its packages? One virtualenv for all releases that ask for the same, whole or not at all."""

from __future__ import annotations

import contextlib
import fnmatch
import json
import os
import re
import shutil
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

from . import committed, content
from .commands import run
from .contract import Contract
from .failure import Failure
from .files import lock, sync_folder
from .ingredients import Ingredients
from .installers import may_install

VERSIONS = (
    "SETUPTOOLS_SCM_PRETEND_VERSION", "PBR_VERSION", "POETRY_DYNAMIC_VERSIONING_BYPASS", "UV_DYNAMIC_VERSIONING_BYPASS",
)  # fmt: skip
FOR_PIP = ("PIP_", *VERSIONS)
# What setuptools-scm, hatch-vcs, pbr, versioneer and dunamai (of poetry- and uv-dynamic-versioning) say; their names
# alone stand in the output of every installation that needs them.
VERSIONED = re.compile(
    r"was unable to detect version|Versioning for this project requires either an sdist|Versioneer was unable|"
    r"Unable to detect version control system|This does not appear to be an? \w+ project",
    re.IGNORECASE,
)
DENIED = re.compile(r"Permission denied|\bEACCES\b|not writ(e)?able", re.IGNORECASE)
OWN = "set `namaskah_virtualenv: own`, and release again"


def requirement_files(contract: Contract, release: Path) -> list[Path]:
    """Return the files in a release's folder that name its packages. Raises Failure where one is missing."""
    files = [release / name for name in contract.requirements]
    for file in files:
        if not file.is_file():
            raise committed.requirements_missing("failed", str(file))
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


@contextlib.contextmanager
def closed(contract: Contract, place: Path) -> Iterator[None]:
    """Let commands put nothing into the packages that releases share, nor take anything out, while they run.

    The folders lose the owner's right to write: installers replace files, they do not write into them, and a file whose
    mode changed would be drift of the live release. What a running application may change stays open. A run that was
    killed leaves them closed; the next one that uses or removes the virtualenv opens them first.
    """
    modes = []
    try:
        for folder, seen in _folders(place):
            if seen.st_mode & stat.S_IWUSR and not _may_change(contract, folder.relative_to(place)):
                modes.append((folder, stat.S_IMODE(seen.st_mode)))
                _chmod(folder, stat.S_IMODE(seen.st_mode) & ~stat.S_IWUSR)
        yield
    except Failure as failure:
        if str(place) not in failure.why or not DENIED.search(failure.why):
            raise
        why = f"{failure.why}\nit was to change the packages that releases share, which are closed while a build runs"
        raise Failure(failure.kind, failure.what, failure.where, why, OWN) from None
    finally:
        for folder, mode in modes:
            _chmod(folder, mode)


def reopen(place: Path) -> None:
    """Give the owner of a virtualenv's folders the right to write there again, after a run that was killed."""
    for folder, seen in _folders(place):
        if not seen.st_mode & stat.S_IWUSR:
            _chmod(folder, stat.S_IMODE(seen.st_mode) | stat.S_IWUSR)


def _chmod(folder: Path, mode: int) -> None:
    with contextlib.suppress(OSError):  # of another user, by hand: commands of this one cannot write there either
        folder.chmod(mode)


def remove(place: Path, *, ignore_errors: bool = False) -> None:
    """Remove a virtualenv."""
    reopen(place)
    shutil.rmtree(place, ignore_errors=ignore_errors)


def _folders(place: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """Yield a folder and those below it, with their stat(2); none that a link leads to."""
    for folder, _, _ in os.walk(place):
        yield Path(folder), os.lstat(folder)


def _may_change(contract: Contract, folder: Path) -> bool:
    """Whether a running application may write files of its own in a folder of its virtualenv."""
    return any(
        fnmatch.fnmatch(f"{folder}/x", one) or fnmatch.fnmatch(str(folder), str(Path(one).parent))
        for one in contract.may_change
    )


def make(
    contract: Contract, place: Path, files: list[Path], *, release: Path, secrets: Mapping[str, str], held: int | None
) -> None:
    """Make the virtualenv unless it is there whole; `secrets` and `held` are the build's. Raises Failure.

    A release's own is made anew: commands of a build that was killed may have changed it.
    """
    with lock(place.with_suffix(".lock"), contract.pip_timeout):
        if (place / ".complete").exists() and place.name != release.name:
            reopen(place)
            return
        remove(place, ignore_errors=True)
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
    with versions_explained():
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


@contextlib.contextmanager
def versions_explained() -> Iterator[None]:
    """Say of a command that asks git for a version what gives it one. Raises Failure."""
    try:
        yield
    except Failure as failure:
        if not VERSIONED.search(failure.why):
            raise
        next_step = (
            "a release is no checkout of git, so no version comes from there: commit a .git_archival.txt with "
            f"export-subst (setuptools-scm), or name the version in provision_environment, as {' or '.join(VERSIONS)}; "
            "nothing was switched"
        )
        raise Failure(failure.kind, failure.what, failure.where, failure.why, next_step) from None
