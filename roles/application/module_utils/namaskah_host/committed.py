"""Which commits are no release? The one rule: the controller asks it of a commit's tree, a host of what it exported.

It looks at names and at how files begin, so it needs no folder. The controller says at once what a host would find out
when leases are taken and a backup is being made; the host has the last word, for it has the files.
"""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from . import lfs
from .content import shortened
from .contract import Contract
from .failure import Failure
from .release import OURS, is_ours

ANNEX = b"/annex/objects/"  # begins a pointer of git-annex, and is in its links (git-annex, internals)
ENCRYPTED = b"\0GITCRYPT\0"  # begins each file that git-crypt has encrypted
EXPORT_IGNORE = "keep it out of the export: `NAME export-ignore` in .gitattributes"
FOLLOWED = 40  # links that Linux follows for one name (path_resolution(7)); more lead nowhere
PYTHON = "{venv}/bin/python"


@dataclass(frozen=True)
class Content:
    """What a commit brings: its files, what its links say, its submodules, and of each file at least how it begins.

    All names are relative to the top. `beginnings` are whole for files shorter than lfs.LONGEST.
    """

    files: Collection[str]
    links: Mapping[str, str]
    submodules: Collection[str]
    beginnings: Iterable[tuple[str, bytes]]


@dataclass(frozen=True)
class Offence:
    """What is in a commit and must not be in a release: `names` of the commit, and how it is told."""

    names: Collection[str]
    why: str
    next_step: str

    def failure(self, repository: str) -> Failure:
        """Return the refusal of the commit."""
        return Failure("refused", "export the commit", repository, self.why, self.next_step)


def offences(content: Content, shared_paths: Collection[str]) -> Iterator[Offence]:
    """Yield each kind of what must not be in a release, the one first that is told first."""
    tops = {name.split("/")[0] for some in (content.files, content.links, content.submodules) for name in some}
    if found := [name for name in OURS if name in tops]:
        yield Offence(
            found,
            f"it has {', '.join(found)} at its top, and the tool keeps files of its own under these names",
            f"rename them in a new commit, or {EXPORT_IGNORE}",
        )
    begun = [(name, _stands_for(data)) for name, data in content.beginnings]
    kept = [name for name, target in content.links.items() if ANNEX.decode() in target]
    if found := sorted([*kept, *(name for name, what in begun if what == "elsewhere")]):
        yield Offence(
            found,
            f"git-annex keeps these files elsewhere, or git-crypt has encrypted them: {shortened(found)}",
            "commit the files themselves (`git annex unannex NAME`), or keep secrets in the environment file and other "
            f"data in namaskah_shared_paths; or, unneeded, {EXPORT_IGNORE}",
        )
    yield from links_out(content.links, shared_paths)
    if found := sorted(content.submodules):
        yield Offence(
            found,
            f"it has submodules, whose files are not in the commit: {shortened(found)}",
            "set namaskah_submodules: fetch; or commit their files (`git subtree add`), or install them as packages; "
            f"or, unneeded, {EXPORT_IGNORE}",
        )
    if found := sorted(name for name, what in begun if what == "lfs"):
        yield Offence(
            found,
            f"git LFS keeps these files elsewhere, the commit has pointers to them: {shortened(found)}",
            "set namaskah_lfs: fetch; or commit the files themselves (`git lfs migrate export --include=NAME`); "
            f"or, unneeded, {EXPORT_IGNORE}",
        )


def _stands_for(data: bytes) -> str:
    """Return who keeps what a file with this beginning only stands for: "lfs", "elsewhere", or "" for nobody."""
    if data.startswith((ENCRYPTED, ANNEX)):
        return "elsewhere"
    return "lfs" if lfs.is_pointer(data) else ""


def links_out(links: Mapping[str, str], shared_paths: Collection[str]) -> Iterator[Offence]:
    """Yield the links that lead out of the release, if only by a shared path.

    In the place of a shared path will be a link of the tool's own, instead of what the commit has there.
    """
    linked = {**links, **dict.fromkeys(shared_paths, "/")}
    replaced = tuple(f"{path}/" for path in shared_paths)
    found = [name for name in links if name not in shared_paths and leads_out(name, links)]
    found += [name for name in links.keys() - found if not f"{name}/".startswith(replaced) and leads_out(name, linked)]
    if found := sorted(found):
        yield Offence(
            found,
            f"it has links that lead out of the release: {shortened([f'{name} -> {links[name]}' for name in found])}",
            "commit what they name, let them be relative and stay inside, or name what outlives a release in "
            f"namaskah_shared_paths; or, unneeded, {EXPORT_IGNORE}",
        )


def leads_out(name: str, links: Mapping[str, str]) -> bool:
    """Whether the link of that name leads above the top or to a full path, by whatever other links."""
    above = posixpath.dirname(name)
    return links[name].startswith("/") or _end_of(links[name], links, above) is None


def _end_of(name: str, links: Mapping[str, str], above: str = "") -> str | None:
    """Return where a name in the folder `above` ends when links are followed; None where that is not below the top.

    A circle ends somewhere in it: it leads nowhere.
    """
    at = above.split("/") if above else []
    waiting = name.split("/")[::-1]
    followed = 0
    while waiting:
        part = waiting.pop()
        if part in ("", "."):
            continue
        if part == "..":
            if not at:
                return None
            at.pop()
            continue
        at.append(part)
        target = links.get("/".join(at))
        if target is None:
            continue
        followed += 1
        if followed > FOLLOWED:
            break
        if target.startswith("/"):
            return None
        at.pop()
        waiting += target.split("/")[::-1]
    return "/".join(at)


# --- What the inventory names -------------------------------------------------------------------------


def missing(content: Content, contract: Contract) -> Iterator[Failure]:
    """Yield where commit and inventory do not fit, as far as nothing can mend it before it matters."""
    places = _Places(content, contract.shared_paths)
    for path in contract.shared_paths:
        if above := next((one for one in _above(path) if one in content.files), ""):
            yield shared_path_blocked(path, above, path)
    if is_ours(contract.static_root):
        yield static_root_ours("the inventory", contract.static_root)
    for name in contract.requirements:
        if not places.may_be_file(name):
            yield requirements_missing("refused", name)
    commands = [words for words in (*contract.build_commands, contract.collect_command) if words]
    commands += [words for words in contract.post_collect_commands if words]
    if not commands and contract.static_root and not places.may_be_folder(contract.static_root):
        yield static_root_missing("refused", contract.static_root)
    # A command can make the program of the next one, and of a service.
    later = [contract.migrate_command, *(raw["command"] for raw in contract.services.values())]
    for words in commands[:1] or later:
        program = _program(words)
        if program and not places.may_be_file(program):
            yield Failure(
                "refused",
                "find a program of the application",
                program,
                f"the commit has no such file, which `{' '.join(map(str, words))}` is to run",
                "correct namaskah_preset, or the command: namaskah_build_commands, namaskah_collect_command, "
                "namaskah_post_collect_commands, namaskah_migrate_command or namaskah_services",
            )


def requirements_missing(kind: str, where: str) -> Failure:
    """Return the failure of a release whose packages nobody names."""
    next_step = "set namaskah_requirements to the files that the repository has"
    return Failure(kind, "read the requirements", where, "the commit has no such file", next_step)


def shared_path_blocked(where: str, file: str, path: str) -> Failure:
    """Return the refusal of a file of the commit that stands above a shared path."""
    why = f"the commit has a file {file}, where a folder has to be for {path!r}"
    next_step = "take the file out of the repository, or correct namaskah_shared_paths"
    return Failure("refused", "link a shared path", where, why, next_step)


def static_root_ours(where: str, name: str) -> Failure:
    """Return the refusal of a folder of static files that is the tool's own."""
    why = f"{name} is where the tool keeps files of its own"
    return Failure("refused", "find the static files", where, why, "set namaskah_static_root to another folder")


def static_root_missing(kind: str, where: str) -> Failure:
    """Return the failure of a release without the folder of its static files."""
    next_step = 'set namaskah_static_root to where the collected files are, or to ""'
    return Failure(kind, "find the static files", where, "there is no such folder", next_step)


def _program(words: Any) -> str:
    """Return the file of the release that a command has Python run; "" where it is none, or nobody can tell."""
    first, second = [*map(str, words), "", ""][:2]
    plain = second.endswith(".py") and not second.startswith(("-", "/")) and "{" not in second
    return second if plain and first.startswith(PYTHON) else ""


def _above(name: str) -> list[str]:
    """Return the folders above a name."""
    return [name[:end] for end, letter in enumerate(name) if letter == "/" and end]


class _Places:
    """What may be where in a release: of submodules and of what is shared nothing is known here."""

    def __init__(self, content: Content, shared_paths: Iterable[str]) -> None:
        unknown = dict.fromkeys((*shared_paths, *content.submodules), "/")
        self._links = {**content.links, **unknown}
        self._files = set(content.files)
        self._folders = {""}
        for name in (*content.files, *content.links, *unknown):
            folder = posixpath.dirname(name)
            if folder not in self._folders:
                self._folders |= {folder, *_above(folder)}

    def may_be_file(self, name: str) -> bool:
        end = _end_of(name, self._links)
        return end is None or end in self._files

    def may_be_folder(self, name: str) -> bool:
        end = _end_of(name, self._links)
        return end is None or end in self._folders
