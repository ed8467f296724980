"""Records beside a manifest, which never changes: each carries a hash of itself and of whose it is."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible.module_utils.namaskah_host.failure import Failure
from ansible.module_utils.namaskah_host.files import write_text

from . import shape


def write(path: Path, record: Mapping[str, Any]) -> None:
    """Replace the record at `path`, in a backup's folder, atomically and durably."""
    write_text(path, _text(path, record), 0o600)


def read(path: Path) -> dict[str, Any] | None:
    """The record at `path`; None where there is none. Raises Failure when it is damaged, or of another backup."""
    try:
        text = path.read_text(encoding="utf-8")
        record: dict[str, Any] = json.loads(text)["record"]
        if text != _text(path, record):
            why = f"{path.name} differs from its hash, or is of another backup"
        elif unfit := shape.wrong(record, shape.BESIDE[path.name]):
            why = f"{path.name} is no record: {unfit}"
        else:
            return record
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        why = f"{path.name} is no record: {error}"
    next_step = f"move {path} away: the backup itself is whole, what was noted there is lost"
    raise Failure("failed", "A record beside a backup is damaged", str(path), why, next_step)


def _text(path: Path, record: Mapping[str, Any]) -> str:
    """The whole file: that it is of this folder and of this name is in the hash."""
    sealed = json.dumps([path.parent.name, path.name, record], sort_keys=True)
    content = {"record": record, "sha256": hashlib.sha256(sealed.encode()).hexdigest()}
    return json.dumps(content, indent=2, sort_keys=True) + "\n"
