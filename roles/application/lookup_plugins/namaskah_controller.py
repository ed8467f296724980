"""Which process leads this run, and is the one that led another run dead? Asked on the controller, of its own kernel.

A process is told apart by machine, boot, name space, id and start time; of other machines nothing is claimed.
"""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any

from ansible.plugins.lookup import LookupBase

DOCUMENTATION = r"""
name: namaskah_controller
short_description: Name the process that leads this run, or tell whether another one is dead
description:
  - Without a term it gives the identity of the ansible-playbook that runs now, or nothing where there is none.
  - With an identity as its term it gives true where that process is dead beyond doubt, else false.
options:
  _terms: {description: An identity that another run has left in its lease., required: false}
"""

PROGRAM = "ansible-playbook"
PROC = Path("/proc")


class LookupModule(LookupBase):
    """The plugin."""

    def run(self, terms: list[Any], variables: Any = None, **kwargs: Any) -> list[Any]:  # noqa: ARG002 - its form
        """Return one answer."""
        return [dead(dict(terms[0])) if terms else identity()]


def identity() -> dict[str, Any]:
    """Return who leads this run: the outermost ansible-playbook above this process; empty where there is none."""
    leader, pid = 0, os.getpid()
    while pid > 1:
        try:
            words = (PROC / str(pid) / "cmdline").read_bytes().decode(errors="replace").split("\0")
            parent = int(_stat(pid)[1])
        except OSError:
            break
        if any(word.rpartition("/")[2].startswith(PROGRAM) for word in words[:3]):
            leader = pid
        pid = parent
    machine = _machine()
    return {**machine, "pid": leader, "started": int(_stat(leader)[19])} if leader and machine else {}


def dead(known: dict[str, Any]) -> bool:
    """Return whether the process of an identity is dead beyond doubt: same machine, and the process is not there."""
    machine = _machine()
    if not machine or any(known.get(name) != machine[name] for name in ("machine", "host")):
        return False
    if known.get("boot") != machine["boot"]:
        return True
    if known.get("space") != machine["space"]:
        return False
    try:
        state = _stat(int(known["pid"]))
    except (OSError, KeyError, ValueError):
        return True
    return state[0] in ("Z", "X") or int(state[19]) != known.get("started")


def _machine() -> dict[str, str]:
    """Return what tells this machine and its boot from others; empty where it has no name of its own."""
    try:
        name = Path("/etc/machine-id").read_text(encoding="ascii").strip()
        boot = (PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        space = str((PROC / "self/ns/pid").readlink())
    except OSError:
        return {}
    return {"machine": name, "host": socket.gethostname(), "boot": boot, "space": space} if name else {}


def _stat(pid: int) -> list[str]:
    """Return the fields of proc(5)'s stat after the name; raises OSError when the process is gone."""
    return (PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
