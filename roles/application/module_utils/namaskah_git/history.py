"""What a commit is, whether a branch or tag reaches it, and which commits lie between two."""

from __future__ import annotations

from typing import Any

from ..namaskah_command import readable
from ..namaskah_host.failure import Failure
from ..namaskah_host.foreign import brief
from .command import Git
from .names import is_commit

# A message cannot hold NUL, and may hold every other mark. `rev-list` puts a line `commit ...` before each record.
_FORMAT = "--format=%x00%an%x00%cI%x00%s%x00"
_WALK = ("rev-list", "--encoding=UTF-8", _FORMAT)
_PARTS = 4
_LISTED = 200


def describe(copy: Git, commit: str) -> dict[str, str]:
    """Commit, author (name), date (of the commit, ISO 8601) and subject of one commit of the copy."""
    found = parse_log(copy.read([*_WALK, "--max-count=1", "--end-of-options", commit, "--"]))
    if len(found) != 1:
        raise _odd_record(f"{len(found)} commits")
    return found[0]


def check_is_commit(copy: Git, target: str, repository: str) -> None:
    """Raise Failure when what a ref comes down to is not a commit: a tag may also name a tree or a file."""
    found = copy.local(["cat-file", "-t", target])
    if found.status != 0 or found.out.strip() != "commit":
        why = (
            "a tag may name a folder or a file; this one does" if found.status == 0 else "the remote has no such object"
        )
        raise Failure("refused", f"{target} is not a commit", repository, why, "name a branch, a tag or a commit")


def check_reachable(copy: Git, commit: str, repository: str) -> None:
    """Raise Failure when neither a branch nor a tag of the remote contains the commit."""
    words = ["for-each-ref", "--count=1", "--format=%(refname)", f"--contains={commit}", "refs/heads", "refs/tags"]
    if not copy.read(words).strip():
        why = "no branch and no tag of the remote contains it, so hosts cannot fetch it and it may vanish"
        raise Failure("refused", f"Commit {commit} cannot be released", repository, why, "push a branch or tag with it")


def between(copy: Git, since: str, until: str) -> dict[str, Any]:
    """The commits that a release from `since` to `until` adds and takes away, and the files that differ.

    At most 200 commits each way, newest first.
    `known` is false when the remote no longer has `since`: then nothing can be said.
    """
    if not is_commit(since) or copy.local(["cat-file", "-e", f"{since}^{{commit}}"]).status != 0:
        return {"since": since, "known": False, "added": [], "added_total": 0, "removed": [], "removed_total": 0}
    added, added_total = _walk(copy, since, until)
    removed, removed_total = _walk(copy, until, since)
    words = ["diff-tree", "-r", "--name-only", "--no-renames", "--no-ext-diff", "-z", "--end-of-options", since, until]
    changed = copy.read([*words, "--"])
    return {
        "since": since,
        "known": True,
        "files": [readable(name) for name in changed.split("\0") if name],
        "added": added,
        "added_total": added_total,
        "removed": removed,
        "removed_total": removed_total,
    }


def _walk(copy: Git, start: str, end: str) -> tuple[list[dict[str, str]], int]:
    counted = copy.read(["rev-list", "--count", "--end-of-options", f"{start}..{end}", "--"]).strip()
    if not counted.isdecimal():
        raise _odd_record(counted)
    listing = copy.read([*_WALK, f"--max-count={_LISTED}", "--end-of-options", f"{start}..{end}", "--"])
    return parse_log(listing), int(counted)


def parse_log(listing: str) -> list[dict[str, str]]:
    """Commits from what `git rev-list` printed in our form; text that people wrote is made safe for a terminal.

    Raises Failure where it is of another form.
    """
    *parts, rest = listing.split("\0")
    if len(parts) % _PARTS or rest.strip("\n"):
        raise _odd_record(listing)
    found = []
    for at in range(0, len(parts), _PARTS):
        head, author, date, subject = parts[at : at + _PARTS]
        commit = head.strip("\n").removeprefix("commit ")
        if not is_commit(commit):
            raise _odd_record(head)
        told = {"author": author, "date": date, "subject": subject}
        found.append({"commit": commit, **{name: readable(text) for name, text in told.items()}})
    return found


def _odd_record(told: str) -> Failure:
    why = f"it was to print a commit, its author, its date and its subject, and printed {brief(told)!r}"
    next_step = "run `git --version` on the controller: it has to be git itself, 2.30 or newer"
    return Failure("failed", "The answer of git cannot be read", "git rev-list", why, next_step)
