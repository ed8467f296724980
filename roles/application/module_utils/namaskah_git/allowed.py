"""Which names may a branch or tag have that is released? The one list of them.

It stands alone (standard library only): the command line reads the same file under a name of its own. Git allows far
more (`v1;id`, `{{...}}`); these need quoting nowhere. See git-check-ref-format(1).
"""

from __future__ import annotations

import re

RULE = (
    "1 to 100 of the characters 0-9 A-Z a-z . _ / + @ -, beginning with a letter or digit, or with @ and one of these, "
    "with no '..', no empty part, and no part that begins with '.' or '-', ends in '.' or '.lock', or is HEAD"
)
_NAME = re.compile(r"(?=.{1,100}\Z)@?[0-9A-Za-z][0-9A-Za-z._/+@-]*")
_BAD_PART = re.compile(r"(^|/)([./-]|$)|(\.lock|\.)(/|$)|\.\.|(^|/)HEAD(/|$)")


def is_ref(text: str) -> bool:
    """Whether `text` may name a branch, a tag or a commit."""
    return _NAME.fullmatch(text) is not None and not _BAD_PART.search(text)
