"""How do the services of an instance start, prove themselves and stop?"""

from __future__ import annotations

import time
from collections.abc import Iterable

from .connections import open_connections
from .contract import Contract, Service
from .failure import Failure
from .health import gate
from .managers import Manager, Unit, manager_of
from .release import Release

ALIVE = 1.0  # seconds that a service without a health URL must live after its start


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
            return gate(self.contract, service, self.name, self.release.id, lambda: self.death(service))
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
