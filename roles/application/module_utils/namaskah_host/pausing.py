"""How do the services that may not overlap stand still while the database beneath a release is exchanged?"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

from . import switch as switches
from .contract import Contract
from .files import RECOVER, Damaged, lay_aside, read_record, sync_folder, write_json
from .instances import Instance
from .release import current


def paused_file(contract: Contract) -> Path:
    """Return the path of the record of a pause: while it is there, somebody has to start them again."""
    return contract.root / "paused.json"


def read(contract: Contract) -> dict[str, Any] | None:
    """Return the record of a pause, or None where nobody has paused; raises Damaged when it cannot be read."""
    return read_record(paused_file(contract), {"run": (str,), "by": (str,)}, {}, RECOVER)


def pause(contract: Contract, run: dict[str, Any]) -> dict[str, Any]:
    """Stop those services of the live release; written down first, so that recovery starts them again."""
    with switches.locked(contract):
        live = _live(contract)
        services = live.services(overlap=False) if live else []
        names = [service.name for service in services]
        if live and names:
            write_json(paused_file(contract), {"run": run["id"], "by": run["by"], "release": live.release.id})
            switches.note(contract, run["id"], run["by"], "paused", release=live.release.id, services=names)
            live.stop(services)
    return {"changed": bool(names), "services": names}


def go_on(contract: Contract) -> list[str]:
    """Start what a pause has stopped, wait until it is well, and forget the pause; return the names.

    To be called under the switch lock. Raises Failure when a service is not well; the pause is then remembered.
    """
    damaged = None
    try:
        record = read(contract)
    except Damaged as found:  # it is there, so something was paused
        damaged, record = found, {"run": "", "by": ""}
    live = _live(contract)
    if not record or not live:
        return []
    services = live.services(overlap=False)
    live.ensure(services)
    if damaged:
        lay_aside(damaged, {**record, "host": contract.host})
    with contextlib.suppress(FileNotFoundError):
        paused_file(contract).unlink()
        sync_folder(contract.root)
    names = [service.name for service in services]
    switches.note(contract, record["run"], record["by"], "went on", release=live.release.id, services=names)
    return names


def _live(contract: Contract) -> Instance | None:
    live = current(contract)
    return Instance(contract, live, live.instance) if live and live.instance else None
