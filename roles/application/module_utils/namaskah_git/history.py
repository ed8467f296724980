"""What a commit is, whether a branch or tag reaches it, and which commits lie between two."""

from __future__ import annotations

from typing import Any

from ..namaskah_command import readable
from ..namaskah_host.failure import Failure
from .command import Git
from .names import is_commit

_FORMAT = "--format=%H%x00%an%x00%cI%x00%s%x1e"
_LISTED = 200


def describe(copy: Git, commit: str) -> dict[str, str]:
    """Commit, author (name), date (of the commit, ISO 8601) and subject of one commit of the copy."""
    return _entries(copy.read(["log", "-1", _FORMAT, "--end-of-options", commit, "--"]))[0]


def check_is_commit(copy: Git, target: str, repository: str) -> None:
    """Raise Failure when what a ref comes down to is not a commit: a tag may also name a tree or a file."""
    found = copy.attempt(["cat-file", "-t", target])
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
    if not is_commit(since) or copy.attempt(["cat-file", "-e", f"{since}^{{commit}}"]).status != 0:
        return {"since": since, "known": False, "added": [], "added_total": 0, "removed": [], "removed_total": 0}
    added, added_total = _walk(copy, since, until)
    removed, removed_total = _walk(copy, until, since)
    changed = copy.read(["diff", "--name-only", "--no-renames", "-z", "--end-of-options", since, until, "--"])
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
    total = int(copy.read(["rev-list", "--count", "--end-of-options", f"{start}..{end}", "--"]))
    listing = copy.read(["log", f"--max-count={_LISTED}", _FORMAT, "--end-of-options", f"{start}..{end}", "--"])
    return _entries(listing), total


def _entries(listing: str) -> list[dict[str, str]]:
    """Commits from the output of `git log`; text that people wrote is made safe for a terminal."""
    found = []
    for record in listing.split("\x1e"):
        if record.strip("\n"):
            commit, author, date, subject = record.strip("\n").split("\x00")
            found.append({"commit": commit, "author": readable(author), "date": date, "subject": readable(subject)})
    return found
