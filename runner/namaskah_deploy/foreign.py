"""How is text shown that hosts, applications and other people wrote? Nothing in it may act on a terminal or be endless.

The hosts do the same with what applications and programs say (namaskah_host/foreign.py); a module that is not ours, or
a host that lies, does not.
"""

import re
import unicodedata
from collections.abc import Mapping
from typing import Any

LONGEST = 20_000
"""Characters of one text that are kept: its beginning and its end."""
_ACTING = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Controls, marks of direction and joining, halves of pairs, ends of lines: what terminals obey or nobody sees."""
_HIDDEN = re.compile(
    r"[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
"""Letters and marks that nobody sees (Unicode, Default_Ignorable_Code_Point, those of other categories)."""
_UNSURE = re.compile(r"[^\t\n -~]")


def visible(text: str) -> str:
    r"""Return `text` with every character that acts or hides written as its escape, such as \x1b; lines stay lines."""
    return _UNSURE.sub(_escape, text.replace("\r\n", "\n"))


def inert(value: Any) -> Any:
    """Return a JSON-like value, all of whose texts are visible and of a length that somebody may read."""
    if isinstance(value, str):
        if len(value) > LONGEST:
            value = f"{value[: LONGEST // 2]} ... {value[-LONGEST // 2 :]}"
        return visible(value)
    if isinstance(value, Mapping):
        return {inert(name): inert(item) for name, item in value.items()}
    return [inert(item) for item in value] if isinstance(value, list | tuple) else value


def _escape(match: re.Match[str]) -> str:
    letter = match.group()
    hides = unicodedata.category(letter) in _ACTING or _HIDDEN.match(letter)
    return letter.encode("unicode_escape").decode() if hides else letter
