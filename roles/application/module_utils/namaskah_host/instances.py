"""How do the services of an instance start, prove themselves and stop?"""

from __future__ import annotations

import contextlib
import pwd
import socket
import time
from collections.abc import Iterable
from pathlib import Path

from . import launch
from .connections import listeners, open_connections
from .contract import Contract, Service
from .failure import Failure
from .health import gate
from .managers import Manager, Unit, manager_of
from .release import Release

ALIVE = 1.0  # seconds that a service without a health URL must live after its start
ASKING = 2.0  # seconds for a connection to a local socket


class Instance:
    """The services of one release, running as `blue` or `green`."""

    def __init__(self, contract: Contract, release: Release, name: str) -> None:
        self.contract = contract
        self.release = release
        self.name = name
        self.manager: Manager = manager_of(contract)

    def __str__(self) -> str:
        """Say which release on which instance."""
        return f"{self.release.id}@{self.name}"

    def services(self, *, overlap: bool | None = None) -> list[Service]:
        """Return the release's services; with `overlap`, only those of that kind."""
        return [service for service in self.release.services if overlap is None or service.overlap is overlap]

    def units(self, services: Iterable[Service]) -> dict[str, Unit]:
        """Return what the process manager says of these services, by name."""
        return self.manager.units(list(services), self.name)

    def death(self, service: Service) -> str:
        """Return "" while the manager believes in the service and never had to start it again, else why not."""
        return self.manager.unit(service, self.name).death

    def start(self, services: Iterable[Service]) -> dict[str, float]:
        """Start the services beside each other, then wait until each is well; return the seconds each took."""
        chosen = list(services)
        for service in chosen:
            self.manager.start(service, self.name)
        return {service.name: self._wait(service) for service in chosen}

    def _wait(self, service: Service) -> float:
        if service.health is not None:
            try:
                return gate(self.contract, service, self.name, self.release.id, lambda: self.death(service))
            except Failure as failure:
                self._blame_stranger(service, failure)
                raise
        time.sleep(ALIVE)
        death = self.death(service)
        if death:
            raise Failure(
                "unhealthy",
                f"start {service.name} of {self.release.id}",
                f"{self.contract.host}: {service.name}@{self.name}",
                death,
                f"read the log of {service.name}@{self.name}",
            )
        return ALIVE

    def _blame_stranger(self, service: Service, failure: Failure) -> None:
        """Raise another Failure where somebody else has the address of the instance: the release is not to blame."""
        pid, name = self._stranger(service)
        if not name:
            return
        kept = "its socket" if service.listen == "socket" else f"its port {service.ports[self.name]}"
        look = f"unix | grep /{service.name}.sock" if service.listen == "socket" else "tcp"
        raise Failure(
            "failed",
            failure.what,
            failure.where,
            f"{kept} is kept by another process, {name}, none of {service.name}@{self.name}; {failure.why}",
            (
                f"look what it is and end it on the host: sudo kill {pid}"
                if pid
                else f"find it on the host: sudo ss -lp {look}"
            )
            + ". Where the release that serves now started it, namaskah_switch: restart ends that one, and it, before "
            "the new one starts",
        )

    def _stranger(self, service: Service) -> tuple[int, str]:
        """Return who else has the address, by number (0 where it cannot be seen) and name; "" where nobody else has.

        Who listens is told by the socket; where that one has ended or takes no connection, by who has it open.
        """
        main = self.manager.unit(service, self.name).pid or 0
        pid, name = self._listener(service)
        if above := _ancestors(pid):
            # Some managers listen for what they start.
            return (0, "") if main in above or pid in _ancestors(main) else (pid, name)
        found = listeners(self.contract, service, self.name)
        if found is None or any(main in _ancestors(one) or one in _ancestors(main) for one in found.pids):
            return 0, ""
        if found.pids:
            pid = min(found.pids)
            return pid, launch.described(pid, Path(f"/proc/{pid}").stat().st_uid)
        # It may be the service itself, of another user: not where that one cannot start, or the port is not its user's.
        if found.user == _number_of(self.contract.app_user) or (found.user < 0 and not self.death(service)):
            return 0, ""
        return 0, "which cannot be seen from here"

    def _listener(self, service: Service) -> tuple[int, str]:
        """Return who listens on the service's own socket, by number and name; (0, "") where nobody answers."""
        if service.listen != "socket":
            return 0, ""
        with contextlib.closing(socket.socket(socket.AF_UNIX)) as probe:
            probe.settimeout(ASKING)
            try:
                probe.connect(str(self.contract.runtime_of(self.name) / f"{service.name}.sock"))
                return launch.listener(probe)
            except OSError:
                return 0, ""

    def ensure(self, services: Iterable[Service]) -> None:
        """Start those of the services that do not run, and wait until all are well."""
        chosen = list(services)
        units = self.units(chosen)
        dead = [service for service in chosen if not units[service.name].active]
        self.start(dead)
        for service in chosen:
            if service not in dead:
                self._wait(service)

    def stop(self, services: Iterable[Service]) -> None:
        """Stop the services, last first."""
        for service in reversed(list(services)):
            self.manager.stop(service, self.name)

    def running(self) -> list[str]:
        """Return the names of the services that the manager holds active."""
        return [name for name, unit in self.units(self.services()).items() if unit.active]

    def connections(self) -> int:
        """Return how many connections the instance still serves."""
        return sum(open_connections(self.contract, service, self.name) for service in self.services())

    def grace(self) -> float:
        """Return the seconds that open connections may keep this instance."""
        return max((service.drain for service in self.services()), default=0.0)


def _number_of(user: str) -> int:
    """Return the number of a user; -1 where there is none of that name."""
    with contextlib.suppress(KeyError):
        return pwd.getpwnam(user).pw_uid
    return -1


def _ancestors(pid: int) -> set[int]:
    """Return a process and its parents up to the first one (proc(5), field 4 of stat); nothing where it has ended."""
    found: set[int] = set()
    with contextlib.suppress(OSError):
        while pid > 0 and pid not in found:
            stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
            state, parent = stat.rpartition(")")[2].split()[:2]
            if state == "Z" and not found:
                break
            found.add(pid)
            pid = int(parent)
    return found
