"""How files get to a target, and how it is asked what it has: rsync over ssh, or rclone to what speaks S3.

Both make an object visible only when it is whole: rsync writes beside and renames, S3 has no half objects.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from ansible.module_utils.namaskah_host.foreign import lines

from .ciphers import call
from .targets import Target

_WHAT = "The copy failed"
_ASKED = "The copy cannot be read back"


class Transport(Protocol):
    """One way to one target; `place` is the folder of a backup there."""

    def reach(self, timeout: float) -> None:
        """Raise Failure when the target does not answer, or not to us."""

    def send(self, folder: Path, names: Sequence[str], place: str, timeout: float) -> None:
        """Send files of `folder`, by their names in it. Raises Failure."""

    def differing(self, folder: Path, sums: Mapping[str, str], place: str, timeout: float) -> list[str]:
        """Read everything there again and return the names that are missing or differ. `sums` are SHA-256."""


def of(target: Target) -> Transport:
    """Return the way to `target`."""
    return Rsync(target) if target.kind == "rsync" else Rclone(target)


class Rsync:
    """rsync(1) over ssh with exactly one key, to a host whose key is known."""

    def __init__(self, target: Target) -> None:
        self._target = target

    def reach(self, timeout: float) -> None:
        """See Transport. A folder that is not there yet is made by the first copy, so the parent answers for it."""
        host = self._target.to.split(":")[0]
        call([*self._words, "--list-only", "--dirs", f"{host}:/"], timeout, _WHAT, self._target.where)

    def send(self, folder: Path, names: Sequence[str], place: str, timeout: float) -> None:
        """See Transport. An interrupted file goes on where it stopped; the other side syncs before it renames.

        By content: a damaged file there can have the size and the time of the whole one, and would be left.
        """
        words = [
            *self._words,
            "--checksum",
            "--times",
            "--chmod=D700,F600",
            "--partial-dir=.partial",
            "--fsync",
            "--mkpath",
        ]
        words += ["--files-from=-", f"{folder}/", f"{self._target.to}/{place}/"]
        call(words, timeout, _WHAT, self._target.where, "".join(f"{name}\n" for name in names))

    def differing(self, folder: Path, sums: Mapping[str, str], place: str, timeout: float) -> list[str]:
        """See Transport. Both sides read every byte; what rsync would send again differs."""
        words = [*self._words, "--checksum", "--dry-run", "--out-format=%i %n", "--files-from=-"]
        words += [f"{folder}/", f"{self._target.to}/{place}/"]
        said = call(words, timeout, _ASKED, self._target.where, "".join(f"{name}\n" for name in sums))
        return [line.split(" ", 1)[1] for line in lines(said) if line.startswith(("<f", ">f"))]

    @property
    def _words(self) -> list[str]:
        target = self._target
        options = ["BatchMode=yes", "StrictHostKeyChecking=yes", "IdentitiesOnly=yes", "IdentityAgent=none",
                   "UpdateHostKeys=no", "ConnectTimeout=10", "ServerAliveInterval=15", "ServerAliveCountMax=4",
                   f"UserKnownHostsFile={target.known_hosts}", "GlobalKnownHostsFile=/dev/null"]  # fmt: skip
        ssh = ["ssh", "-F", "/dev/null", "-p", str(target.port), "-i", str(target.key)]
        shell = " ".join([*ssh, *(f"-o {option}" for option in options)])
        return ["rsync", "--timeout=120", "-e", shell]


class Rclone:
    """rclone(1) with a remote of its own configuration file, where the keys stand."""

    def __init__(self, target: Target) -> None:
        self._target = target

    def reach(self, timeout: float) -> None:
        """See Transport."""
        call([*self._words, "lsjson", "--max-depth=1", self._bucket], timeout, _WHAT, self._target.where)

    def send(self, folder: Path, names: Sequence[str], place: str, timeout: float) -> None:
        """See Transport."""
        with tempfile.NamedTemporaryFile("w", suffix=".names") as listed:
            listed.write("".join(f"{name}\n" for name in names))
            listed.flush()
            words = [*self._words, "copy", "--checksum", "--no-traverse", "--s3-no-check-bucket"]
            words += ["--files-from-raw", listed.name, str(folder), f"{self._target.to}/{place}"]
            call(words, timeout, _WHAT, self._target.where)

    def differing(self, folder: Path, sums: Mapping[str, str], place: str, timeout: float) -> list[str]:
        """See Transport. Every object is downloaded and hashed on the way; nothing of it is stored."""
        del folder
        words = [*self._words, "hashsum", "sha256", "--download", f"{self._target.to}/{place}"]
        said = call(words, timeout, _ASKED, self._target.where)
        found = {name: digest for digest, _, name in (line.partition("  ") for line in lines(said))}
        return [name for name, digest in sums.items() if found.get(name) != digest]

    @property
    def _bucket(self) -> str:
        remote, _, path = self._target.to.partition(":")
        return f"{remote}:{path.split('/')[0]}"

    @property
    def _words(self) -> list[str]:
        words = ["rclone", "--config", str(self._target.config), "--log-level=ERROR", "--retries=2"]
        return [*words, "--low-level-retries=4", "--contimeout=10s", "--timeout=60s"]
