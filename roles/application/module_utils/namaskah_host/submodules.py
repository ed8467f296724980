"""Where are the files of submodules? Fetched beside the commit where the inventory says so, each from its own copy.

Source: gitmodules(5), and gitglossary(7) on gitlinks. What a commit names is fetched with the deploy user's keys, so it
may be no folder of this host, unless the application's own repository is one.
"""

from __future__ import annotations

import hashlib
import posixpath
from collections.abc import Iterator
from pathlib import Path

from . import git_address
from .contract import Contract
from .failure import Failure
from .foreign import brief
from .repository_copy import Copy

FILE = ".gitmodules"
DEEPEST = 5  # submodules within submodules
LINK = "160000 commit "  # of a tree's entry that is another repository's commit (git-ls-tree(1))


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
            raise _refused(path, f"submodules lie {depth} deep in each other, {DEEPEST} are the most")
        if path not in known:
            raise _refused(path, f"{FILE} has no address of it")
        address = _whole(copy.address, known[path], path)
        name = hashlib.sha256(address.encode()).hexdigest()[:16]
        inner = Copy(contract, contract.root / "submodules" / f"{name}.git", address, copy.held)
        inner.folder.parent.mkdir(exist_ok=True)
        inner.bring(wanted)
        inner.export(wanted, place)
        export(contract, inner, wanted, place, depth + 1)


def _addresses(copy: Copy, commit: str) -> dict[str, str]:
    """Return the address of each submodule by its path, as the commit's own file has them."""
    words = ("config", "--blob", f"{commit}:{FILE}", "--null", "--list")
    parts: dict[str, dict[str, str]] = {}
    for entry in copy.git(*words, what=f"read {FILE}").split("\0"):
        key, _, value = entry.partition("\n")
        name, _, word = key.rpartition(".")  # other words than path and url do no harm
        parts.setdefault(name, {})[word] = value
    return {one["path"]: one["url"] for one in parts.values() if one.keys() >= {"path", "url"}}


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
        raise _refused(path, f"its address {git_address.shown(address)} is not allowed: {error}") from None
    if parsed.scheme == "file" and own.scheme != "file":
        raise _refused(path, f"its address {brief(address)} is a folder of this host")
    return address


def _refused(path: str, why: str) -> Failure:
    return Failure(
        "refused",
        "fetch the submodules",
        brief(path),
        why,
        f"correct it in a new commit; or keep it out of the export: `{brief(path)} export-ignore` in .gitattributes",
    )
