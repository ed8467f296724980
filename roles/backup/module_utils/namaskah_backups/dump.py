"""How the database comes into files: pg_dump in our snapshot, to a file and no pipe, flushed, hashed, read back."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible.module_utils.namaskah_command import Program
from ansible.module_utils.namaskah_host.failure import Failure
from ansible.module_utils.namaskah_host.files import sync_folder

from .session import address
from .settings import Settings
from .tools import Tools, finish

FILE = "database.dump"
FOLDER = "database"
_CHOOSES_METHOD = 16  # since this version --compress takes a method; see the release notes of PostgreSQL 16
_LOCK_WAIT = "30s"
_BLOCK = 1 << 20


@dataclass(frozen=True)
class Dump:
    """A dump that is being written: the form, where it goes, and the program that writes it."""

    path: Path
    form: str
    compression: str
    program: Program


def start(tools: Tools, settings: Settings, folder: Path, size: int, snapshot: str) -> Dump:
    """Start to dump the snapshot into the backup's folder; large databases are written by several processes."""
    parallel = size >= settings.parallel_size
    compression = best_compression(tools, settings)
    path = folder / (FOLDER if parallel else FILE)
    words = ["pg_dump", "--no-password", f"--dbname={address(settings.service)}", f"--snapshot={snapshot}"]
    words += [f"--lock-wait-timeout={_LOCK_WAIT}", f"--compress={compression}", f"--file={path}"]
    words += ["--format=directory", f"--jobs={jobs(settings)}"] if parallel else ["--format=custom"]
    return Dump(path, "directory" if parallel else "custom", compression, tools.start(words))


def complete(dump: Dump, settings: Settings) -> None:
    """Wait for the dump and make it durable. Raises Failure."""
    next_step = "mend the cause and make the backup again; nothing was released and nothing is left of this one"
    finish(dump.program, timeout=settings.left(), what="The dump failed", where=settings.where, next_step=next_step)
    for path in files_of(dump.path):
        with path.open("rb") as stream:
            os.fsync(stream.fileno())
    sync_folder(dump.path if dump.path.is_dir() else dump.path.parent)


def read_back(tools: Tools, settings: Settings, path: Path) -> None:
    """Read the dump from its first to its last byte with pg_restore; a list of its contents proves nothing."""
    words = ["pg_restore", "--file=/dev/null", str(path)]
    next_step = "check the disk and its free space; make the backup again"
    tools.run(words, timeout=settings.left(), what="The dump cannot be read back", where=str(path), next_step=next_step)


def best_compression(tools: Tools, settings: Settings) -> str:
    """Zstd where these programs have it, then lz4, else the fastest gzip: stronger ones cost time for 4 % of size."""
    if tools.major < _CHOOSES_METHOD:
        return "1"
    return next((method for method in ("zstd:3", "lz4") if _can(tools, settings, method)), "gzip:1")


def _can(tools: Tools, settings: Settings, method: str) -> bool:
    """Whether these programs were built with the method: an empty dump tries it."""
    words = ["pg_dump", "--no-password", f"--dbname={address(settings.service)}", "--schema-only", "--format=custom"]
    words += [
        "--exclude-schema=*",
        f"--compress={method}",
        "--file=/dev/null",
        "--no-sync",
    ]  # a device cannot be synced
    return tools.start(words).finish(settings.left()).status == 0


def jobs(settings: Settings) -> int:
    """How many processes dump or restore beside each other: as set, else one a processor, at most four."""
    return settings.jobs or min(4, os.cpu_count() or 1)


def files_of(path: Path) -> Iterator[Path]:
    """The files of a dump: itself, or every file in its folder."""
    if path.is_dir():
        yield from sorted(entry for entry in path.iterdir())
    else:
        yield path


def checksum(path: Path) -> dict[str, Any]:
    """Size and SHA-256 of a file. Raises Failure when it cannot be read."""
    digest = hashlib.sha256()
    size = 0
    try:
        with path.open("rb") as stream:
            while block := stream.read(_BLOCK):
                digest.update(block)
                size += len(block)
    except OSError as error:
        next_step = "check the disk; make a new backup"
        raise Failure("failed", "A file of the backup cannot be read", str(path), str(error), next_step) from error
    return {"size": size, "sha256": digest.hexdigest()}
