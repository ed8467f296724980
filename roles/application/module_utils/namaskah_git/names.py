"""Which words may be a ref or the address of a repository. Checked before git sees them."""

from __future__ import annotations

import re

from ..namaskah_host import git_address
from ..namaskah_host.failure import Failure
from . import allowed

_COMMIT = re.compile(r"[0-9a-f]{40}")


def is_commit(text: str) -> bool:
    """Whether `text` is a full commit: 40 lower-case hexadecimal digits."""
    return _COMMIT.fullmatch(text) is not None


def check_ref(text: str) -> str:
    """Give back `text` when it may name a branch, a tag or a commit; raise Failure when it may not."""
    if allowed.is_ref(text):
        return text
    raise Failure(
        "refused",
        "The name of what to release is not allowed",
        repr(text[:120]),
        f"a branch, tag or commit has {allowed.RULE}",
        "name a branch, a tag or a 40-digit commit; rename the branch or tag if it breaks these rules",
    )


def check_repository(address: str) -> str:
    """Give back the address of a repository when it is of a known form and holds no secret; else raise Failure."""
    try:
        git_address.parse(address)
    except git_address.BadAddressError as error:
        where = repr(git_address.shown(address))
        raise Failure(
            "refused", "The repository's address is not allowed", where, str(error), error.next_step
        ) from None
    return address
