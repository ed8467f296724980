"""What a host is made of: a Debian tree per suite, built once by mmdebstrap and kept in the cache.

A tree's folder name holds a hash of everything that decides its content, it is built beside its
place and renamed, and a lock makes a second run wait for the first. A finished tree never changes:
hosts mount overlays on it.
"""

import hashlib
import json
import os
import shlex
import shutil
import subprocess
from pathlib import Path

from tests.support.lab.archive import write_index
from tests.support.lab.command import run, search_path
from tests.support.lab.errors import LabError
from tests.support.lab.locks import exclusive
from tests.support.lab.mirror import apt_options, machine_mirror
from tests.support.lab.packages import BARE, DORMANT, FULL, UNWANTED
from tests.support.lab.paths import cache_dir

SUITES = ("bookworm", "trixie")
_SETUP = Path(__file__).with_name("base_setup.sh")
_BUILD_SECONDS = 1200


def base_tree(suite: str, *, bare: bool = False) -> Path:
    """The ready tree of `suite`, built now (half a minute, 800 MB) if the cache has none.

    A `bare` one has what an operator needs to log in, and nothing of what applications need.
    """
    if suite not in SUITES:
        raise LabError(f"unknown suite {suite!r}; the lab knows {', '.join(SUITES)}")
    packages = sorted(BARE if bare else FULL)
    kind = f"{suite}-bare" if bare else suite
    tree = cache_dir() / f"{kind}-{_content_key(suite, packages)}"
    with exclusive(cache_dir() / f"{kind}.lock"):
        if not tree.is_dir():
            _build(suite, packages, tree)
    return tree


def archive_folder(suite: str) -> Path:
    """The Debian packages that the full tree of `suite` was made from, as an archive for apt."""
    return _archive_of(base_tree(suite))


def _archive_of(tree: Path) -> Path:
    return tree.with_name(f"{tree.name}.debs")


def _content_key(suite: str, packages: list[str]) -> str:
    parts = [suite, packages, DORMANT, UNWANTED, _SETUP.read_text(), os.uname().machine]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:12]


def _build(suite: str, packages: list[str], tree: Path) -> None:
    unfinished, archive = tree.with_name(f"{tree.name}.partial"), _archive_of(tree)
    for folder in (unfinished, archive):
        shutil.rmtree(folder, ignore_errors=True)
    archive.mkdir()
    _install(suite, packages, unfinished, archive)
    write_index(archive)
    run(["sync", "-f", unfinished], timeout=300)
    unfinished.rename(tree)


def _install(suite: str, packages: list[str], tree: Path, archive: Path) -> None:
    log = archive.with_suffix(".log")
    with log.open("w") as output:
        status = subprocess.run(
            _mmdebstrap(suite, packages, tree, archive),
            input="\n".join(machine_mirror().source_lines(suite)),
            text=True,
            stdout=output,
            stderr=subprocess.STDOUT,
            timeout=_BUILD_SECONDS,
            # C.UTF-8 decides the encoding of the database cluster that Debian's package creates.
            env={**os.environ, "PATH": search_path(), "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"},
            check=False,
        ).returncode
    if status != 0:
        tail = "\n".join(log.read_text().splitlines()[-15:])
        raise LabError(f"building the {suite} tree failed (mmdebstrap, status {status}); the end of {log}:\n{tail}")


def _mmdebstrap(suite: str, packages: list[str], tree: Path, archive: Path) -> list[str]:
    setup = shlex.join([str(_SETUP), "TREE", str(archive), *DORMANT, *UNWANTED]).replace("TREE", '"$1"', 1)
    argv = ["mmdebstrap", "--mode=root", "--variant=minbase", "--format=directory", f"--include={','.join(packages)}"]
    argv += [f"--aptopt={option}" for option in apt_options()]
    return [*argv, f"--customize-hook={setup}", suite, str(tree), "-"]
