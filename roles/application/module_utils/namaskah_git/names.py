"""Which words may be a ref or the address of a repository. Checked before git sees them."""

from __future__ import annotations

import re

from ..namaskah_host.failure import Failure

_NAME = re.compile(r"[0-9A-Za-z][0-9A-Za-z._/-]{0,99}")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_BAD_PART = re.compile(r"(^|/)([./-]|$)|(\.lock|\.)(/|$)|\.\.|(^|/)HEAD(/|$)")
_ADDRESS = re.compile(
    r"(ssh|git|https?)://[0-9A-Za-z._~@:\[\]-]+/[0-9A-Za-z._~/@:+%-]*"  # a URL
    r"|(file://)?/[^\x00-\x1f\x7f]*"  # a folder of this machine
    r"|([0-9A-Za-z._-]+@)?[0-9A-Za-z][0-9A-Za-z._-]*:(?![:/]{2}|:)[0-9A-Za-z._~/+-]+"  # user@host:path
)
_PASSWORD = re.compile(r"://[^/@]*:[^/@]*@")


def is_commit(text: str) -> bool:
    """Whether `text` is a full commit: 40 lower-case hexadecimal digits."""
    return _COMMIT.fullmatch(text) is not None


def check_ref(text: str) -> str:
    """Give back `text` when it may name a branch, a tag or a commit; raise Failure when it may not.

    Git allows far more (`v1;id`, `{{...}}`); we allow what needs quoting nowhere. See git-check-ref-format(1).
    """
    if _NAME.fullmatch(text) and not _BAD_PART.search(text):
        return text
    raise Failure(
        "refused",
        "The name of what to release is not allowed",
        repr(text[:120]),
        "a branch, tag or commit has 1 to 100 of the characters 0-9 A-Z a-z . _ / -, begins with a letter or digit, "
        "and has no '..', no empty part, no part that begins with '.' or '-', ends in '.' or '.lock', or is HEAD",
        "name a branch, a tag or a 40-digit commit; rename the branch or tag if it breaks these rules",
    )


def check_repository(address: str) -> str:
    """Give back the address of a repository when it is of a known form and holds no password; else raise Failure."""
    if _PASSWORD.search(address):
        why = "it holds a password, which every process list and log would show"
        raise _bad_address("(address with a password)", why, "use an ssh key or a git credential helper")
    if _ADDRESS.fullmatch(address):
        return address
    why = "it is none of ssh://, https://, http://, git://, file://, user@host:path or an absolute path"
    raise _bad_address(repr(address[:200]), why, "correct namaskah_repository or namaskah_controller_repository")


def _bad_address(where: str, why: str, next_step: str) -> Failure:
    return Failure("refused", "The repository's address is not allowed", where, why, next_step)
