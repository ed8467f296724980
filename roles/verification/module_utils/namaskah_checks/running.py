"""Does every process of the live release run its code? `current`, the manager and /proc must tell the same story.

A changed link without a restart, a reload that kept the old folder and a worker of an older release are found here.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from ansible.module_utils.namaskah_host.belonging import family_of
from ansible.module_utils.namaskah_host.contract import Contract, Service, other
from ansible.module_utils.namaskah_host.failure import Failure
from ansible.module_utils.namaskah_host.health import complaint
from ansible.module_utils.namaskah_host.instances import Instance
from ansible.module_utils.namaskah_host.observed import running_processes
from ansible.module_utils.namaskah_host.processes import descendants
from ansible.module_utils.namaskah_host.release import current, on_instance

from .outcome import Check, CheckFailed

CLOCK = 2.0  # seconds: /proc counts from the boot time, which is known to a second and moves with the clock
ANSWERS = 5  # questions to an instance's own socket: one good answer of several workers proves little


@dataclass(frozen=True)
class Running:
    """The processes of one service of the live release, its main one first; `restarts` as its manager counts them."""

    service: Service
    main: int
    restarts: int
    processes: list[dict[str, Any]]

    def watched(self) -> list[dict[str, Any]]:
        """Return the processes that have to last: children of a service that does not listen may be jobs."""
        return [process for process in self.processes if self.service.listen != "none" or process["pid"] == self.main]

    def youngest(self) -> dict[str, Any]:
        """Return the youngest of the processes that have to last."""
        return max(self.watched(), key=lambda process: float(process["started"]))


def live_instance(contract: Contract) -> Instance:
    """Return what `current` names, as an instance. Raises CheckFailed where that is no complete release."""
    live = current(contract)
    if live is None:
        raise CheckFailed(f"{contract.current} names no release")
    if not live.complete:
        raise CheckFailed(f"{contract.current} names {live.id}, which was never completely prepared")
    if Path(os.path.realpath(contract.current)) != Path(os.path.realpath(live.folder)):
        raise CheckFailed(f"{contract.current} leads to {os.path.realpath(contract.current)}, not to {live.folder}")
    if live.instance is None:
        raise CheckFailed(f"{live.id} is named by `current`, but no instance was ever started for it")
    return Instance(contract, live, live.instance)


def survey(instance: Instance) -> list[Running]:
    """Return the processes of every service of the instance. Raises CheckFailed for one that does not run."""
    known = _processes(instance.contract)
    return [_running(instance, service, known) for service in instance.services()]


def process_checks(contract: Contract, expected: str) -> list[Check]:
    """Return the checks of the link, of each service and of the instance beside it; `expected` "" = any release."""

    def link() -> str:
        instance = live_instance(contract)
        if expected and instance.release.id != expected:
            raise CheckFailed(f"{contract.current} names {instance.release.id}, not {expected}")
        started = on_instance(contract, instance.name)
        if started is None or started.id != instance.release.id:
            raise CheckFailed(
                f"`current` names {instance.release.id}, but {instance.name} runs"
                f" {started.id if started else 'nothing'}: was `current` changed by hand?"
            )
        return str(instance)

    checks = [Check("current names the live release", link, retry=False)]
    live = current(contract)
    for service in live.services if live and live.complete else ():
        checks.append(Check(f"running code of {service.name}", partial(prove, contract, service)))
        if service.listen != "none":
            checks.append(Check(f"own socket of {service.name}", partial(answer, contract, service)))
        if not service.overlap:
            checks.append(Check(f"only one {service.name}", partial(alone, contract, service)))
    return checks


def prove(contract: Contract, service: Service) -> str:
    """Compare folder, start and environment of every process of a service with the live release."""
    instance = live_instance(contract)
    running = _running(instance, service, _processes(contract))
    check_processes(instance, running)
    pids = sorted({process["pid"] for process in running.processes})
    age = time.time() - float(running.youngest()["started"])
    shown = ", ".join(map(str, pids[:8]))
    return f"{len(pids)} processes ({shown}) run {instance.release.id}, the youngest for {age:.0f} s"


def answer(contract: Contract, service: Service) -> str:
    """Ask a listening service on its own socket or port, several times."""
    instance = live_instance(contract)
    for _ in range(ANSWERS):
        said = complaint(contract, service, instance.name, instance.release.id)
        if said:
            raise CheckFailed(f"{service.name}@{instance.name} on its own {service.listen}: {said}")
    key = service.health.release_key if service.health else ""
    named = f"each names {instance.release.id}" if key else "none names its release (health.release_key is empty)"
    return f"{ANSWERS} good answers of {service.name}@{instance.name}, {named}"


def alone(contract: Contract, service: Service) -> str:
    """See that a service that may not run twice does not run on the instance beside the live one as well."""
    instance = live_instance(contract)
    beside = other(instance.name)
    try:
        unit = instance.manager.unit(service, beside)
    except Failure as failure:
        raise CheckFailed(f"the process manager does not tell about {service.name}@{beside}: {failure.why}") from None
    if unit.active:
        raise CheckFailed(
            f"{service.name}@{beside} (pid {unit.pid}) runs beside {service.name}@{instance.name}, although only one"
            " may: stop it"
        )
    return f"{service.name}@{beside} does not run"


def check_processes(instance: Instance, running: Running) -> None:
    """See that each process of a service belongs to the instance's release. Raises CheckFailed."""
    release = instance.release
    wrong = family_of(instance.contract, release, running.processes)
    prepared = datetime.fromisoformat(release.record["prepared"]).timestamp()
    for process in running.processes:
        who = f"process {process['pid']} of {running.service.name}@{instance.name}"
        if process["pid"] in wrong:
            raise CheckFailed(f"{who} {wrong[process['pid']]}: it was not restarted, or is not ours")
        if float(process["started"]) < prepared - CLOCK:
            raise CheckFailed(f"{who} started before {release.id} was prepared: it cannot run its code")


def _running(instance: Instance, service: Service, known: list[dict[str, Any]]) -> Running:
    name = f"{service.name}@{instance.name}"
    try:
        unit = instance.manager.unit(service, instance.name)
    except Failure as failure:
        raise CheckFailed(f"the process manager does not tell about {name}: {failure.why}") from None
    if not unit.active or not unit.pid:
        raise CheckFailed(f"{name} does not run; read its log")
    processes = [process for process in descendants(known, unit.pid) if process["state"] != "Z"]
    if unit.pid not in {process["pid"] for process in processes}:
        raise CheckFailed(f"the main process {unit.pid} of {name} is gone, or belongs to another user")
    processes.sort(key=lambda process: process["pid"] != unit.pid)
    return Running(service, unit.pid, unit.restarts, processes)


def _processes(contract: Contract) -> list[dict[str, Any]]:
    try:
        return running_processes(contract)
    except Failure as failure:
        raise CheckFailed(f"the application's processes cannot be seen: {failure.why}; {failure.next_step}") from None
