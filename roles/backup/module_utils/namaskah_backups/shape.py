"""Of which kind is what a manifest, or a record beside it, holds? Whoever reads one relies on that.

A hash shows that nobody changed a file by chance. Whoever forges one writes the hash as well.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from ansible.module_utils.namaskah_host.foreign import brief

ANY = "*"  # stands for every name
MAYBE = "?"  # at the end of a name: it may be missing
TEXT, NUMBER, WHOLE, TRUTH = (str,), (int, float), (int,), (bool,)
PROOF: dict[str, Any] = {
    "state": TEXT, "restore_seconds?": NUMBER, "compare_seconds?": NUMBER, "owners?": TRUTH, "notes?": [TEXT],
    "kept?": TEXT, "service?": TEXT,
}  # fmt: skip


def _rows(value: Any) -> bool:
    """Whether it is a count of rows with their hash."""
    return isinstance(value, list) and [type(one) for one in value] == [int, str]


def _stand(value: Any) -> bool:
    """Whether it is where a sequence stood at two looks: the last value, whether it was given out, step and cycle."""
    kinds = [int, bool, int, bool]
    looks = value if isinstance(value, list) else []
    return len(looks) == 2 and all(  # noqa: PLR2004 - see above
        isinstance(look, list) and [type(one) for one in look] == kinds for look in looks
    )


_FINGERPRINT = {
    "tables": {ANY: _rows}, "sequences": {ANY: _stand}, "objects": {ANY: [TEXT]}, "extensions": {ANY: TEXT},
    "roles": [TEXT], "large_objects": list,
}  # fmt: skip


def _names(value: Any) -> bool:
    """Whether it is a list of names; None where nobody could tell them."""
    return value is None or (isinstance(value, list) and all(isinstance(one, str) for one in value))


_ROOM = {**dict.fromkeys(("folder", "elsewhere?"), (str, type(None))), "free": (int, type(None)), "needed": NUMBER}
_DATABASE = {
    **dict.fromkeys(("file", "encoding", "collate", "ctype", "provider", "locale", "version"), TEXT),
    "version_num": WHOLE, "owner?": TEXT, "owners?": [TEXT], "prepared_transactions?": [TEXT], "identity?": list,
    "rooms?": [_ROOM], "migrations?": _names, "fingerprint": _FINGERPRINT,
}  # fmt: skip
MANIFEST: dict[str, Any] = {
    **dict.fromkeys(("id", "started", "finished"), TEXT),
    "number": WHOLE,
    "files": {ANY: {"size": WHOLE, "sha256": TEXT}},
    "proof": PROOF,
    "run": {"id": TEXT},
    "live": dict.fromkeys(("commit", "tag", "release"), TEXT),
    "timings": {ANY: NUMBER},
    "tools": {},
    "database?": _DATABASE,
    "archive?": {"file": TEXT},
}
BESIDE: dict[str, Any] = {  # by the file's name
    "proof.json": {**PROOF, "manifest_sha256": TEXT},
    "pin.json": dict.fromkeys(("by", "reason", "moment"), TEXT),
    "warm.json": {"database": TEXT, "owners": TRUTH},
    "copies.json": {ANY: {"state": TEXT}},
}


def wrong(value: Any, shape: Any, place: str = "it") -> str:
    """Return what of a value is of another kind than its shape says, in words; "" where nothing is.

    A shape is a tuple of types, a type, a list with the shape of each entry, a mapping of names to shapes, or asked.
    """
    if isinstance(shape, list) and isinstance(value, list):
        return next(filter(None, (wrong(entry, shape[0], f"an entry of {place}") for entry in value)), "")
    if not isinstance(shape, dict) or not isinstance(value, Mapping):
        return "" if _is(value, shape) else f"{place} is {brief(repr(value))}"
    if ANY in shape:
        return next(filter(None, (wrong(entry, shape[ANY], f"{place}.{name}") for name, entry in value.items())), "")
    for key, inner in shape.items():
        name = key.removesuffix(MAYBE)
        if name in value and (why := wrong(value[name], inner, name)):
            return why
        if name not in value and name == key:
            return f"{place} lacks {name}"
    return ""


def _is(value: Any, shape: Any) -> bool:
    if isinstance(shape, tuple):
        return type(value) in shape and (not isinstance(value, float) or math.isfinite(value))
    if isinstance(shape, type):
        return isinstance(value, shape)
    return bool(callable(shape) and shape(value))
