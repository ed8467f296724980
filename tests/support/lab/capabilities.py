"""Whether this machine can carry a lab, and if not, which capability is missing.

Missing Debian packages are installed (as root, with apt-get); what no package can bring is named.
"""

import os
import shutil
import sys
from collections.abc import Callable, Mapping
from functools import cache

from tests.support.lab.cgroup import unified_mount
from tests.support.lab.command import run, search_path
from tests.support.lab.errors import LabError, LabUnavailableError
from tests.support.lab.locks import exclusive
from tests.support.lab.paths import state_dir

# Program -> the Debian package that brings it.
TOOLS = {
    "systemd-nspawn": "systemd-container",
    "mmdebstrap": "mmdebstrap",
    "ip": "iproute2",
    "tc": "iproute2",
    "nft": "nftables",
    "zstd": "zstd",
    "rsync": "rsync",
    "git": "git",
    "ssh": "openssh-client",
    "nsenter": "util-linux",
}
_APT_SECONDS = 600


@cache
def require() -> None:
    """Return when a lab can be had here; raises LabUnavailableError naming what is missing."""
    _require_root()
    install_missing(TOOLS)
    for check in (_require_network, _require_overlay, unified_mount):
        _probe(check)


def missing() -> str:
    """The reason why no lab can be had here, empty when one can."""
    try:
        require()
    except LabUnavailableError as error:
        return str(error)
    return ""


def _require_root() -> None:
    if sys.platform != "linux":
        raise LabUnavailableError(f"the lab needs Linux, this is {sys.platform}")
    if os.geteuid() != 0:
        raise LabUnavailableError("the lab needs root (namespaces, overlay mounts, a bridge); run it as root")


def install_missing(tools: Mapping[str, str]) -> None:
    """Install the Debian packages of those `tools` (program -> package) that this machine lacks."""
    if _absent(tools):
        with exclusive(state_dir() / ".packages.lock"):  # another worker may be installing them
            _install(_absent(tools))


def _absent(tools: Mapping[str, str]) -> list[str]:
    return sorted({package for tool, package in tools.items() if shutil.which(tool, path=search_path()) is None})


def _install(packages: list[str]) -> None:
    if not packages:
        return
    if shutil.which("apt-get") is None:
        raise LabUnavailableError(f"not installed, and there is no apt-get to install them: {', '.join(packages)}")
    try:
        run(["apt-get", "update", "--quiet"], timeout=_APT_SECONDS)
        quiet = {"DEBIAN_FRONTEND": "noninteractive"}
        install = ["apt-get", "install", "--yes", "--quiet", "--no-install-recommends"]
        run([*install, *packages], timeout=_APT_SECONDS, env=quiet)
    except LabError as error:
        raise LabUnavailableError(f"could not install {', '.join(packages)}: {error}") from error


def _require_network() -> None:
    run(["unshare", "--net", "--mount", "--pid", "--fork", "true"])
    probe = f"nlp{os.getpid() % 100000}"
    run(["ip", "link", "add", probe, "type", "bridge"])
    run(["ip", "link", "delete", probe])
    run(["ip", "link", "add", probe, "type", "veth", "peer", "name", f"{probe}x"])
    run(["ip", "link", "delete", probe])
    run(["nft", "--check", "-f", "-"], stdin=f"table inet {probe} {{ }}\n")


def _require_overlay() -> None:
    probe = state_dir() / f".probe-{os.getpid()}"
    parts = {name: probe / name for name in ("lower", "upper", "work", "root")}
    try:
        for part in parts.values():
            part.mkdir(parents=True)
        options = f"lowerdir={parts['lower']},upperdir={parts['upper']},workdir={parts['work']}"
        run(["mount", "-t", "overlay", "namaskah-lab-probe", "-o", options, parts["root"]])
        run(["umount", parts["root"]])
    finally:
        shutil.rmtree(probe, ignore_errors=True)


def _probe(check: Callable[[], object]) -> None:
    try:
        check()
    except LabError as error:
        raise LabUnavailableError(f"this kernel or sandbox does not allow a lab: {error}") from error
