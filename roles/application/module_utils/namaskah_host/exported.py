"""Is what was exported all of the commit, and does nothing in it lead out of the release?

A link to a file of the host would be collected, served and read with the rights of the deploy user; a submodule or a
file kept by LFS would be missing where nobody looks. What the commit itself may not have, committed.py says.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Iterator
from pathlib import Path

from . import committed, lfs
from .content import shortened
from .contract import Contract
from .failure import Failure
from .release import OURS, is_ours
from .submodules import links


def refuse_what_is_no_release(folder: Path, repository: str, shared_paths: Collection[str], listing: str) -> None:
    """Refuse an export by the names of what must not be in a release. Raises Failure (refused).

    `listing` is that of the commit by `git ls-tree -r -z`.
    """
    for offence in committed.offences(_content(folder, listing), shared_paths):
        raise offence.failure(repository)


def refuse_links_out(folder: Path, repository: str, shared_paths: Collection[str]) -> None:
    """Refuse links of the commit that lead out of the release, if only by a shared path. Raises Failure (refused)."""
    for offence in committed.links_out(_links(folder), shared_paths):
        raise offence.failure(repository)


def refuse_ours_made(contract: Contract, folder: Path) -> None:
    """Refuse a release in which a command has made what stands under the tool's own names. Raises Failure."""
    if is_ours(contract.static_root):
        raise committed.static_root_ours(contract.host, contract.static_root)
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


def links_out(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield name and target of each link below `folder` that does not end inside it."""
    links = _links(folder)
    for name, target in links.items():
        if committed.leads_out(name, links):
            yield name, target


def _links(folder: Path) -> dict[str, str]:
    """Return what each link below `folder` says, by its name."""
    return {str(path.relative_to(folder)): str(path.readlink()) for path in _entries(folder) if path.is_symlink()}


def _entries(folder: Path) -> Iterator[Path]:
    """Yield everything below `folder`, in an order of its own; no link is followed."""
    for place, folders, names in os.walk(folder):
        yield from (Path(place, name) for name in sorted([*folders, *names]))


def _content(folder: Path, listing: str) -> committed.Content:
    """Return what was exported into `folder`, with the submodules that the commit's listing has."""
    names = {str(path.relative_to(folder)): path for path in _entries(folder)}
    files = {name: path for name, path in names.items() if path.is_file() and not path.is_symlink()}
    # With the folders: that of a submodule without files has a name as well.
    return committed.Content(
        names, _links(folder), submodules(folder, listing), ((name, _begin(path)) for name, path in files.items())
    )


def _begin(file: Path) -> bytes:
    with file.open("rb") as stream:
        return stream.read(lfs.LONGEST)


def submodules(folder: Path, listing: str) -> list[str]:
    """Return the submodules in a listing of the commit (`git ls-tree -r -z`) that were not kept out of the export."""
    names = [name for name, _ in links(listing)]
    # A name that is no UTF-8 has a mark in it, and can be looked for no more.
    return [name for name in names if "\ufffd" in name or os.path.lexists(folder / name)]
