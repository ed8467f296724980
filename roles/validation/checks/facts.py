"""What is live on a host, read anew from its links and records? Nothing of the release's own code is used here."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from testinfra.host import Host

from .programs import LIVE

INSTANCES = ("blue", "green")
MARK = "namaskah-answers"  # printed by each command before it begins


@dataclass(frozen=True)
class Live:
    """The live release. `services` are those that it was prepared with, with the contract's defaults filled in."""

    id: str
    folder: str
    instance: str
    record: dict[str, Any]
    services: dict[str, dict[str, Any]]
    venv: str
    runtime: str
    instances: dict[str, str]

    def listening(self, kind: str) -> dict[str, dict[str, Any]]:
        """The services that listen in this way."""
        return {name: service for name, service in self.services.items() if service["listen"] == kind}


@dataclass(frozen=True)
class Said:
    """How a command ended, and what it printed itself."""

    rc: int
    stdout: str
    stderr: str


def said(host: Host, command: str, *words: str) -> Said:
    """What a command said; what the profile of the deploy user prints before it is none of it."""
    done = host.run(f"echo {MARK}; {command}", *words)
    return Said(done.rc, done.stdout.partition(f"{MARK}\n")[2], done.stderr)


def output(host: Host, command: str, *words: str) -> str:
    """What a command printed; it has to succeed."""
    done = said(host, command, *words)
    assert done.rc == 0, f"`{command % words if words else command}` ended with {done.rc}: {done.stderr.strip()[:300]}"
    return str(done.stdout).strip()


def find_live(host: Host, contract: dict[str, Any]) -> Live:
    """Follow `current`. An AssertionError says what is missing."""
    found = run_python(host, contract, LIVE, contract["root"])
    assert "missing" not in found, f"{found['missing']} cannot be read: {found['why']}"
    services = {name: {**contract["service_defaults"], **own} for name, own in found["launch"]["services"].items()}
    return Live(
        id=found["id"],
        folder=f"{contract['root']}/releases/{found['id']}",
        instance=PurePosixPath(found["run"]).name,
        runtime=found["run"],
        instances=found["instances"],
        record=found["record"],
        services=services,
        venv=found["launch"]["venv"],
    )


@dataclass(frozen=True)
class Stat:
    """What the file system says of a path; links are not followed. `kind` as stat(1) calls it, "" = there is none."""

    path: str
    kind: str = ""
    user: str = ""
    mode: int = 0

    def must_be(self, kind: str, user: str, forbidden: int) -> None:
        """See that it is of this kind, belongs to this user, and gives none of the forbidden rights."""
        assert self.kind, f"{self.path} is missing"
        assert self.kind == kind, f"{self.path} is a {self.kind}, not a {kind}"
        assert self.user == user, f"{self.path} belongs to {self.user}, not to {user}"
        assert not self.mode & forbidden, f"{self.path} has mode {self.mode:o}: {self.mode & forbidden:o} is too much"


def stats(host: Host, *paths: str) -> dict[str, Stat]:
    """Look at many paths at once. A path that cannot be reached is missing."""
    printed = said(host, "stat --format=%s --" + " %s" * len(paths), "%F|%U|%a|%n", *paths).stdout
    found = {path: Stat(path) for path in paths}
    for line in printed.strip("\n").split("\n"):
        kind, user, mode, path = line.split("|", 3)
        found[path] = Stat(path, kind, user, int(mode, 8))
    return found


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
