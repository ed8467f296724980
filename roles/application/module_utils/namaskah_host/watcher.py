"""How does the armed return come to life beside a run? As a provisioned unit, or as a process of its own."""

from __future__ import annotations

import sys
import time
from typing import Any

from .commands import run
from .contract import Contract
from .failure import Failure
from .files import Damaged, read_json
from .managers import SYSTEMCTL, as_root
from .switch import Switch

ACKNOWLEDGED_WITHIN = 15.0  # seconds


def start(contract: Contract, switch: Switch) -> None:
    """Start the watcher and wait until it has acknowledged this very switch; raises Failure when it does not."""
    if contract.raw["return"] == "systemd":
        unit = f"{contract.app}-return.service"
        run(
            as_root("root", [SYSTEMCTL, "restart", unit]),
            what="arm the automatic return",
            timeout=30,
            next_step=f"provision the host, or allow the exact sudo line `{SYSTEMCTL} restart {unit}`",
        )
    else:
        words = [sys.executable, str(contract.host_program), "watch", "--detach", "--root", str(contract.root)]
        run(words, what="arm the automatic return", timeout=30)
    end = time.monotonic() + ACKNOWLEDGED_WITHIN
    while time.monotonic() < end:
        if _seen(contract) == (switch.run, switch.deadline, switch.boot):
            return
        time.sleep(0.05)
    raise Failure(
        "failed",
        "arm the automatic return",
        contract.host,
        f"the watcher did not acknowledge within {ACKNOWLEDGED_WITHIN:g} s",
        f"look at {contract.app}-return.service or {contract.root}/host/watch.log",
    )


def _seen(contract: Contract) -> tuple[Any, ...] | None:
    """Return which switch the watcher has acknowledged; a damaged record is one that it has not written yet."""
    try:
        seen = read_json(contract.root / "watch.json")
    except Damaged:
        return None
    return tuple(seen.get(name) for name in ("run", "deadline", "boot")) if isinstance(seen, dict) else None
