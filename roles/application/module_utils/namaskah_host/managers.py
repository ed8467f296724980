"""Who starts and stops the instances of a service, and what does it know of them? systemd, pm2 or supervisor."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from . import supervisor_rpc as rpc
from .commands import listed, run
from .contract import Contract, Service
from .failure import Failure
from .foreign import brief, lines
from .locking import pwd_name

SYSTEMCTL = "/usr/bin/systemctl"
PM2 = "/usr/local/bin/pm2"
MARGIN = 15  # seconds beyond a service's own stop time-out before the manager's command is given up


@dataclass(frozen=True)
class Unit:
    """What a manager says of one instance of a service. It proves little: workers die behind a live parent.

    What waits to be started again is active, and counts as started again once at least.
    """

    active: bool
    pid: int | None
    restarts: int

    @property
    def death(self) -> str:
        """Return "" while the manager believes in the service and never had to start it again, else why not."""
        if not self.active:
            return "the process manager says that it does not run"
        if self.restarts:
            return f"the process manager had to start it again {self.restarts} times"
        return ""


class Manager(Protocol):
    """The verbs that every process manager offers."""

    def start(self, service: Service, instance: str) -> None:
        """Start the instance; returns when the manager took it, not when it is healthy."""

    def stop(self, service: Service, instance: str) -> None:
        """Stop the instance, whatever its state, and wait until it has ended; one that does not run costs little."""

    def units(self, services: Sequence[Service], instance: str) -> dict[str, Unit]:
        """Return what the manager says of these services' instances, by service, in as few questions as it takes."""

    def unit(self, service: Service, instance: str) -> Unit:
        """Return what the manager says of the instance."""
        return self.units([service], instance)[service.name]


def as_root(user: str, words: Sequence[str]) -> list[str]:
    """Return the words as an exact sudo line; `-n` fails at once where the line is not allowed."""
    return ["/usr/bin/sudo", "-n", *([] if user == "root" else ["-H", "-u", user]), *words]


class Systemd(Manager):
    """Template units `<app>-<service>@<instance>.service`, started by exact sudo lines."""

    def __init__(self, contract: Contract) -> None:
        self.contract = contract

    def name(self, service: Service, instance: str) -> str:
        """Return the unit's name."""
        return f"{self.contract.app}-{service.name}@{instance}.service"

    def start(self, service: Service, instance: str) -> None:
        """Start the unit, also after a start limit was hit by an earlier broken release."""
        name = self.name(service, instance)
        self._sudo("reset-failed", name, 10, check=False)
        self._sudo("start", name, service.boot_timeout + MARGIN)

    def stop(self, service: Service, instance: str) -> None:
        """Stop the unit; its TimeoutStopSec bounds it."""
        if self.unit(service, instance).active:
            self._sudo("stop", self.name(service, instance), service.stop_timeout + MARGIN)

    def units(self, services: Sequence[Service], instance: str) -> dict[str, Unit]:
        """Ask systemd; needs no privilege."""
        if not services:
            return {}
        names = [self.name(service, instance) for service in services]
        output = run(
            [SYSTEMCTL, "show", "--property=ActiveState,MainPID,NRestarts", *names],
            what="ask systemd for units",
            timeout=10,
        )
        return dict(zip((service.name for service in services), shown(output, len(services)), strict=True))

    def _sudo(self, verb: str, unit: str, timeout: float, *, check: bool = True) -> None:
        words = as_root("root", [SYSTEMCTL, verb, unit])
        try:
            run(
                words,
                what=f"{verb} {unit}",
                timeout=timeout,
                next_step=f"look at `systemctl status {unit}` and `journalctl -u {unit}`; "
                f"the exact sudo line `{SYSTEMCTL} {verb} {unit}` must be allowed",
            )
        except Failure:
            if check:
                raise


def shown(output: str, count: int) -> list[Unit]:
    """Return the `count` units that `systemctl show` printed, in the order of its arguments. Raises Failure.

    That order is what tells them apart: of a unit that was linked to another by hand it prints the other's name.
    """
    blocks = [dict(line.partition("=")[::2] for line in lines(block)) for block in output.strip().split("\n\n")]
    try:
        units = [
            Unit(
                facts["ActiveState"] in ("active", "activating", "deactivating"),
                int(facts.get("MainPID", "0")) or None,
                int(facts.get("NRestarts") or 0),
            )
            for facts in blocks
        ]
    except (KeyError, ValueError):
        units = []
    if len(units) != count:
        why = f"it was to print the state of {count} units, and printed {brief(output)!r}"
        raise Failure("failed", "ask systemd for units", SYSTEMCTL, why, "run `systemctl show` on the host by hand")
    return units


class Pm2(Manager):
    """Applications `<app>-<service>-<instance>` of the application user's pm2 daemon.

    An instance is deleted rather than stopped: pm2 would start it again from the folder that it once resolved.
    """

    def __init__(self, contract: Contract) -> None:
        self.contract = contract
        self.ecosystem = f"/etc/namaskah/{contract.app}/ecosystem.config.js"

    def name(self, service: Service, instance: str) -> str:
        """Return the application's name in pm2."""
        return f"{self.contract.app}-{service.name}-{instance}"

    def start(self, service: Service, instance: str) -> None:
        """Start the application from the provisioned ecosystem file."""
        self._pm2(["start", self.ecosystem, "--only", self.name(service, instance)], service.boot_timeout + MARGIN)

    def stop(self, service: Service, instance: str) -> None:
        """Delete the application: pm2 sends its stop signal, waits kill_timeout, then SIGKILL.

        Also one that does not run just now: pm2 starts what died again after a pause, in the folder it had.
        """
        if self.name(service, instance) in self._entries():
            self._pm2(["delete", self.name(service, instance)], service.stop_timeout + MARGIN)

    def units(self, services: Sequence[Service], instance: str) -> dict[str, Unit]:
        """Ask the daemon once: each question starts a Node.js."""
        entries = self._entries()
        return {service.name: self._unit(entries.get(self.name(service, instance))) for service in services}

    @staticmethod
    def _unit(entry: dict[str, Any] | None) -> Unit:
        if entry is None:
            return Unit(active=False, pid=None, restarts=0)
        try:
            facts = entry["pm2_env"]
            waiting = facts["status"] == "waiting restart"
            return Unit(
                waiting or facts["status"] in ("online", "launching", "stopping"),
                int(entry["pid"] or 0) or None,
                int(facts["restart_time"]) or int(waiting),
            )
        except (KeyError, TypeError, ValueError, OverflowError):
            why = f"it was to tell status and restart_time, and told {brief(repr(entry))}"
            raise Failure("failed", "pm2 jlist", PM2, why, "run `pm2 jlist` by hand: is it another version?") from None

    def _entries(self) -> dict[str, dict[str, Any]]:
        """Return what the daemon knows, by the applications' names."""
        output = self._pm2(["jlist"], 20)
        # A daemon that has just been started greets before it answers.
        start = output.find("[{") if "[{" in output else output.rfind("[]")
        next_step = f"as root: su -s /bin/sh {self.contract.app_user} -c 'pm2 jlist'"
        names = ("name", "pid", "pm2_env")
        told = listed(output[max(start, 0) :], names, what="pm2 jlist", program=PM2, next_step=next_step)
        return {str(entry["name"]): entry for entry in told}

    def _pm2(self, words: list[str], timeout: float) -> str:
        return run(
            as_root(self.contract.app_user, [PM2, *words]),
            what="pm2 " + " ".join(words),
            timeout=timeout,
            next_step=f"as root: su -s /bin/sh {self.contract.app_user} -c 'pm2 list; pm2 logs --nostream'",
        )


class Supervisor(Manager):
    """Programs `<service>-<instance>` of a supervisord that this user may talk to, asked by its XML-RPC interface.

    Its command would cost a start of Python for each question, and a release asks dozens.
    """

    def __init__(self, contract: Contract) -> None:
        self.contract = contract

    def start(self, service: Service, instance: str) -> None:
        """Start the program; one that runs already is no error."""
        self._ask("startProcess", service, instance, service.boot_timeout + MARGIN, False, fine=(rpc.ALREADY_STARTED,))

    def stop(self, service: Service, instance: str) -> None:
        """Stop the program; its stopwaitsecs bounds it."""
        self._ask("stopProcess", service, instance, service.stop_timeout + MARGIN, True, fine=(rpc.NOT_RUNNING,))

    def units(self, services: Sequence[Service], instance: str) -> dict[str, Unit]:
        """Ask the daemon for each."""
        return {service.name: self._unit(service, instance) for service in services}

    def _unit(self, service: Service, instance: str) -> Unit:
        # The daemon does not count restarts: BACKOFF says that one is due.
        told = self._ask("getProcessInfo", service, instance, 10)
        try:
            state, pid = str(told["statename"]), int(told["pid"])
        except (KeyError, TypeError, ValueError):
            why = f"supervisord was to tell statename and pid, and told {brief(repr(told))}"
            next_step = "run `supervisorctl status` by hand: is it another version?"
            raise Failure("failed", "getProcessInfo", self.contract.supervisor_config, why, next_step) from None
        return Unit(
            state in ("RUNNING", "STARTING", "STOPPING", "BACKOFF"), pid or None, 1 if state == "BACKOFF" else 0
        )

    def _ask(
        self, verb: str, service: Service, instance: str, timeout: float, *words: bool, fine: Sequence[int] = ()
    ) -> Any:
        name = f"{service.name}-{instance}"
        try:
            return rpc.call(self.contract.supervisor_config, verb, (name, *words), timeout)
        except rpc.FaultError as fault:
            if fault.code in fine:
                return None
            why, where_next = fault.text, "read the program's log named in the supervisor's configuration"
            if fault.code == rpc.BAD_NAME:
                where_next = f"add the program {name} to the supervisor's configuration and run `supervisorctl update`"
        except rpc.UnansweredError as error:
            why, where_next = str(error), "check that supervisord runs and that this user may use its socket"
        raise Failure("failed", f"{verb} {name}", self.contract.supervisor_config, why, where_next)


MANAGERS: dict[str, type[Systemd | Pm2 | Supervisor]] = {
    "systemd": Systemd,
    "pm2": Pm2,
    "supervisor": Supervisor,
}


def manager_of(contract: Contract) -> Manager:
    """Return the process manager that the contract names."""
    return MANAGERS[contract.process_manager](contract)


def runs_as_other_user(contract: Contract) -> bool:
    """Tell whether the application's processes belong to another user than this one, whatever its LOGNAME says."""
    return bool(contract.app_user != pwd_name(os.geteuid()))
