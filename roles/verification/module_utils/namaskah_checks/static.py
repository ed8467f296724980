"""Does the address serve the very static files of the release? Bytes are compared by checksum."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from .http import fetch
from .outcome import Check, CheckFailed
from .stream import Address

NAMED = 5  # so many bad files are named, and no more looked for
LONGEST = 60.0  # seconds for all files


@dataclass(frozen=True)
class StaticFiles:
    """What is fetched: `files` = path below `url` -> sha256 in hex, out of `total` files of the release."""

    url: str
    files: Mapping[str, str]
    total: int


def sample(manifest: Mapping[str, str], bound: int, always: Sequence[str], release: str) -> dict[str, str]:
    """All files up to `bound`, beyond it a choice that is the same for the same release, and `always` in any case.

    Another release gets another choice, so that over time every file is looked at.
    """
    unknown = [name for name in always if name not in manifest]
    if unknown:
        raise CheckFailed(
            f"verification_static_names: {', '.join(unknown[:NAMED])} is not among the static files of the release"
        )
    ranked = sorted(manifest, key=lambda path: hashlib.sha256(f"{release}/{path}".encode()).digest())
    chosen = dict.fromkeys([*always, *ranked[: max(0, bound - len(set(always)))]])
    return {path: manifest[path] for path in sorted(chosen)}


def static_check(static: StaticFiles, address: Address, timeout: float, where: str) -> Check:
    """One check for all chosen files; `timeout` in seconds for one file."""

    def ask() -> str:
        if not static.files:
            raise CheckFailed(
                "the release has no static files although namaskah_static_root is set; where the application has none,"
                ' set namaskah_static_root: ""'
            )
        bad, end = [], time.monotonic() + LONGEST
        for number, (path, digest) in enumerate(static.files.items()):
            if time.monotonic() > end:
                bad.append(f"only {number} files came within {LONGEST:g} s")
                break
            reason = _differs(static.url, path, digest)
            bad += [reason] if reason else []
            if len(bad) == NAMED:
                break
        if bad:
            raise CheckFailed(f"of {len(static.files)} files, {'; '.join(bad)}")
        return f"{len(static.files)} of {static.total} files equal by sha256 at {address}{static.url}"

    def _differs(url: str, path: str, digest: str) -> str:
        place = url.rstrip("/") + "/" + quote(path)
        try:
            answer = fetch(address, place, {}, timeout)
        except CheckFailed as failure:
            return f"{place}: {failure}"
        if answer.status != 200:  # noqa: PLR2004 - the one good answer to an unconditional GET
            location = answer.headers.get("location", "")
            return f"{place}: answered {answer.status}" + (f" and sends to {location}" if location else "")
        got = hashlib.sha256(answer.body).hexdigest()
        return "" if got == digest else f"{place}: other bytes ({len(answer.body)} bytes, sha256 {got[:12]}…)"

    return Check(f"static files ({where})", ask)
