"""Does a new instance stay well for a while? Asked before it gets traffic: what dies young takes requests along.

A process manager believes in a parent whose workers die, and a program that ends five seconds after its start is well
after one. The time counts from the first good answers, not from the start: a slow start would use it up.
"""

from __future__ import annotations

import time
from collections.abc import Iterable

from .contract import Service
from .failure import Failure
from .health import complaint
from .instances import Instance
from .managers import Unit
from .observed import running_processes
from .processes import descendants

PAUSE = 0.5  # seconds between two looks, at least
LONGEST_PAUSE = 2.0
REST = 2  # times what a look took: asking a process manager may start a program, and a live release runs beside
AGAIN = 2  # so many times the settle time is watched once more after a process has ended: its successor may be as short


def endure(instance: Instance, services: Iterable[Service]) -> None:
    """Watch the services for the settle time; raises Failure (unhealthy) when one falls or its processes go on ending.

    One end may be that of a helper of the start; a second one soon after is a habit.
    """
    chosen = list(services)
    seconds = float(instance.contract.settle)
    if not chosen or _watch(instance, chosen, seconds) is None:
        return
    ended = _watch(instance, chosen, seconds * AGAIN)
    if ended is not None:
        raise _failure(instance, ended, "its processes keep ending although their parent lives")


def _watch(instance: Instance, services: list[Service], seconds: float) -> Service | None:
    """Watch for so long; return the first service of which a process has ended, or None."""
    end = time.monotonic() + seconds
    seen: dict[str, set[int]] = {service.name: set() for service in services}
    while True:
        begun = time.monotonic()
        over = begun >= end
        units = instance.units(services)
        for service in services:
            wrong = units[service.name].death or complaint(
                instance.contract, service, instance.name, instance.release.id
            )
            if wrong:
                raise _failure(instance, service, f"it was well at first, then: {wrong}")
        running = _processes(instance, services, units)
        if over:
            return next((service for service in services if seen[service.name] - running[service.name]), None)
        seen = {name: seen[name] | running[name] for name in seen}
        time.sleep(min(max(PAUSE, REST * (time.monotonic() - begun)), LONGEST_PAUSE))


def _processes(instance: Instance, services: list[Service], units: dict[str, Unit]) -> dict[str, set[int]]:
    """Return the process ids of each service that listens; children of the others may be jobs that come and go."""
    listening = {service.name for service in services if service.listen != "none"}
    known = running_processes(instance.contract) if listening else []
    found: dict[str, set[int]] = {}
    for service in services:
        main = units[service.name].pid if service.name in listening else None
        found[service.name] = {process["pid"] for process in descendants(known, main)} if main else set()
    return found


def _failure(instance: Instance, service: Service, why: str) -> Failure:
    name = f"{service.name}@{instance.name}"
    seconds = float(instance.contract.settle)
    return Failure(
        "unhealthy",
        f"see {service.name} of {instance.release.id} live for {seconds:g} s",
        f"{instance.contract.host}: {name}",
        why,
        f"read the log of {name}",
    )
