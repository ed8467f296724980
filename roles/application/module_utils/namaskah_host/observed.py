"""Which processes of the application run on this host, as the system itself tells it?"""

from __future__ import annotations

import os
from typing import Any

from . import processes
from .commands import listed, run
from .contract import Contract
from .foreign import inert
from .managers import as_root, runs_as_other_user

TOLD = ("pid", "parent", "state", "started", "cwd", "environment")
PROGRAM = "/usr/local/lib/namaskah/{app}/processes"


def running_processes(contract: Contract) -> list[dict[str, Any]]:
    """Return the processes of the application's user (see processes.py)."""
    if not runs_as_other_user(contract):
        return processes.of_user(os.getuid())
    program = PROGRAM.format(app=contract.app)
    what = "list the application's processes"
    next_step = f"provision the host: {program} or its exact sudo line is missing, or not ours"
    output = run(as_root(contract.app_user, [program]), what=what, timeout=20, next_step=next_step)
    # A folder that an older such program read may hold half of a pair, which no result may carry.
    found: list[dict[str, Any]] = inert(listed(output, TOLD, what=what, program=program, next_step=next_step))
    return found
