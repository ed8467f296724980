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
from .processes import descendants
from .status import running_processes

PAUSE = 0.5  # seconds between two looks
WINDOWS = 2  # a process that is replaced in each of so many is a habit; in one it may be a helper of the start


def endure(instance: Instance, services: Iterable[Service]) -> None:
    """Watch the services for the settle time; raises Failure (unhealthy) when one falls or goes on being replaced."""
    chosen = list(services)
    if not chosen:
        return
    replaced: list[str] = []
    for _ in range(WINDOWS):
        before = _processes(instance, chosen)
        _watch(instance, chosen)
        after = _processes(instance, chosen)
        replaced = [name for name in before if before[name] - after[name] and after[name] - before[name]]
        if not replaced:
            return
    why = "its processes keep being replaced although their parent lives"
    raise _failure(instance, next(service for service in chosen if service.name == replaced[0]), why)


def _watch(instance: Instance, services: list[Service]) -> None:
    end = time.monotonic() + float(instance.contract.settle)
    while True:
        for service in services:
            wrong = instance.death(service) or complaint(instance.contract, service, instance.name, instance.release.id)
            if wrong:
                raise _failure(instance, service, f"it was well at first, then: {wrong}")
        if time.monotonic() >= end:
            return
        time.sleep(PAUSE)


def _processes(instance: Instance, services: list[Service]) -> dict[str, set[int]]:
    """Return the process ids of each service that listens; children of the others may be jobs that come and go."""
    listening = [service for service in services if service.listen != "none"]
    known = running_processes(instance.contract) if listening else []
    mains = {service.name: instance.manager.unit(service, instance.name).pid or 0 for service in listening}
    return {name: {process["pid"] for process in descendants(known, main)} for name, main in mains.items()}


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
