"""Where are the files of submodules? Fetched beside the commit where the inventory says so, each from its own copy.

Source: gitmodules(5), and gitglossary(7) on gitlinks. What a commit names is fetched with the deploy user's keys, so it
may be no folder of this host, unless the application's own repository is one.
"""

from __future__ import annotations

import hashlib
import posixpath
from collections.abc import Iterator, Mapping
from pathlib import Path

from . import git_address
from .contract import Contract
from .failure import Failure
from .foreign import brief
from .repository_copy import Copy

FILE = ".gitmodules"
DEEPEST = 5  # submodules within submodules
MODE = "160000"  # of a tree's entry that is another repository's commit (git-ls-tree(1))
LINK = f"{MODE} commit "


def links(listing: str) -> Iterator[tuple[str, str]]:
    """Yield path and commit of each submodule in a listing of a commit (`git ls-tree -r -z`)."""
    for entry in listing.split("\0"):
        facts, _, path = entry.partition("\t")
        if facts.startswith(LINK):
            yield path, facts.removeprefix(LINK).split()[0]


def export(contract: Contract, copy: Copy, commit: str, folder: Path, depth: int = 1) -> None:
    """Write the files of a commit's submodules into its folder, and theirs into those. Raises Failure."""
    listing = copy.listing(commit)
    found = dict(links(listing))
    if not found:
        return
    known = _addresses(copy, commit) if f"\t{FILE}\0" in listing else {}
    for path, wanted in found.items():
        place = folder / path
        if not place.is_dir():  # kept out of the export
            continue
        if depth > DEEPEST:
            raise refused(path, f"submodules lie {depth} deep in each other, {DEEPEST} are the most")
        address = address_of(path, known, copy.address)
        name = hashlib.sha256(address.encode()).hexdigest()[:16]
        inner = Copy(contract, contract.root / "submodules" / f"{name}.git", address, copy.held)
        inner.folder.parent.mkdir(exist_ok=True)
        inner.bring(wanted)
        inner.export(wanted, place)
        export(contract, inner, wanted, place, depth + 1)


def _addresses(copy: Copy, commit: str) -> dict[str, str]:
    """Return the address of each submodule by its path, as the commit's own file has them."""
    return addresses(copy.git(*words_for(commit), what=f"read {FILE}"))


def words_for(commit: str) -> tuple[str, ...]:
    """Return what git is told to print what a commit says of its submodules, as `addresses` reads it."""
    return "config", "--blob", f"{commit}:{FILE}", "--null", "--list"


def addresses(printed: str) -> dict[str, str]:
    """Return the address of each submodule by its path, from what git has printed."""
    parts: dict[str, dict[str, str]] = {}
    for entry in printed.split("\0"):
        key, _, value = entry.partition("\n")
        name, _, word = key.rpartition(".")  # other words than path and url do no harm
        parts.setdefault(name, {})[word] = value
    return {one["path"]: one["url"] for one in parts.values() if one.keys() >= {"path", "url"}}


def address_of(path: str, known: Mapping[str, str], above: str) -> str:
    """Return where a submodule is fetched from; `above` is the repository that names it. Raises Failure (refused)."""
    if path not in known:
        raise refused(path, f"{FILE} has no address of it")
    return _whole(above, known[path], path)


def _whole(above: str, address: str, path: str) -> str:
    """Return a submodule's address, relative ones beside the repository above. Raises Failure (refused)."""
    if address.startswith(("./", "../")):
        mark = "://" if "://" in above else "" if above.startswith("/") else ":"
        head, _, place = above.partition(mark) if mark else ("", "", above)
        address = f"{head}{mark}{posixpath.normpath(posixpath.join(place, address))}"
    try:
        parsed = git_address.parse(address)
        own = git_address.parse(above)
    except git_address.BadAddressError as error:
        raise refused(path, f"its address {git_address.shown(address)} is not allowed: {error}") from None
    if parsed.scheme == "file" and own.scheme != "file":
        raise refused(path, f"its address {brief(address)} is a folder of this host")
    return address


def refused(path: str, why: str) -> Failure:
    """Return the refusal of a commit for one of its submodules."""
    return Failure(
        "refused",
        "fetch the submodules",
        brief(path),
        why,
        f"correct it in a new commit; or keep it out of the export: `{brief(path)} export-ignore` in .gitattributes",
    )
