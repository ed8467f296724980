"""Is what was exported all of the commit, and does nothing in it lead out of the release?

A link to a file of the host would be collected, served and read with the rights of the deploy user; a submodule or a
file kept by LFS would be missing where nobody looks.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Iterator
from pathlib import Path

from . import lfs
from .content import shortened
from .contract import Contract
from .failure import Failure
from .release import OURS, is_ours
from .submodules import links

ANNEX = b"/annex/objects/"  # begins a pointer of git-annex, and is in its links (git-annex, internals)
ENCRYPTED = b"\0GITCRYPT\0"  # begins each file that git-crypt has encrypted
EXPORT_IGNORE = "keep it out of the export: `NAME export-ignore` in .gitattributes"


def refuse_what_is_no_release(folder: Path, repository: str, shared_paths: Collection[str], listing: str) -> None:
    """Refuse an export by the names of what must not be in a release. Raises Failure (refused).

    `listing` is that of the commit by `git ls-tree -r -z`.
    """
    found = [name for name in OURS if os.path.lexists(folder / name)]
    if found:
        raise _refused(
            repository,
            f"it has {', '.join(found)} at its top, and the tool keeps files of its own under these names",
            f"rename them in a new commit, or {EXPORT_IGNORE}",
        )
    if found := list(kept_elsewhere(folder)):
        raise _refused(
            repository,
            f"git-annex keeps these files elsewhere, or git-crypt has encrypted them: {shortened(found)}",
            "commit the files themselves (`git annex unannex NAME`), or keep secrets in the environment file and other "
            f"data in namaskah_shared_paths; or, unneeded, {EXPORT_IGNORE}",
        )
    refuse_links_out(folder, repository, shared_paths)
    if found := submodules(folder, listing):
        raise _refused(
            repository,
            f"it has submodules, whose files are not in the commit: {shortened(found)}",
            "set namaskah_submodules: fetch; or commit their files (`git subtree add`), or install them as packages; "
            f"or, unneeded, {EXPORT_IGNORE}",
        )
    if found := [name for name, _ in lfs.pointers(folder)]:
        raise _refused(
            repository,
            f"git LFS keeps these files elsewhere, the commit has pointers to them: {shortened(found)}",
            "set namaskah_lfs: fetch; or commit the files themselves (`git lfs migrate export --include=NAME`); "
            f"or, unneeded, {EXPORT_IGNORE}",
        )


def refuse_links_out(folder: Path, repository: str, shared_paths: Collection[str]) -> None:
    """Refuse links of the commit that lead out of the release, if only by a shared path. Raises Failure (refused).

    Links in the place of a shared path are replaced by the tool's own.
    """
    found = [f"{name} -> {target}" for name, target in links_out(folder) if name not in shared_paths]
    if found:
        raise _refused(
            repository,
            f"it has links that lead out of the release: {shortened(found)}",
            "commit what they name, let them be relative and stay inside, or name what outlives a release in "
            f"namaskah_shared_paths; or, unneeded, {EXPORT_IGNORE}",
        )


def refuse_ours_made(contract: Contract, folder: Path) -> None:
    """Refuse a release in which a command has made what stands under the tool's own names. Raises Failure."""
    if is_ours(contract.static_root):
        why = f"{contract.static_root} is where the tool keeps files of its own"
        raise Failure(
            "refused", "find the static files", contract.host, why, "set namaskah_static_root to another folder"
        )
    if found := [name for name in OURS if os.path.lexists(folder / name)]:
        raise Failure(
            "refused",
            "build the release",
            str(folder),
            f"a command made {', '.join(found)} at its top, and the tool keeps files of its own under these names",
            "let namaskah_build_commands or namaskah_collect_command use another name, and release again",
        )


def refuse_links_made(contract: Contract, folder: Path, release: Path, venv: Path) -> None:
    """Refuse links that commands have made below `folder` and that lead out of the release. Raises Failure.

    What is collected may be served, and what a link leads to with it. Interpreters and what Debian installs for
    everybody are no secret: a folder of tools may have links to them.
    """
    inside = [Path(os.path.realpath(place)) for place in (release, venv)]
    found = []
    if Path(os.path.realpath(folder)) != Path(os.path.realpath(release), os.path.relpath(folder, release)):
        folder = release  # a link leads there
    for name, target in links_out(folder):
        link = folder / name
        place = Path(os.path.realpath(link))
        if str(link.relative_to(release)) in contract.shared_paths or any(map(place.is_relative_to, inside)):
            continue
        if not (place.is_relative_to("/usr") and place.exists() and place.stat().st_mode & stat.S_IROTH):
            found.append(f"{link.relative_to(release)} -> {target}")
    if found:
        raise Failure(
            "refused",
            "build the release",
            str(release),
            f"a command made links that lead out of the release: {shortened(found)}",
            "let it copy what the release needs, or name what outlives a release in namaskah_shared_paths",
        )


def _refused(repository: str, why: str, next_step: str) -> Failure:
    return Failure("refused", "export the commit", repository, why, next_step)


def links_out(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield name and target of each link below `folder` that does not end inside it."""
    top = Path(os.path.realpath(folder))
    for place, folders, names in os.walk(folder):
        for name in sorted([*folders, *names]):
            link = Path(place, name)
            if link.is_symlink():
                target = str(link.readlink())
                if target.startswith("/") or not Path(os.path.realpath(link)).is_relative_to(top):
                    yield str(link.relative_to(folder)), target


def kept_elsewhere(folder: Path) -> Iterator[str]:
    """Yield what git-annex keeps beside a repository, as links or pointers, and what git-crypt has encrypted."""
    for place, folders, names in os.walk(folder):
        for name in sorted([*folders, *names]):
            path = Path(place, name)
            if path.is_symlink():
                stands_in = ANNEX.decode() in str(path.readlink())
            elif path.is_file():
                with path.open("rb") as stream:
                    stands_in = stream.read(len(ANNEX) + 1).startswith((ENCRYPTED, ANNEX))
            else:
                continue
            if stands_in:
                yield str(path.relative_to(folder))


def submodules(folder: Path, listing: str) -> list[str]:
    """Return the submodules in a listing of the commit (`git ls-tree -r -z`) that were not kept out of the export."""
    names = [name for name, _ in links(listing)]
    # A name that is no UTF-8 has a mark in it, and can be looked for no more.
    return [name for name in names if "\ufffd" in name or os.path.lexists(folder / name)]
