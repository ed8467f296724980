"""Do the times that were agreed fit into each other? What can never fit would end every release at its switch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from .contract import Contract, Service
from .failure import Complaint

LOCK = 120.0  # seconds that the switch lock is waited for at least
NAME = "times"


def stopping(services: Iterable[Service]) -> float:
    """Return the seconds that stopping what may not run twice takes at most, one after the other."""
    return sum(service.stop_timeout for service in services if not service.overlap)


def waiting(contract: Contract) -> float:
    """Return the seconds for which the switch lock is waited for: whoever has it may be stopping and starting."""
    services = contract.services_of(contract.services)
    boots = [service.boot_timeout for service in services]
    return max(LOCK, stopping(services) + sum(boots) + 2 * float(contract.settle))


def examine(contract: Contract, given: Mapping[str, Any]) -> Iterator[Complaint]:
    """Return which bounds cannot hold what they bound, with the numbers.

    `given` are those that are the fleet's: step_timeout, host_seconds, and hosts, their number; a missing one bounds
    nothing. Waves that follow add their own time, so the last one is looked at.
    """
    services = contract.services_of(contract.services)
    stops = {service.name: service.stop_timeout for service in services if not service.overlap}
    settle = float(contract.settle)
    needed = stopping(services) + settle
    told = " + ".join([*(f"{name} stop_timeout {seconds:g}" for name, seconds in stops.items()), f"settle {settle:g}"])
    step = float(given.get("step_timeout") or 0)
    if stops and step and needed > step:
        yield (
            NAME,
            f"a switch may take {needed:g} s ({told}), and namaskah_step_timeout ends it after {step:g} s",
            f"set namaskah_step_timeout above {needed:g}, with room for boot_timeout, or lower the stop_timeout",
        )
    confirm = float(contract.confirm_timeout) + float(given.get("host_seconds") or 0) * int(given.get("hosts") or 0)
    if stops and needed > confirm:
        bound = f"{confirm:g} s (namaskah_confirm_timeout + namaskah_host_seconds for each host)"
        yield (
            NAME,
            f"a switch may take {needed:g} s ({told}), and an unconfirmed one returns after {bound}",
            f"set namaskah_confirm_timeout above {needed:g}, with room for the checks, or lower the stop_timeout",
        )
    for service in services:
        boot = service.boot_timeout if service.health else 0
        for name, bounding in (("namaskah_step_timeout", step), ("namaskah_confirm_timeout", confirm)):
            armed = name == "namaskah_step_timeout" or not service.overlap  # the others start before it is armed
            if armed and bounding and boot > bounding:
                why = f"{service.name} may take {boot:g} s to boot (boot_timeout), {name} gives {bounding:g} s"
                yield NAME, why, f"set {name} above {boot:g}, or lower the boot_timeout of {service.name}"
    lock, timeout = float(contract.migrate_lock_timeout), float(contract.migrate_timeout)
    if contract.migrate_command and lock > timeout:
        why = (
            f"one statement may wait {lock:g} s for a lock (namaskah_migrate_lock_timeout), all may take {timeout:g} s"
        )
        yield NAME, why, f"set namaskah_migrate_timeout above {lock:g}, or lower namaskah_migrate_lock_timeout"
