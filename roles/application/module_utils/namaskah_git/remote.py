"""Which branches and tags a remote has, and which one commit a ref means there."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass

from ..namaskah_host.failure import Failure
from ..namaskah_host.foreign import brief, lines, visible
from .command import Git, reason
from .names import is_commit

_BRANCH = "refs/heads/"
_TAG = "refs/tags/"
_PEELED = "^{}"
_LINE = re.compile(r"([0-9a-f]{40})\t(refs/[^\n]+)")
_SHA256_LINE = re.compile(r"[0-9a-f]{64}\trefs/[^\n]+")


@dataclass(frozen=True)
class Refs:
    """The refs of a remote by full name: the object each names, and what an annotated tag comes down to.

    `twice` are names that the remote lists more than once: nobody knows what they mean.
    """

    objects: Mapping[str, str]
    peeled: Mapping[str, str]
    twice: frozenset[str] = frozenset()

    def target(self, ref: str) -> str:
        """The object behind a full ref name, tags peeled."""
        return self.peeled.get(ref, self.objects[ref])

    def tags_on(self, commit: str) -> list[str]:
        """Short names of the tags that come down to `commit`, sorted; without those that look like other names."""
        return sorted(
            ref.removeprefix(_TAG) for ref in self.plain if ref.startswith(_TAG) and self.target(ref) == commit
        )

    @property
    def plain(self) -> list[str]:
        """The names without a character that hides or acts: a reader may take such a name for another one."""
        return [ref for ref in self.objects if ref.isprintable() and visible(ref) == ref and ref not in self.twice]


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
    return parse_refs(done.out, repository)


def parse_refs(listing: str, repository: str) -> Refs:
    """Refs from the output of git-ls-remote(1), or of for-each-ref in its form. Raises Failure where it is another.

    A line ends at a newline alone, which no name of a ref holds: at any other mark one name would become two, and
    the second could be that of another ref (git-check-ref-format(1)).
    """
    objects: dict[str, str] = {}
    peeled: dict[str, str] = {}
    twice = set()
    for line in lines(listing):
        match = _LINE.fullmatch(line)
        if match is None:
            raise _odd_line(line, repository)
        target, name = match.groups()
        ref = name.removesuffix(_PEELED)
        known = peeled if name.endswith(_PEELED) else objects
        if ref in known:
            twice.add(ref)
        known[ref] = target
    return Refs(objects, peeled, frozenset(twice))


def _odd_line(line: str, repository: str) -> Failure:
    if _SHA256_LINE.fullmatch(line):
        why = "it is kept in SHA-256, and releases and their records know commits of SHA-1 alone"
        next_step = "push its history to a repository that `git init --object-format=sha1` made, and name that one"
        return Failure("refused", "A repository in SHA-256 cannot be released", repository, why, next_step)
    why = f"git was to list a commit and a name on each line, and printed {brief(line)!r}"
    next_step = f"look at `git ls-remote {repository}`: the remote or the git of this machine says something of its own"
    return Failure("failed", "The refs of the remote cannot be read", repository, why, next_step)


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
    if found and found[0] in refs.twice:
        why = "the remote lists that name more than once, so nobody can say which commit it means"
        next_step = "look at `git ls-remote` of the repository and repair it, or name the commit"
        raise Failure("refused", f"{found[0]!r} cannot be released", repository, why, next_step)
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
    names = sorted({ref.removeprefix(_BRANCH).removeprefix(_TAG) for ref in refs.plain})
    short = word.removeprefix(_BRANCH).removeprefix(_TAG)
    near = difflib.get_close_matches(short, names, n=3, cutoff=0.5)
    why = "the remote has no branch or tag of that name"
    if all(digit in "0123456789abcdefABCDEF" for digit in word):
        why += ", and a commit is given by its 40 lower-case hexadecimal digits"
    why += f"; the nearest names are {', '.join(near)}" if near else ""
    next_step = "name one that exists, or push it first"
    return Failure("refused", f"There is no {word!r} to release", repository, why, next_step)
