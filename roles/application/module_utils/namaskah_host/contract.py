"""What has been agreed about an application on a host: the typed view of `namaskah_contract`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar, cast

# Of the contract's own words these are read by everybody: they are no secrets where an environment file repeats them.
PLAIN = ("app", "environment", "host", "domain", "runtime", "deploy_user", "app_user", "static_url")
INSTANCES = ("blue", "green")
T = TypeVar("T")


def other(instance: str) -> str:
    """Return the instance beside `instance`."""
    return INSTANCES[1 - INSTANCES.index(instance)]


def of_known(kind: Callable[..., T], raw: Mapping[str, Any]) -> T:
    """Return a record as the dataclass `kind`, without what that does not know: a newer version may have written it.

    Raises TypeError where something is missing.
    """
    return kind(**{known.name: raw[known.name] for known in fields(cast("Any", kind)) if known.name in raw})


@dataclass(frozen=True)
class Health:
    """How a listening service is asked whether it is well."""

    path: str
    status: int
    release_key: str
    host: str
    timeout: float


@dataclass(frozen=True)
class Service:
    """One long-running process (with its children) of the application; times are seconds."""

    name: str
    command: tuple[str, ...]
    listen: str
    ports: dict[str, int]
    overlap: bool
    health: Health | None
    boot_timeout: float
    stop_timeout: float
    drain: float


@dataclass(frozen=True)
class Contract:
    """Layout and rules of one application on one host. `raw` keeps the dictionary that it was read from."""

    raw: dict[str, Any] = field(repr=False)

    def __getattr__(self, name: str) -> Any:
        """Return a plain entry of the contract; a missing one is a defect of the caller."""
        try:
            return self.raw[name]
        except KeyError:
            raise AttributeError(name) from None

    @property
    def root(self) -> Path:
        """The folder that holds everything of the application."""
        return Path(self.raw["root"])

    @property
    def current(self) -> Path:
        """The link whose rename switches everything."""
        return self.root / "current"

    @property
    def releases(self) -> Path:
        """The folder of releases."""
        return self.root / "releases"

    @property
    def shared(self) -> Path:
        """What outlives a release."""
        return self.root / "shared"

    @property
    def host_program(self) -> Path:
        """The program that watches an unconfirmed switch and starts the application at boot."""
        return self.root / "host" / "namaskah_host.pyz"

    def runtime_of(self, instance: str) -> Path:
        """The folder of an instance's sockets."""
        return Path(self.raw["runtime"]) / instance

    def secrets_of(self, variables: Mapping[str, str]) -> dict[str, str]:
        """Return those variables of an environment file whose values nobody may read.

        That is all of them but the names that the contract gives as public, the contract's own words and its folders.
        """
        public = self.raw.get("public_names") or ()
        plain = {str(self.raw.get(name)) for name in PLAIN}
        return {
            name: value
            for name, value in variables.items()
            if name not in public and value not in plain and not f"{value}/".startswith(f"{self.root}/")
        }

    def service(self, name: str, raw: dict[str, Any]) -> Service:
        """Return the service with the contract's defaults filled in."""
        merged = {**self.raw["service_defaults"], **raw}
        listens = merged["listen"] != "none"
        health = of_known(Health, {**self.raw["health_defaults"], **merged["health"]}) if listens else None
        return Service(
            name=name,
            command=tuple(str(word) for word in merged["command"]),
            listen=merged["listen"],
            ports={instance: int(port) for instance, port in merged["ports"].items()},
            overlap=bool(merged["overlap"]) and self.raw["switch"] == "overlap",
            health=health,
            boot_timeout=float(merged["boot_timeout"]),
            stop_timeout=float(merged["stop_timeout"]),
            drain=float(merged["drain"]),
        )

    def services_of(self, raw: dict[str, Any]) -> tuple[Service, ...]:
        """Return the services named in `raw` (a release keeps its own), in their written order."""
        return tuple(self.service(name, entry) for name, entry in raw.items())
