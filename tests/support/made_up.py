"""What may a document hold that somebody else wrote? Seeded values of every kind, and documents with one of them."""

from __future__ import annotations

import copy
import json
import random
from typing import Any

ODD: tuple[Any, ...] = (
    None, True, 0, -1, 1e999, 10**30, "", "x", "\u2028\x1b[2J", "\0", "A" * 5000, [], [1], [[]], {}, {"": None},
    {"a": {"b": 1}},
)  # fmt: skip
BYTES = (b"", b"\0", b"\xff\xfe", b"{", b"[" * 100_000, b'"' + b"A" * 70_000, b"null", b"NaN", b"1" * 5000)


def chance(seed: int) -> random.Random:
    """Return a repeatable choice; it keeps no secret."""
    return random.Random(seed)  # noqa: S311 - see above


def changed(choice: random.Random, document: Any) -> Any:
    """Return a document with some of its values, at any depth, gone or exchanged."""
    made = copy.deepcopy(document)
    for _ in range(choice.randint(1, 3)):
        place = made
        while isinstance(place, dict | list) and place:
            name = choice.choice(sorted(place) if isinstance(place, dict) else range(len(place)))
            inner = place[name]
            if isinstance(inner, dict | list) and inner and choice.random() < 0.7:
                place = inner
                continue
            if choice.random() < 0.3:
                del place[name]
            else:
                place[name] = copy.deepcopy(choice.choice(ODD))
            break
    return made


def text(choice: random.Random, document: Any) -> bytes:
    """Return a file that should hold this document and holds something else."""
    if choice.random() < 0.1:
        return choice.choice(BYTES)
    whole = json.dumps(changed(choice, document)).encode()
    return whole[: choice.randint(0, len(whole))] if choice.random() < 0.1 else whole
