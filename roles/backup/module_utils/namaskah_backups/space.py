"""Whether there is room for what a backup writes: bytes and inodes, asked before anything is written."""

from __future__ import annotations

import ipaddress
import os
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible.module_utils.namaskah_host.failure import Failure

_FEW_FILES = 64
_MEGABYTE = 1_000_000
_ALWAYS = 8 * _MEGABYTE  # the manifest, and what a small database's estimate leaves out


def check(
    folder: Path, content: int, files: int, margin: float, what: str, *, others: Sequence[Mapping[str, Any]] = ()
) -> dict[str, Any]:
    """Raise Failure when `folder` has no room for `content` bytes, times `margin`, in `files` files; else say the room.

    `others` are rooms of what will be written as well: those on the same file system are needed there together.
    A file system that counts no inodes has always enough of them.
    """
    state = os.statvfs(folder)
    free, needed = state.f_bavail * state.f_frsize, int(content * margin) + (_ALWAYS if margin > 0 else 0)
    beside = sum(other["needed"] for other in others if _is_beside(folder, other))
    if free < needed + beside:
        why = f"{_megabytes(needed)} are needed at most, {_megabytes(free)} are free"
        why += f", of which {_megabytes(beside)} go to the rest of the backup" if beside else ""
        next_step = "free space (`namaskah-deploy backups` shows older ones) or set backup_root on a larger disk"
        raise Failure("refused", f"There is no room for {what}", str(folder), why, next_step)
    if state.f_files and state.f_favail < files + _FEW_FILES:
        why = f"{files + _FEW_FILES} inodes are needed at most, {state.f_favail} are free"
        next_step = "remove files, or set backup_root on a file system with more inodes"
        raise Failure("refused", f"There is no room for the files of {what}", str(folder), why, next_step)
    return {"folder": str(folder), "free": free, "needed": needed}


def check_server(
    folder: str | None,
    address: str | None,
    content: int,
    margin: float,
    what: str,
    *,
    others: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """As `check`, for the data folder of a server at `address`, where both are known and the server is on this host.

    Where it is not, the room is unknown (`free` is None), and `elsewhere` is the address of the other host.
    """
    unknown = {"folder": folder, "free": None, "needed": int(content * margin)}
    if not is_here(address):
        return {**unknown, "elsewhere": address}
    if not folder:
        return unknown
    try:
        return check(Path(folder), content, 0, margin, what, others=others)
    except OSError:
        return unknown


def unknown_words(state: Mapping[str, Any]) -> str:
    """What an operator is told of a server's room of which nobody knows: why, and what to do about it."""
    why = "room for the proving copy is unknown: "
    if state.get("elsewhere"):
        needed = f"see that {_megabytes(state['needed'])} are free where PostgreSQL's data lies there"
        return f"{why}it is made on another host, {state['elsewhere']}; {needed}"
    if state["folder"]:
        return f"{why}the deploy user cannot look at {state['folder']}"
    return f"{why}GRANT pg_read_all_settings to the proof's role"


def _is_beside(folder: Path, other: Mapping[str, Any]) -> bool:
    """Whether the other room is known, and lies on the file system of `folder`."""
    return other["free"] is not None and Path(other["folder"]).stat().st_dev == folder.stat().st_dev


def is_here(address: str | None) -> bool:
    """Whether the server's address is one of this machine: a socket, the loopback, or one that can be bound here."""
    if address is None or ipaddress.ip_address(address).is_loopback:
        return True
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return False
    return True


def _megabytes(size: int) -> str:
    return f"{size / _MEGABYTE:,.0f} MB"
