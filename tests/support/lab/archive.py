"""Where hosts get Debian packages from: a flat archive of exactly those that the full tree is made of.

The index is written as deb822 by the rules of "flat repositories" (sources.list(5), and Debian's
repository format: one stanza per package with Filename, Size and SHA256).
"""

import hashlib
import re
from pathlib import Path

from tests.support.lab.command import run

_EPOCH = re.compile(r"_\d+%3a")


def write_index(folder: Path) -> None:
    """Make the .deb files of `folder` an archive that apt can read."""
    for file in list(folder.glob("*.deb")):
        file.rename(folder / _EPOCH.sub("_", file.name))  # A '%' in a name and in an address are two things.
    stanzas = [_stanza(file) for file in sorted(folder.glob("*.deb"))]
    (folder / "Packages").write_text("\n".join(stanzas))


def _stanza(file: Path) -> str:
    control = run(["dpkg-deb", "--field", file]).stdout.strip()
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    return f"{control}\nFilename: ./{file.name}\nSize: {file.stat().st_size}\nSHA256: {digest}\n"
