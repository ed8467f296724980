"""What a host is made of: a Debian tree per suite, built once by mmdebstrap and kept in the cache.

A tree's folder name holds a hash of everything that decides its content, it is built beside its
place and renamed, and a lock makes a second run wait for the first. A finished tree never changes:
hosts mount overlays on it.
"""

import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path

from tests.lab.command import run, search_path
from tests.lab.errors import LabError
from tests.lab.locks import exclusive
from tests.lab.mirror import apt_options, machine_mirror
from tests.lab.paths import cache_dir

SUITES = ("bookworm", "trixie")
_SYSTEM = ["systemd", "systemd-sysv", "dbus", "libpam-systemd", "procps", "iproute2", "ca-certificates", "acl"]
_ACCESS = ["openssh-server", "python3-apt", "sudo", "curl", "rsync", "zstd", "git"]
_SERVICES = ["python3", "python3-venv", "postgresql", "nginx-light", "haproxy", "nodejs"]
PACKAGES = sorted([*_SYSTEM, *_ACCESS, *_SERVICES])
# Installed, but off until a host's role starts them (a Debian package starts its service by default).
DORMANT = ("postgresql.service", "nginx.service", "haproxy.service")
# Timers that would look for work in the middle of a test.
UNWANTED = (
    "apt-daily.timer",
    "apt-daily-upgrade.timer",
    "dpkg-db-backup.timer",
    "e2scrub_all.timer",
    "fstrim.timer",
)
_SETUP = Path(__file__).with_name("base_setup.sh")
_BUILD_SECONDS = 1200


def base_tree(suite: str) -> Path:
    """The ready tree of `suite`, built now (about a minute, 700 MB) if the cache has none."""
    if suite not in SUITES:
        raise LabError(f"unknown suite {suite!r}; the lab knows {', '.join(SUITES)}")
    tree = cache_dir() / f"{suite}-{_content_key(suite)}"
    with exclusive(cache_dir() / f"{suite}.lock"):
        if not tree.is_dir():
            _build(suite, tree)
    return tree


def _content_key(suite: str) -> str:
    parts = [suite, PACKAGES, DORMANT, UNWANTED, _SETUP.read_text(), os.uname().machine]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:12]


def _build(suite: str, tree: Path) -> None:
    unfinished = tree.with_name(f"{tree.name}.partial")
    shutil.rmtree(unfinished, ignore_errors=True)
    log = tree.with_name(f"{tree.name}.log")
    with log.open("w") as output:
        status = subprocess.run(
            _mmdebstrap(suite, unfinished),
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
    run(["sync", "-f", unfinished], timeout=300)
    unfinished.rename(tree)


def _mmdebstrap(suite: str, target: Path) -> list[str]:
    argv = ["mmdebstrap", "--mode=root", "--variant=minbase", "--format=directory", f"--include={','.join(PACKAGES)}"]
    argv += [f"--aptopt={option}" for option in apt_options()]
    argv += [f"--customize-hook={_SETUP} $1 {' '.join((*DORMANT, *UNWANTED))}"]
    return [*argv, suite, str(target), "-"]
