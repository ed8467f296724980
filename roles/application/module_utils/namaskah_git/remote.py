"""Which branches and tags a remote has, and which one commit a ref means there."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass

from ..namaskah_host.failure import Failure
from .command import Git, reason
from .names import is_commit

_BRANCH = "refs/heads/"
_TAG = "refs/tags/"
_PEELED = "^{}"


@dataclass(frozen=True)
class Refs:
    """The refs of a remote by full name: the object each names, and what an annotated tag comes down to."""

    objects: Mapping[str, str]
    peeled: Mapping[str, str]

    def target(self, ref: str) -> str:
        """The object behind a full ref name, tags peeled."""
        return self.peeled.get(ref, self.objects[ref])

    def tags_on(self, commit: str) -> list[str]:
        """Short names of the tags that come down to `commit`, sorted."""
        return sorted(
            ref.removeprefix(_TAG) for ref in self.objects if ref.startswith(_TAG) and self.target(ref) == commit
        )


@dataclass(frozen=True)
class Choice:
    """What a ref means: `kind` is branch, tag or commit; `ref` the full name ("" for a commit); `target` an object."""

    kind: str
    ref: str
    target: str

    @property
    def tag(self) -> str:
        """The tag's short name, "" when something else was asked for."""
        return self.ref.removeprefix(_TAG) if self.kind == "tag" else ""


def list_refs(git: Git, repository: str) -> Refs:
    """Ask the remote for its branches and tags. Raises Failure (unreachable) when it does not answer."""
    done = git.attempt(["ls-remote", "--heads", "--tags", "--end-of-options", repository])
    if done.status != 0:
        next_step = f"try `git ls-remote {repository}` as this user; check the address, the key and the known host"
        raise Failure("unreachable", "The git remote cannot be read", repository, reason(done), next_step)
    return parse_refs(done.out)


def parse_refs(listing: str) -> Refs:
    """Refs from the output of git-ls-remote(1)."""
    objects: dict[str, str] = {}
    peeled: dict[str, str] = {}
    for line in listing.splitlines():
        target, _, ref = line.partition("\t")
        if ref.endswith(_PEELED):
            peeled[ref.removesuffix(_PEELED)] = target
        elif ref:
            objects[ref] = target
    return Refs(objects, peeled)


def choose(refs: Refs, word: str, repository: str) -> Choice:
    """What `word` means on the remote: a branch, a tag, or a commit whose presence is still to be checked.

    A full name (`refs/tags/v1`) is taken as it is. Raises Failure when the word is unknown or says two things.
    """
    if word.startswith((_BRANCH, _TAG)):
        found = [word] if word in refs.objects else []
    else:
        found = [prefix + word for prefix in (_BRANCH, _TAG) if prefix + word in refs.objects]
    if len(found) + is_commit(word) > 1:
        raise _ambiguous(word, found, repository)
    if found:
        return Choice("branch" if found[0].startswith(_BRANCH) else "tag", found[0], refs.target(found[0]))
    if is_commit(word):
        return Choice("commit", "", word)
    raise _unknown(refs, word, repository)


def _ambiguous(word: str, found: list[str], repository: str) -> Failure:
    forms = " or ".join(f"--ref {ref}" for ref in found)
    why = "more than one thing on the remote has that name"
    return Failure("refused", f"{word!r} is ambiguous", repository, why, f"say which one is meant: {forms}")


def _unknown(refs: Refs, word: str, repository: str) -> Failure:
    names = sorted({ref.removeprefix(_BRANCH).removeprefix(_TAG) for ref in refs.objects})
    short = word.removeprefix(_BRANCH).removeprefix(_TAG)
    near = difflib.get_close_matches(short, names, n=3, cutoff=0.5)
    why = "the remote has no branch or tag of that name"
    if all(digit in "0123456789abcdefABCDEF" for digit in word):
        why += ", and a commit is given by its 40 lower-case hexadecimal digits"
    why += f"; the nearest names are {', '.join(near)}" if near else ""
    next_step = "name one that exists, or push it first"
    return Failure("refused", f"There is no {word!r} to release", repository, why, next_step)
