"""What is live on a host, read anew from its links and records? Nothing of the release's own code is used here."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from testinfra.host import Host

INSTANCES = ("blue", "green")


@dataclass(frozen=True)
class Live:
    """The live release. `services` are those that it was prepared with, with the contract's defaults filled in."""

    id: str
    folder: str
    instance: str
    record: dict[str, Any]
    services: dict[str, dict[str, Any]]
    venv: str

    def listening(self, kind: str) -> dict[str, dict[str, Any]]:
        """The services that listen in this way."""
        return {name: service for name, service in self.services.items() if service["listen"] == kind}


def output(host: Host, command: str, *words: str) -> str:
    """What a command printed; it has to succeed."""
    done = host.run(command, *words)
    assert done.rc == 0, f"`{command % words if words else command}` ended with {done.rc}: {done.stderr.strip()[:300]}"
    return str(done.stdout).strip()


def find_live(host: Host, contract: dict[str, Any]) -> Live:
    """Follow `current`. An AssertionError says what is missing."""
    root = contract["root"]
    link = output(host, "readlink -- %s", f"{root}/current")
    folder = f"{root}/releases/{PurePosixPath(link).name}"
    run = output(host, "readlink -- %s", f"{folder}/run")
    record = json.loads(output(host, "cat -- %s", f"{folder}/.release.json"))
    launch = json.loads(output(host, "cat -- %s", f"{folder}/.namaskah/launch.json"))
    services = {name: {**contract["service_defaults"], **own} for name, own in launch["services"].items()}
    return Live(PurePosixPath(link).name, folder, PurePosixPath(run).name, record, services, launch["venv"])


def run_python(host: Host, contract: dict[str, Any], program: str, *words: str) -> Any:
    """What a program for the host's own interpreter printed as JSON; it gets `words` as its arguments."""
    printed = output(host, "%s -I -c %s" + " %s" * len(words), contract["python"], program, *words)
    return json.loads(printed)


def health_of(contract: dict[str, Any], service: dict[str, Any]) -> dict[str, Any]:
    """How a service is asked whether it is well."""
    return {**contract["health_defaults"], **service["health"]}


def other_instance(instance: str) -> str:
    """The instance beside this one."""
    return INSTANCES[1 - INSTANCES.index(instance)]


def uses_database(contract: dict[str, Any]) -> bool:
    """Whether the application has a database: it has migrations."""
    return bool(contract["migrate_command"])


def listens_on(contract: dict[str, Any], kind: str) -> bool:
    """Whether some service listens in this way."""
    listens = {{**contract["service_defaults"], **service}["listen"] for service in contract["services"].values()}
    return kind in listens
