"""How does the host's copy of the repository stay small, without losing what a release here was made of?"""

from __future__ import annotations

import os
from collections.abc import Iterable

from .commands import run
from .contract import Contract
from .failure import Failure

GIT = ["git", "-c", "protocol.ext.allow=never", "-c", "gc.auto=0"]
GIT_TIMEOUT = 300.0  # seconds for one transfer
QUIET_GIT = {
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_SSH_COMMAND": "ssh -o BatchMode=yes -o ConnectTimeout=15",
    "GIT_CONFIG_NOSYSTEM": "1",
}
PREFIX = "refs/namaskah/"  # the names under which the commits of the host's releases are kept
# One fetch leaves one pack, or loose objects; git packs them together when there are more than these (git-gc(1)).
PACKS, LOOSE = 20, 2000


def name_of(release: str) -> str:
    """Return the ref that keeps a release's commit."""
    return f"{PREFIX}{release}"


def tidy(contract: Contract, kept: Iterable[str]) -> list[str]:
    """Forget the commits of releases that are gone, let git pack what many fetches left; return the releases forgotten.

    Raises Failure when git does; a copy that is not there needs nothing.
    """
    if not (contract.root / "repo.git" / "HEAD").exists():
        return []
    names = _git(contract, "for-each-ref", "--format=%(refname)", PREFIX).split()
    gone = sorted(set(names) - {name_of(release) for release in kept})
    for name in gone:
        _git(contract, "update-ref", "-d", name)
    _git(contract, "-c", f"gc.auto={LOOSE}", "-c", f"gc.autoPackLimit={PACKS}", "gc", "--auto", "--quiet")
    return [name.removeprefix(PREFIX) for name in gone]


def _git(contract: Contract, *words: str) -> str:
    where = f"--git-dir={contract.root / 'repo.git'}"
    return run(
        [*GIT, "-c", "gc.autoDetach=false", where, *words],
        what="tidy the copy of the repository",
        timeout=GIT_TIMEOUT,
        env={**os.environ, **QUIET_GIT},
        next_step=f"remove {contract.root / 'repo.git'}: the next release makes it anew",
    )


def tidied(contract: Contract, kept: Iterable[str]) -> str:
    """Tidy, and return why it could not be done: a release does not fail because its copy is larger than it need be."""
    try:
        tidy(contract, kept)
    except Failure as failure:
        return str(failure)
    return ""
