"""Does the release stay well? Watched until its youngest process has lived long enough, its sockets asked meanwhile.

A process manager believes in a parent whose workers die; a program that fails after five seconds is well after one.
"""

from __future__ import annotations

import time

from ansible.module_utils.namaskah_host.contract import Contract
from ansible.module_utils.namaskah_host.health import complaint
from ansible.module_utils.namaskah_host.instances import Instance

from .outcome import Check, CheckFailed
from .running import Running, check_processes, live_instance, survey

PAUSE = 0.3  # seconds between two rounds of questions
LOOK = 1.5  # seconds between two looks at the processes: a process manager may be slow to tell
FEWEST = 3  # rounds, also where everything has lived long enough already


def settle_check(contract: Contract, seconds: float, patience: float) -> Check:
    """Return the check that everything lives for `seconds`; after `patience` more, it never will."""
    return Check(f"lives {seconds:g} s without a restart", lambda: settle(contract, seconds, patience), retry=False)


def settle(contract: Contract, seconds: float, patience: float) -> str:
    """Watch the live instance. Raises CheckFailed with the first bad answer, restart or lasting unrest."""
    instance = live_instance(contract)
    first = running = survey(instance)
    _never_restarted(instance, first)
    looked, rounds = time.monotonic(), 0
    end = looked + seconds + patience
    while True:
        _ask_all(instance, rounds)
        rounds += 1
        believed = rounds >= FEWEST and _settled(running, seconds)
        if believed or time.monotonic() - looked >= LOOK:
            # Two looks must agree: between the end of a worker and its replacement, only its parent is seen.
            before, running, looked = running, survey(instance), time.monotonic()
            _same_mains(first, running, instance)
            if believed and _pids(before) == _pids(running):
                break
        if time.monotonic() > end:
            raise CheckFailed(_unrest(running, instance, seconds))
        time.sleep(PAUSE)
    for item in running:
        check_processes(instance, item)
    count = sum(len(item.processes) for item in running)
    return f"{count} processes kept running, {rounds} rounds of questions to their sockets were all answered well"


def _ask_all(instance: Instance, rounds: int) -> None:
    for service in instance.services():
        said = complaint(instance.contract, service, instance.name, instance.release.id)
        if said:
            raise CheckFailed(
                f"{service.name}@{instance.name} answered well at first, then (question {rounds + 1}): {said}"
            )


def _settled(running: list[Running], seconds: float) -> bool:
    """Whether the youngest process has lived long enough."""
    youngest = max((float(item.youngest()["started"]) for item in running), default=0.0)
    return youngest + seconds <= time.time()


def _pids(running: list[Running]) -> list[set[int]]:
    return [{process["pid"] for process in item.watched()} for item in running]


def _never_restarted(instance: Instance, running: list[Running]) -> None:
    """A release under judgement must never have been restarted; one that has been live for long may have been."""
    if instance.release.record.get("state") != "provisional":
        return
    for item in running:
        if item.restarts:
            name = f"{item.service.name}@{instance.name}"
            raise CheckFailed(f"the process manager had to start {name} again {item.restarts} times; read its log")


def _same_mains(first: list[Running], now: list[Running], instance: Instance) -> None:
    for before, after in zip(first, now, strict=True):
        if (before.main, before.restarts) != (after.main, after.restarts):
            raise CheckFailed(
                f"{after.service.name}@{instance.name} was restarted while it was watched (pid {before.main}, then"
                f" {after.main}; {after.restarts} restarts); read its log"
            )


def _unrest(running: list[Running], instance: Instance, seconds: float) -> str:
    item = max(running, key=lambda each: float(each.youngest()["started"]))
    youngest = item.youngest()
    age = time.time() - float(youngest["started"])
    return (
        f"processes of {item.service.name}@{instance.name} keep being replaced: pid {youngest['pid']} has lived"
        f" {age:.1f} s of {seconds:g} s although its parent lives; read its log"
    )
