"""How does the host's copy of the repository stay small, without losing what a release here was made of?"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from .commands import run
from .contract import Contract
from .failure import Failure
from .foreign import lines
from .release import NAME

SETTINGS = (
    "protocol.ext.allow=never",
    "gc.auto=0",
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.attributesFile=/dev/null",
    "fetch.pruneTags=false",
    "submodule.recurse=false",
)
GIT = ["git", *(word for setting in SETTINGS for word in ("-c", setting))]
QUIET_GIT = {
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_SSH_COMMAND": "ssh -o BatchMode=yes -o ConnectTimeout=15",
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_DEFAULT_HASH": "sha1",
}
# GIT_CONFIG_GLOBAL is obeyed from git 2.32 on, folders that are not there by every git.
NOBODYS = {
    "HOME": "/nonexistent",
    "XDG_CONFIG_HOME": "/nonexistent",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_NOSYSTEM": "1",
}
# They would have git work elsewhere, or write down what it does.
ELSEWHERE = (
    "GIT_DIR", "GIT_WORK_TREE", "GIT_COMMON_DIR", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_NAMESPACE",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_CONFIG", "GIT_CONFIG_COUNT", "GIT_CONFIG_PARAMETERS", "GIT_TEMPLATE_DIR",
    "GIT_ATTR_SOURCE", "GIT_TRACE", "GIT_TRACE2", "GIT_TRACE2_EVENT", "GIT_REPLACE_REF_BASE", "GIT_SHALLOW_FILE",
)  # fmt: skip
PREFIX = "refs/namaskah/"  # the names under which the commits of the host's releases are kept
# One fetch leaves one pack, or loose objects; git packs them together when there are more than these (git-gc(1)).
PACKS, LOOSE = 20, 2000


def with_remote() -> dict[str, str]:
    """Return git's environment where it speaks with the remote: configurations of host and user say how."""
    return {name: value for name, value in os.environ.items() if name not in ELSEWHERE} | QUIET_GIT


def alone() -> dict[str, str]:
    """Return git's environment where it works on the copy alone: filters, attributes and formats are nobody's own."""
    return with_remote() | NOBODYS


def is_of_another_form(copy: Path) -> bool:
    """Return whether a copy was made in SHA-256, as a setting of the deploy user once had it: it takes no commit."""
    try:
        return "sha256" in (copy / "config").read_text(encoding="utf-8", errors="replace").lower()
    except FileNotFoundError:
        return False


def name_of(release: str) -> str:
    """Return the ref that keeps a release's commit."""
    return f"{PREFIX}{release}"


def tidy(contract: Contract, kept: Iterable[str]) -> list[str]:
    """Forget the commits of releases that are gone, let git pack what many fetches left; return the releases forgotten.

    Raises Failure when git does; a copy that is not there needs nothing.
    """
    if not (contract.root / "repo.git" / "HEAD").exists():
        return []
    names = lines(_git(contract, "for-each-ref", "--format=%(refname)", PREFIX))
    ours = {name for name in names if NAME.fullmatch(name.removeprefix(PREFIX))}
    gone = sorted(ours - {name_of(release) for release in kept})
    for name in gone:
        _git(contract, "update-ref", "-d", name)
    _git(contract, "-c", f"gc.auto={LOOSE}", "-c", f"gc.autoPackLimit={PACKS}", "gc", "--auto", "--quiet")
    return [name.removeprefix(PREFIX) for name in gone]


def _git(contract: Contract, *words: str) -> str:
    where = f"--git-dir={contract.root / 'repo.git'}"
    return run(
        [*GIT, "-c", "gc.autoDetach=false", where, *words],
        what="tidy the copy of the repository",
        timeout=contract.fetch_timeout,
        env=alone(),
        next_step=f"remove {contract.root / 'repo.git'}: the next release makes it anew",
    )


def tidied(contract: Contract, kept: Iterable[str]) -> str:
    """Tidy, and return why it could not be done: a release does not fail because its copy is larger than it need be."""
    try:
        tidy(contract, kept)
    except Failure as failure:
        return str(failure)
    return ""
