"""Has what a host told the shape that is read here? What has not is left out: a host may lie, or be ill."""

from collections.abc import Mapping
from typing import Any

_LARGEST = 1e18
"""No count of bytes, and no time, is larger."""
_TEXTS = dict.fromkeys(("id", "run", "commit", "tag", "state", "kind", "since", "confirmed"), str)
_RECORD: dict[str, Any] = {**_TEXTS, "expires": float, "bytes": float, "marks": [str], "allow": [str], "workers": [{}]}
_STATE: dict[str, Any] = {
    **dict.fromkeys(("live", "switch", "lease", "drain", "unfinished"), _RECORD),
    **{key: [_RECORD] for key in ("releases", "backups", "verdicts")},
    **{key: [str] for key in ("drift", "wrong")},
    **dict.fromkeys(("instance", "confirmed_run", "confirmed_doubt"), str),
    **dict.fromkeys(("free_bytes", "journal_break"), float),
}
_COUNTS = dict.fromkeys(("inserted", "updated", "deleted"), float)
_ANY = ""
"""Stands for every name, where the names are the host's own."""
_LOSS: dict[str, Any] = {
    **dict.fromkeys(("from", "folder"), str),
    "rows": _COUNTS,
    "tables": {_ANY: _COUNTS},
    "sums": [{"table": str, "groups": [{}]}],
    "files": [str],
}
_MIGRATION: dict[str, Any] = {"name": str, "statements": [{"sql": str}], "older_code_fails_on": [str]}
_COMMON: dict[str, Any] = {"complaints": [{}], "left_out": [str]}
"""What is looked for in every answer."""
_SHAPES: dict[str, dict[str, Any]] = dict.fromkeys(
    ("namaskah_status", "namaskah_lease", "namaskah_backups", "namaskah_backup_prune"), _STATE
)
_SHAPES["namaskah_recover"] = {**dict.fromkeys(("state", "why", "serving"), str), "notes": [str]}
_SHAPES["namaskah_migrate"] = _SHAPES["namaskah_schema"] = {
    **{key: [str] for key in ("applied", "reversed", "undo", "fewer_told", "unseen")},
    **dict.fromkeys(("schema", "unknown"), str),
    "ahead": [_MIGRATION],
    "reversal": [{"name": str, "impossible": str}],
}
_SHAPES["namaskah_restore"] = {**dict.fromkeys(("backup", "phase", "unfinished"), str), "loss": _LOSS, "notes": [str]}


def of_result(action: str, told: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what the module `action` reported, without values of another kind than those that it reports."""
    fitting: Mapping[str, Any] = _fit(told, {**_COMMON, **_SHAPES.get(action, {})})
    return fitting


def _fit(value: Any, shape: Any) -> Any:
    if isinstance(shape, dict):
        if not isinstance(value, Mapping):
            return None
        if _ANY in shape:
            known = {name: _fit(item, shape[_ANY]) for name, item in value.items()}
            return {name: item for name, item in known.items() if item is not None}
        return {name: _fit(item, shape[name]) if name in shape else item for name, item in value.items()}
    if isinstance(shape, list):
        fitting = [_fit(item, shape[0]) for item in value] if isinstance(value, list) else []
        return [item for item in fitting if item is not None]
    if shape is float:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        return value if number and abs(value) < _LARGEST else None
    return value if isinstance(value, str) else None
