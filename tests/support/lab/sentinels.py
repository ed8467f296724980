"""Did a secret come to light? Random marks that are planted in secrets, and a search for each in every form.

It stands alone (standard library only), for the same search runs on the controller and, by its source, on the hosts:
`python3 -c SOURCE` with {"marks", "folders", "since"} as JSON on standard input, an answer as JSON on standard output.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import secrets
import stat
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

CHUNK = 1 << 22  # bytes that are searched at once
OVERLAP = 4096  # bytes of a chunk that the next one sees again, longer than any form


def mark(name: str = "") -> str:
    """Return a new mark, or that of a name. Letters and digits alone: quoting, escaping and URL encoding leave it."""
    return "Zq" + (hashlib.sha256(name.encode()).hexdigest()[:16] if name else secrets.token_hex(8)) + "qZ"


def forms(text: str) -> set[bytes]:
    """Return how `text` looks as it is, in hexadecimal, and in base64 at each of the three places it can begin."""
    raw = text.encode()
    found = {raw, raw.hex().encode(), raw.hex().upper().encode()}
    for before in range(3):
        # Letters that also hold bits of the neighbours are cut off.
        encoded = base64.b64encode(b"\0" * before + raw + b"\0\0\0")
        found.add(encoded[(before * 8 + 5) // 6 : (before + len(raw)) * 8 // 6])
    return found


class Search:
    """Looks for named marks in bytes, files and folders."""

    def __init__(self, marks: dict[str, str]) -> None:
        self._names = {form: name for name, text in marks.items() for form in forms(text)}
        self._pattern = re.compile(b"|".join(map(re.escape, self._names)))

    def data(self, data: bytes) -> set[str]:
        """Return the names of the marks in `data`."""
        return {self._names[found] for found in self._pattern.findall(data)}

    def file(self, path: str) -> set[str]:
        """Return the names of the marks in a file; one that has vanished since holds none."""
        found: set[str] = set()
        try:
            with Path(path).open("rb") as stream:
                end = b""
                while chunk := stream.read(CHUNK):
                    found |= self.data(end + chunk)
                    end = chunk[-OVERLAP:]
        except FileNotFoundError:
            pass
        return found

    def folders(self, folders: Iterable[str], since: float) -> dict[str, list[str]]:
        """Return path -> names for every file below `folders` that changed after `since` (seconds since the epoch)."""
        return {path: sorted(found) for path in files(folders, since) if (found := self.file(path))}


def files(folders: Iterable[str], since: float) -> Iterator[str]:
    """Yield the regular files below `folders` whose content or place changed after `since`."""
    for top in folders:
        for folder, below, names in os.walk(top):
            below[:] = [name for name in below if f"{folder.rstrip('/')}/{name}" not in ("/proc", "/sys", "/dev/pts")]
            for name in names:
                path = f"{folder}/{name}"
                try:
                    facts = os.lstat(path)
                except FileNotFoundError:
                    continue
                if stat.S_ISREG(facts.st_mode) and facts.st_ctime >= since:
                    yield path


def main() -> None:
    """Search this machine as standard input says."""
    asked = json.load(sys.stdin)
    json.dump(Search(asked["marks"]).folders(asked["folders"], asked["since"]), sys.stdout)


if __name__ == "__main__":
    main()
