"""Which processes of the application run on this host, as the system itself tells it?"""

from __future__ import annotations

import json
import os
from typing import Any

from . import processes
from .commands import run
from .contract import Contract
from .managers import as_root, runs_as_other_user

PROGRAM = "/usr/local/lib/namaskah/{app}/processes"


def running_processes(contract: Contract) -> list[dict[str, Any]]:
    """Return the processes of the application's user (see processes.py)."""
    if not runs_as_other_user(contract):
        return processes.of_user(os.getuid())
    program = PROGRAM.format(app=contract.app)
    output = run(
        as_root(contract.app_user, [program]),
        what="list the application's processes",
        timeout=20,
        next_step=f"provision the host: {program} and its exact sudo line are missing",
    )
    found: list[dict[str, Any]] = json.loads(output)
    return found
