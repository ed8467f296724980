"""Is the host still as it was provisioned? Units, sudo lines and the front's site, by provisioning's own record.

The deploy user, who asks, may not read every file: of one that it cannot read, size and time tell. A host that was set
up by hand has no record; of its units only systemd itself can then tell that one was changed and not loaded.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from .commands import run
from .contract import INSTANCES, Contract
from .failure import Failure
from .files import read_record
from .foreign import lines

PARTS = ("drift-units", "drift-rights", "drift-front")  # the names of its differences (drift.py)
RECORD = "/etc/namaskah/{app}/provisioned.json"
SYSTEMCTL = "/usr/bin/systemctl"
PROPERTIES = "Id,LoadState,UnitFileState,NeedDaemonReload,DropInPaths"


def units_of(contract: Contract) -> list[str]:
    """Return every unit that a release starts, or that starts it."""
    services = [f"{contract.app}-{name}@{one}.service" for name in contract.services for one in INSTANCES]
    both = [f"{contract.app}-return.service", f"{contract.app}-boot.service"]
    return (services if contract.process_manager == "systemd" else []) + both


def facts(path: Path) -> dict[str, Any]:
    """Return what is recorded of one file; the hash is None where it cannot be read, all is None where there is none.

    Raises PermissionError where not even its folder can be looked into.
    """
    try:
        seen = path.stat()
    except FileNotFoundError:
        return {"size": None, "mtime_ns": None, "sha256": None}
    try:
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    except PermissionError:
        sha256 = None
    return {"size": seen.st_size, "mtime_ns": seen.st_mtime_ns, "sha256": sha256}


def shown(units: Sequence[str]) -> list[dict[str, str]]:
    """Return what systemd says of the units."""
    output = run([SYSTEMCTL, "show", f"--property={PROPERTIES}", *units], what="ask systemd for the units", timeout=20)
    return [dict(line.partition("=")[::2] for line in lines(part)) for part in output.strip().split("\n\n")]


def made(paths: Mapping[str, str], units: Sequence[str]) -> dict[str, Any]:
    """Return the record of a host: its files (path -> name of the difference) and the units' drop-ins of now."""
    drop_ins = sorted({path for unit in shown(units) for path in unit.get("DropInPaths", "").split()}) if units else []
    return {
        "files": {path: {"part": part, **facts(Path(path))} for path, part in sorted(paths.items())},
        "drop_ins": {path: facts(Path(path)) for path in drop_ins},
    }


def differences(contract: Contract) -> Iterator[tuple[str, str]]:
    """Return (name of the difference, what differs)."""
    path = Path(RECORD.format(app=contract.app))
    try:
        known = read_record(path, {"files": (dict,), "drop_ins": (dict,)}, {}, "provision the host")
    except Failure as damaged:
        yield "drift-units", str(damaged)
        return
    entries = [entry for part in ("files", "drop_ins") for entry in (known or {}).get(part, {}).values()]
    if not all(_is_of_file(entry) for entry in entries):
        yield "drift-units", f"what {path} says of a file cannot be read: provision the host"
        return
    for path, entry in (known or {}).get("files", {}).items():
        if (wrong := differs(Path(path), entry)) is not None:
            yield entry.get("part", PARTS[0]), f"{path} {wrong} since the host was provisioned"
    if contract.process_manager == "systemd" or known is not None:
        yield from of_units(contract, known)


def _is_of_file(entry: object) -> bool:
    """Whether it is what is recorded of one file."""
    if not isinstance(entry, dict) or not {"size", "mtime_ns", "sha256"} <= entry.keys():
        return False
    numbers = all(type(entry[name]) in (int, type(None)) for name in ("size", "mtime_ns"))
    return numbers and type(entry["sha256"]) in (str, type(None)) and entry.get("part", PARTS[0]) in PARTS


def differs(path: Path, known: Mapping[str, Any]) -> str | None:
    """Return how a file differs from its record, or None."""
    try:
        now = facts(path)
    except PermissionError:
        return None
    if now["size"] is None or known["size"] is None:
        return None if now["size"] == known["size"] else "was added" if known["size"] is None else "was removed"
    if now["sha256"] is not None and known["sha256"] is not None:
        return None if now["sha256"] == known["sha256"] else "was edited"
    return None if (now["size"], now["mtime_ns"]) == (known["size"], known["mtime_ns"]) else "was written"


def of_units(contract: Contract, known: Mapping[str, Any] | None) -> Iterator[tuple[str, str]]:
    """Return what systemd itself says that no release and no provisioning did."""
    drop_ins: dict[str, str] = {}
    for unit in shown(units_of(contract)):
        name = unit.get("Id", "")
        if unit.get("LoadState") == "masked":
            yield "drift-units", f"{name} is masked"
        if unit.get("NeedDaemonReload") == "yes":
            yield "drift-units", f"the files of {name} were changed and systemd has not read them"
        if known is not None and name == f"{contract.app}-boot.service" and unit.get("UnitFileState") != "enabled":
            yield "drift-units", f"{name} is {unit.get('UnitFileState') or 'missing'}: nothing would start at a boot"
        drop_ins |= dict.fromkeys(unit.get("DropInPaths", "").split(), name)
    if known is None:
        return
    for path, unit_name in sorted(drop_ins.items()):
        entry = known["drop_ins"].get(path)
        if entry is None:
            yield "drift-units", f"{path} was added and changes {unit_name}"
        elif (wrong := differs(Path(path), entry)) is not None:
            yield "drift-units", f"{path} {wrong} since the host was provisioned"
    for path in sorted(known["drop_ins"].keys() - drop_ins.keys()):
        yield "drift-units", f"{path} does not apply any more"
