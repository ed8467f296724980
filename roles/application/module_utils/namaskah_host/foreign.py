"""How is text read and shown that others wrote: programs, applications, people? Nothing in it may act or be endless."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

BRIEF = 200  # characters of an answer that a reason quotes
# What terminals obey or nobody sees: controls, marks of direction and joining, halves of pairs, ends of lines.
_ACTING = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
# Letters and marks that nobody sees (Unicode, Default_Ignorable_Code_Point, those of other categories).
_HIDDEN = re.compile(
    r"[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
_UNSURE = re.compile(r"[^\t\n -~]")
_SPACES = re.compile(r"[ \t\r\n]+")


def visible(text: str) -> str:
    r"""Return `text` with every character that acts or hides written as its escape, such as \x1b; lines stay lines."""
    return _UNSURE.sub(_escape, text.replace("\r\n", "\n"))


def brief(text: str, length: int = BRIEF) -> str:
    """Return the beginning of `text` in one line, fit to be quoted in a reason."""
    shown = visible(_SPACES.sub(" ", text[: 4 * length]).strip())
    return shown if len(shown) <= length and len(text) <= 4 * length else shown[:length] + "..."


def lines(text: str) -> list[str]:
    """Return the lines of a program's output, which end at a newline alone.

    str.splitlines also ends them at marks that may stand in names (U+0085, U+2028, ...): one name would become two.
    """
    return text.removesuffix("\n").split("\n") if text else []


def last_line(text: str) -> str:
    """Return the last line that says something; "" where none does."""
    return lines(text.strip())[-1].strip() if text.strip() else ""


def inert(value: Any) -> Any:
    """Return a JSON-like value with all of its texts visible: Ansible refuses a result with half of a pair in it."""
    if isinstance(value, str):
        return visible(value)
    if isinstance(value, dict):
        return {inert(name): inert(item) for name, item in value.items()}
    return [inert(item) for item in value] if isinstance(value, (list, tuple)) else value


def _escape(match: re.Match[str]) -> str:
    letter = match.group()
    hides = unicodedata.category(letter) in _ACTING or _HIDDEN.match(letter)
    return letter.encode("unicode_escape").decode() if hides else letter
