"""A bare copy of the repository on the controller: a cache, rebuilt when it is damaged, used by one run at a time."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from ..namaskah_host import locking
from ..namaskah_host.failure import Failure
from .command import Git, reason
from .remote import Refs, parse_refs

_REFSPECS = ("+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")


def default_cache() -> Path:
    """Where copies are kept: the XDG cache folder of this user. See the XDG base directory specification."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(base) if base.startswith("/") else Path.home() / ".cache") / "namaskah-deploy" / "mirrors"


@contextmanager
def opened(git: Git, repository: str, refs: Refs, cache: Path) -> Iterator[Git]:
    """Git on a bare copy that has every branch and tag of `refs`, held by this process until the end of the block.

    Raises Failure when the remote cannot be fetched or the cache cannot be written.
    """
    folder = cache / f"{hashlib.sha256(repository.encode()).hexdigest()[:16]}.git"
    try:
        cache.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = os.open(f"{folder}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        next_step = "make that folder writable, or set XDG_CACHE_HOME to one that is"
        raise Failure(
            "failed", "The copy of the repository cannot be kept", str(cache), str(error), next_step
        ) from error
    try:
        _wait_for(lock, Path(f"{folder}.lock"), git.timeout)
        copy = replace(git, directory=str(folder))
        _bring_up(copy, repository, refs)
        yield copy
    finally:
        os.close(lock)


def _wait_for(lock: int, path: Path, seconds: float) -> None:
    """Wait until no other run of this user works in the copy, no longer than for one call of git."""
    try:
        locking.wait_for(lock, path, seconds)
    except Failure as failure:
        next_step = "wait for that run's end, or end it"
        raise Failure("timeout", "The copy of the repository is in use", str(path), failure.why, next_step) from None


def _bring_up(copy: Git, repository: str, refs: Refs) -> None:
    """Make the copy equal to the remote; a copy that a killed git left damaged is thrown away once."""
    if _is_current(copy, repository, refs):
        return
    if _fetch(copy, repository) is None:
        return
    shutil.rmtree(copy.directory, ignore_errors=True)
    why = _fetch(copy, repository)
    if why is not None:
        next_step = f"try `git clone --mirror {repository}` as this user; check access and free space"
        raise Failure("unreachable", "The repository cannot be fetched", repository, why, next_step)


def _is_current(copy: Git, repository: str, refs: Refs) -> bool:
    # The type makes git open each object: a copy whose files vanished has the right refs, too.
    form = "--format=%(if)%(objecttype)%(then)%(objectname)%(end)%09%(refname)"
    listed = copy.local(["for-each-ref", form, "refs/heads", "refs/tags"])
    try:
        return listed.status == 0 and parse_refs(listed.out, repository).objects == refs.objects
    except Failure:  # a copy in another form is made again
        return False


def _fetch(copy: Git, repository: str) -> str | None:
    """Fetch every branch and tag; None when that worked, else the reason."""
    made = copy.local(["init", "--quiet", "--bare", "--template=", copy.directory])
    if made.status != 0:
        return reason(made)
    words = ["fetch", "--quiet", "--prune", "--no-tags", "--no-write-fetch-head", "--end-of-options"]
    fetched = copy.attempt([*words, repository, *_REFSPECS])
    return None if fetched.status == 0 else reason(fetched)
