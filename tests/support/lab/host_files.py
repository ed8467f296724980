"""What makes a disk this host's disk: names, keys and addresses, written before it boots."""

import json
import os
import stat
import uuid
from collections.abc import Iterator
from pathlib import Path

from tests.support.lab.keys import Keys
from tests.support.lab.network import Network
from tests.support.lab.state import HostRecord
from tests.support.lab.wheels import WHEEL_PORT


def write_identity(root: Path, host: HostRecord, keys: Keys) -> None:
    """Give the disk at `root` the host's name, machine id and SSH keys."""
    _write(root / "etc/hostname", f"{host.name}\n")
    _write(root / "etc/machine-id", uuid.uuid4().hex + "\n")
    key = keys.host_key(host.name)
    _write(root / "etc/ssh/ssh_host_ed25519_key", key.read_text(), 0o600)
    _write(root / "etc/ssh/ssh_host_ed25519_key.pub", key.with_suffix(".pub").read_text())
    for home in (root / "root", root / "home/ops"):
        _authorize(home, keys.public_line)


def write_names(root: Path, host: HostRecord, neighbours: list[HostRecord], network: Network) -> None:
    """Write /etc/hosts: the host itself (sudo complains without; no host as found has it), its neighbours."""
    lines = ["127.0.0.1 localhost", "::1 localhost ip6-localhost", f"127.0.1.1 {host.name}"]
    if host.as_found:
        lines = ["::1 localhost ip6-localhost", "127.0.0.1 localhost"]
    lines += [f"{other.address} {other.name}" for other in neighbours if other.name != host.name]
    lines.append(f"{network.controller} controller")
    _write(root / "etc/hosts", "\n".join([*lines, ""]))


def write_sources(root: Path, host: HostRecord, network: Network) -> None:
    """Point apt at the controller's archive (not signed: it is made here, for this bridge alone)."""
    line = f"deb [trusted=yes] http://{network.controller}:{WHEEL_PORT}/debian/{host.suite} ./\n"
    _write(root / "etc/apt/sources.list.d/lab.list", line)


def write_pip_conf(root: Path, network: Network) -> None:
    """Point pip at the controller's wheels and nowhere else, as on a closed production network."""
    address = network.controller
    settings = [
        "[global]",
        "no-index = true",
        f"find-links = http://{address}:{WHEEL_PORT}/",
        f"trusted-host = {address}",
        "disable-pip-version-check = true",
    ]
    _write(root / "etc/pip.conf", "\n".join([*settings, ""]))


# What a kept disk holds of the lab that it was written in: the begin of its addresses, and the key that may log in.
STAMP = "stamp.json"
_LARGEST = 1_000_000  # bytes of a file that may hold one of them
_PROGRAMS = (".py", ".pyc", ".so")
_DATABASE = "var/lib/postgresql"


def stamp(network: Network, keys: Keys) -> list[str]:
    """What the files of a lab's hosts hold of that lab."""
    return [network.controller.removesuffix("1"), keys.public_line.strip()]


def write_kept(root: Path, kept: Path, network: Network, keys: Keys) -> None:
    """Put this lab's network and key into the files of a disk that hold those of the lab where it was kept."""
    before = json.loads(kept.with_name(STAMP).read_text())["holds"]
    pairs = [(old.encode(), new.encode()) for old, new in zip(before, stamp(network, keys), strict=True)]
    for path in _texts(kept):
        text = anew = path.read_bytes()
        for old, new in pairs:
            anew = anew.replace(old, new)
        if anew != text:
            about, target = path.stat(), root / path.relative_to(kept)
            target.write_bytes(anew)
            os.utime(target, ns=(about.st_atime_ns, about.st_mtime_ns))


def _texts(tree: Path) -> Iterator[Path]:
    for folder, names, files in os.walk(tree):
        names[:] = [name for name in names if Path(folder, name) != tree / _DATABASE]
        for path in (Path(folder, name) for name in files):
            about = path.lstat()
            if stat.S_ISREG(about.st_mode) and about.st_size < _LARGEST and path.suffix not in _PROGRAMS:
                yield path


def _write(path: Path, text: str, mode: int = 0o644) -> None:
    path.unlink(missing_ok=True)  # A symlink of the base must not lead the text elsewhere.
    path.write_text(text)
    path.chmod(mode)


def _authorize(home: Path, line: str) -> None:
    owner = home.stat()
    folder = home / ".ssh"
    folder.mkdir(mode=0o700, exist_ok=True)
    _write(folder / "authorized_keys", line, 0o600)
    for path in (folder, folder / "authorized_keys"):
        os.chown(path, owner.st_uid, owner.st_gid)
