"""How does a release reach what outlives it? By links, which are made without ever touching what they lead to."""

from __future__ import annotations

import os
import shutil
from pathlib import Path, PurePosixPath

from . import committed
from .contract import Contract
from .failure import Failure
from .files import point
from .release import OURS


def misspelt(entry: str) -> bool:
    """Tell whether a shared path is not the plain name of a place inside a release."""
    parts = PurePosixPath(entry).parts
    return not parts or entry != "/".join(parts) or entry.startswith("/") or ".." in parts or parts[0] in OURS


def link(contract: Contract, release: Path) -> None:
    """Put a link into the place of every shared path in a release's folder. Raises Failure.

    A path below another one is in its place already, through the link of that one.
    """
    top = Path(os.path.realpath(release))
    for entry in sorted(contract.shared_paths, key=lambda entry: len(PurePosixPath(entry).parts)):
        if misspelt(entry):
            why, advice = f"{entry!r} is no plain path inside a release", "correct namaskah_shared_paths"
            raise Failure("refused", "link a shared path", contract.host, why, advice)
        place, target = release / entry, contract.shared / entry
        if not target.exists():
            advice = "provision the host, or make it, owned by the application's user"
            raise Failure("failed", "link a shared path", str(target), "it does not exist", advice)
        if os.path.realpath(place) == os.path.realpath(target):
            continue
        above = Path(os.path.realpath(place.parent))
        if not above.is_relative_to(top):
            why = f"a link above it leads to {above}, out of the release: what is there would be replaced"
            advice = "take the link out of the repository, or correct namaskah_shared_paths"
            raise Failure("refused", "link a shared path", str(place), why, advice)
        if blocked := next((one for one in place.parents if os.path.lexists(one) and not one.is_dir()), None):
            raise committed.shared_path_blocked(str(place), str(blocked.relative_to(release)), entry)
        if place.is_dir() and not place.is_symlink():
            shutil.rmtree(place)
        place.parent.mkdir(parents=True, exist_ok=True)
        point(place, str(target))
