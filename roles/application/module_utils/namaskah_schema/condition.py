"""Is the condition of a DELETE one that every row meets? What cannot be told simply is taken for a real condition."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import accumulate

from .sql import Token

DEEPEST = 50  # levels of AND and OR within each other; what is deeper cannot be told simply
# Words of a condition that names no column.
CONSTANT = {"true", "false", "null", "not", "is", "between", "in", "like", "unknown", "boolean", "bool"}
SAME = (["="], ["<", "="], [">", "="], ["is", "not", "distinct", "from"])


def condition(tokens: Sequence[Token]) -> list[Token]:
    """Return what follows the WHERE of a statement, up to its end or to RETURNING; nothing where there is none."""
    found: list[Token] = []
    within = False
    for token, depth in zip(tokens, _depths(tokens), strict=True):
        outside = not depth and token.kind == "word"
        if depth < 0 or (outside and token.text == "returning"):
            break
        if within:
            found.append(token)
        within = within or (outside and token.text == "where")
    return found


def always(tokens: Sequence[Token], required: Collection[str] | None, deepest: int = DEEPEST) -> bool:
    """Whether every row meets it; `required` are the columns that are never NULL, None where nobody knows.

    One that names no column is taken for true: nobody writes it to delete nothing, but for a plain FALSE.
    """
    if not deepest:
        return False
    while tokens and tokens[0] == Token("mark", "(") and 0 not in _depths(tokens)[:-1]:
        tokens = tokens[1:-1]
    for word, enough in (("or", any), ("and", all)):
        parts = _divided(tokens, word)
        if len(parts) > 1:
            return enough(bool(part) and always(part, required, deepest - 1) for part in parts)
    words = [token.text for token in tokens]
    if words == ["false"]:
        return False
    bare = [word for word in words if word not in ("(", ")")]
    if bare[-3:] == ["is", "not", "null"] or (bare[:1] == ["not"] and bare[-2:] == ["is", "null"]):
        return required is None or bare[bare.index("is") - 1] in required
    if all(token.kind in ("number", "string", "mark") or token.text in CONSTANT for token in tokens):
        return True
    halves = [(words[: (len(words) - len(same)) // 2], same) for same in SAME]
    return any(half and words == [*half, *same, *half] for half, same in halves)


def _depths(tokens: Sequence[Token]) -> list[int]:
    """Return within how many parentheses each token is; a closing one is outside of its own."""
    marks = [{"(": 1, ")": -1}.get(token.text, 0) if token.kind == "mark" else 0 for token in tokens]
    return list(accumulate(marks))


def _divided(tokens: Sequence[Token], word: str) -> list[list[Token]]:
    """Return the parts between a word, outside of parentheses."""
    parts: list[list[Token]] = [[]]
    for token, depth in zip(tokens, _depths(tokens), strict=True):
        if not depth and token == Token("word", word):
            parts.append([])
        else:
            parts[-1].append(token)
    return parts
