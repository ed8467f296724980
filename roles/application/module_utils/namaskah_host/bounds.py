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


def _beside(contract: Contract, services: Iterable[Service]) -> Iterator[tuple[str, float]]:
    """Yield what a switch waits for before it is armed: what may run twice is started beside what runs."""
    boots = {service.name: service.boot_timeout for service in services if service.overlap and service.health}
    if boots:  # they start at the same moment
        slowest = max(boots, key=lambda name: boots[name])
        yield f"{slowest} boot_timeout", boots[slowest]
        yield "namaskah_settle", float(contract.settle)


def _parts(contract: Contract, services: Iterable[Service]) -> Iterator[tuple[str, float]]:
    """Yield what an armed switch waits for at most: what may not run twice is stopped in turn, then started."""
    alone = [service for service in services if not service.overlap]
    for service in alone:
        yield f"{service.name} stop_timeout", service.stop_timeout
    boots = {service.name: service.boot_timeout for service in alone if service.health}
    if boots:
        slowest = max(boots, key=lambda name: boots[name])
        yield f"{slowest} boot_timeout", boots[slowest]
    if alone:
        yield "namaskah_settle", float(contract.settle)


def _unfit(parts: list[tuple[str, float]], bound: float, name: str, ends: str) -> Iterator[Complaint]:
    needed = sum(seconds for _, seconds in parts)
    if bound and needed > bound:
        told = " + ".join(f"{part} {seconds:g}" for part, seconds in parts)
        longest = max(parts, key=lambda part: part[1])[0]
        why = f"a switch may take {needed:g} s ({told}), and {name} {ends}"
        yield NAME, why, f"set {name} above {needed:g}, with room for what is checked meanwhile, or lower the {longest}"


def examine(contract: Contract, given: Mapping[str, Any]) -> Iterator[Complaint]:
    """Return which bounds cannot hold what they bound, with the numbers.

    `given` are those that are the fleet's: step_timeout, host_seconds, and hosts, their number; a missing one bounds
    nothing. Waves that follow add their own time, so the last one is looked at.
    """
    services = contract.services_of(contract.services)
    armed = list(_parts(contract, services))
    step = float(given.get("step_timeout") or 0)
    confirm = float(contract.confirm_timeout) + float(given.get("host_seconds") or 0) * int(given.get("hosts") or 0)
    bound = f"{confirm:g} s (namaskah_confirm_timeout + namaskah_host_seconds for each host)"
    yield from _unfit(
        [*_beside(contract, services), *armed], step, "namaskah_step_timeout", f"ends it after {step:g} s"
    )
    yield from _unfit(armed, confirm, "namaskah_confirm_timeout", f"lets an unconfirmed one return after {bound}")
    lock, timeout = float(contract.migrate_lock_timeout), float(contract.migrate_timeout)
    if contract.migrate_command and lock > timeout:
        why = (
            f"one statement may wait {lock:g} s for a lock (namaskah_migrate_lock_timeout), all may take {timeout:g} s"
        )
        yield NAME, why, f"set namaskah_migrate_timeout above {lock:g}, or lower namaskah_migrate_lock_timeout"
