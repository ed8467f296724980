"""May a commit become a release, as far as its tree says? Hosts ask the same rule of what they have exported.

The reading is bounded: names, links, and files so small that they may stand for others. What is larger, or more than
this, the hosts find out.
"""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ..namaskah_host import committed, lfs, submodules
from ..namaskah_host.contract import Contract
from ..namaskah_host.failure import Failure
from ..namaskah_host.foreign import brief
from .command import Git, reason

READ = 16 * 2**20  # bytes of files that are read of one commit
ENCRYPTED_READ = 2**20  # of one file, where the commit says that git-crypt is used
LINK = 4096  # a link's target is no longer (path_resolution(7))
_ATTRIBUTES = ".gitattributes"
_LINE = re.compile(rb"(\d{6}) (blob|commit) ([0-9a-f]{40}) +(\d+|-)\t(.+)", re.DOTALL)
_HEAD = re.compile(rb"([0-9a-f]{40}) blob (\d+)")


@dataclass(frozen=True)
class Entry:
    """One entry of a commit's tree; a submodule's has no size."""

    mode: str
    object: str
    size: int
    name: str


def refuse_what_is_no_release(copy: Git, commit: str, contract: Contract, repository: str) -> None:
    """Refuse a commit that every host would refuse, in the same words. Raises Failure (refused)."""
    entries = _tree(copy, commit)
    content = _content(copy, entries, contract)
    kept = _Export(copy, commit, entries)
    while found := list(committed.offences(content, contract.shared_paths)):
        left_out = kept.left_out({name for offence in found for name in offence.names})
        if not left_out:
            raise found[0].failure(repository)
        content = _without(content, left_out)
    gitlinks = [entry.name for entry in entries if entry.mode == submodules.MODE]
    if contract.submodules == "fetch" and gitlinks:
        _refuse_submodules(copy, commit, gitlinks, contract.repository, kept)
    for failure in committed.missing(replace(content, submodules=gitlinks), contract):
        raise failure


# --- What the tree has --------------------------------------------------------------------------------


def _tree(copy: Git, commit: str) -> list[Entry]:
    """Return every entry of a commit but for folders. Raises Failure."""
    listing = copy.read_bytes(["ls-tree", "-r", "-z", "--long", "--full-tree", commit])
    found = []
    for line in listing.split(b"\0")[:-1]:
        match = _LINE.fullmatch(line)
        if match is None or (match[2] == b"blob") != match[4].isdigit():
            raise _odd("ls-tree", "an entry of the commit with its size", line)
        mode, _, name, size, path = match.groups()
        found.append(Entry(mode.decode(), name.decode(), int(size) if size.isdigit() else 0, os.fsdecode(path)))
    if listing and not listing.endswith(b"\0"):
        raise _odd("ls-tree", "entries that end in NUL", listing)
    return found


def _content(copy: Git, entries: list[Entry], contract: Contract) -> committed.Content:
    """Return what a commit brings, with what hosts fetch out of the way."""
    links = [entry for entry in entries if entry.mode == "120000" and entry.size <= LINK]
    files = [entry for entry in entries if entry.mode.startswith("100")]
    small = [entry for entry in files if 0 < entry.size < lfs.LONGEST]
    said = [entry for entry in files if posixpath.basename(entry.name) == _ATTRIBUTES]
    data = _read(copy, [*links, *said, *small])
    if any(b"git-crypt" in data.get(entry.object, b"") for entry in said):
        further = [entry for entry in files if lfs.LONGEST <= entry.size <= ENCRYPTED_READ]
        data |= _read(copy, further)
        small += further
    begun = [(entry.name, data[entry.object]) for entry in small if entry.object in data]
    if contract.lfs == "fetch":
        begun = [(name, text) for name, text in begun if not lfs.is_pointer(text)]
    return committed.Content(
        [entry.name for entry in files],
        {entry.name: os.fsdecode(data[entry.object]) for entry in links if entry.object in data},
        [] if contract.submodules == "fetch" else [one.name for one in entries if one.mode == submodules.MODE],
        begun,
    )


def _without(content: committed.Content, names: Collection[str]) -> committed.Content:
    """Return a commit's content without these names and what is below them."""

    def stays(name: str) -> bool:
        return not _within(name, names)

    return committed.Content(
        list(filter(stays, content.files)),
        {name: target for name, target in content.links.items() if stays(name)},
        list(filter(stays, content.submodules)),
        [(name, data) for name, data in content.beginnings if stays(name)],
    )


def _read(copy: Git, entries: Sequence[Entry]) -> dict[str, bytes]:
    """Return the content of the first of these entries, by their objects, as many as READ has room for."""
    sizes: dict[str, int] = {}
    room = READ
    for entry in entries:
        if entry.object not in sizes and entry.size <= room:
            sizes[entry.object] = entry.size
            room -= entry.size
    if not sizes:
        return {}
    printed = copy.read_bytes(["cat-file", "--batch"], stdin="".join(f"{name}\n" for name in sizes))
    found = {}
    at = 0
    for name, size in sizes.items():
        end = printed.find(b"\n", at, at + 100)
        head = printed[at : max(end, at)]
        match = _HEAD.fullmatch(head)
        at = end + 1 + size
        if match is None or match[1].decode() != name or int(match[2]) != size or printed[at : at + 1] != b"\n":
            raise _odd("cat-file", f"the {size} bytes of {name}", head or printed)
        found[name] = printed[end + 1 : at]
        at += 1
    return found


def _within(name: str, names: Collection[str]) -> bool:
    """Whether a name is one of these, or below one of them."""
    return name in names or any(letter == "/" and name[:end] in names for end, letter in enumerate(name))


# --- What stays out of the export, and what hosts fetch -------------------------------------------------


class _Export:
    """What git keeps out of an export of a commit: git itself is asked, and only of names that are doubted.

    As git-archive(1) does, by the attributes in the commit, of each name and of the folders above it.
    """

    def __init__(self, copy: Git, commit: str, entries: Sequence[Entry]) -> None:
        self._copy = copy
        self._commit = commit
        self._entries = entries
        self._read = False

    def left_out(self, names: Collection[str]) -> set[str]:
        """Return those of the names that no export has, nor anything below them. Raises Failure."""
        chains = {}
        for entry in self._entries:
            if _within(entry.name, names):
                ends = [end for end, letter in enumerate(entry.name) if letter == "/"]
                own = f"{entry.name}/" if entry.mode == submodules.MODE else entry.name
                chains[entry.name] = [*(entry.name[: end + 1] for end in ends), own]
        ignored = self._ignored(sorted({one for chain in chains.values() for one in chain}))
        found = set()
        for name, chain in chains.items():
            if not ignored.intersection(chain[:-1]):  # then git writes the folders, even where it leaves the file out
                found |= {one.rstrip("/") for one in chain[:-1]}
                found |= {name} - {one.rstrip("/") for one in ignored.intersection(chain)}
        return set(names) - found

    def _ignored(self, names: Sequence[str]) -> set[str]:
        if not names:
            return set()
        if not self._read:  # attributes are read by way of an index, which a bare copy has no other use for
            # One that is there is of a git that was killed: the copy is ours.
            Path(self._copy.directory, "index.lock").unlink(missing_ok=True)
            self._copy.read_bytes(["read-tree", self._commit])
            self._read = True
        words = ["check-attr", "--cached", "--stdin", "-z", "export-ignore"]
        printed = self._copy.read_bytes(words, stdin="".join(f"{name}\0" for name in names))
        parts = [os.fsdecode(part) for part in printed.split(b"\0")[:-1]]
        if parts[::3] != list(names) or len(parts) != 3 * len(names):
            raise _odd("check-attr", "an attribute of each name", printed)
        return {name for name, value in zip(parts[::3], parts[2::3], strict=True) if value == "set"}


def _refuse_submodules(copy: Git, commit: str, names: Sequence[str], repository: str, kept: _Export) -> None:
    """Refuse submodules that no host could fetch, as far as the commit itself says so. Raises Failure (refused)."""
    printed = copy.local(submodules.words_for(commit))
    known = submodules.addresses(printed.out) if printed.status == 0 else {}
    failures = {}
    for name in names:
        try:
            submodules.address_of(name, known, repository)
        except Failure as failure:
            failures[name] = failure
    for name in sorted(failures.keys() - kept.left_out(failures)):
        if printed.status != 0 and submodules.FILE in printed.err:
            raise submodules.refused(name, f"{submodules.FILE} cannot be read: {reason(printed)}")
        raise failures[name]


def _odd(word: str, wanted: str, printed: bytes) -> Failure:
    why = f"it was to print {wanted}, and printed {brief(os.fsdecode(printed))!r}"
    next_step = "run `git --version` on the controller: it has to be git itself, 2.30 or newer"
    return Failure("failed", "The answer of git cannot be read", f"git {word}", why, next_step)
