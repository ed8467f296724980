"""What a backup was asked to do: the typed view of the module's arguments, and the time that is left."""

from __future__ import annotations

import hashlib
import os
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible.module_utils.namaskah_host.failure import Failure

_SERVICE = re.compile(r"[0-9A-Za-z][0-9A-Za-z_.-]{0,62}")

ARGUMENTS: dict[str, dict[str, Any]] = {
    "root": {"type": "path", "required": True},
    "service": {"type": "str", "default": ""},
    "proof_service": {"type": "str", "default": ""},
    "proof_template": {"type": "str", "default": "template0"},
    "service_file": {"type": "path", "default": ""},
    "pass_file": {"type": "path", "default": "", "no_log": False},
    "client_path": {"type": "path", "default": ""},
    "paths": {"type": "list", "elements": "path", "default": []},
    "static": {"type": "bool", "default": False},
    "proof": {"type": "str", "choices": ["before", "after", "below-size"], "default": "below-size"},
    "proof_size": {"type": "int", "default": 1 << 30},
    "parallel_size": {"type": "int", "default": 1 << 30},
    "jobs": {"type": "int", "default": 0},
    "space_margin": {"type": "float", "default": 1.2},
    "keep_proof": {"type": "bool", "default": False},
    "rollback_limit": {"type": "int", "default": 300},
    "timeout": {"type": "int", "default": 3600},
}


@dataclass(frozen=True)
class Settings:
    """Arguments of one call. Sizes are bytes, times seconds; `deadline` is a reading of the monotonic clock."""

    contract: Mapping[str, Any]
    run: Mapping[str, Any]
    live: Mapping[str, str]
    root: Path
    service: str
    proof_service: str
    proof_template: str
    service_file: str
    pass_file: str
    client_path: str
    paths: tuple[str, ...]
    static: bool
    proof: str
    proof_size: int
    parallel_size: int
    jobs: int
    space_margin: float
    keep_proof: bool
    rollback_limit: int
    timeout: int
    deadline: float = field(default=0.0)

    @property
    def where(self) -> str:
        """The database in an operator's words."""
        return f"PostgreSQL service {self.service} on {self.contract['host']}"

    @property
    def archives(self) -> bool:
        """Whether files are archived, if only those of a release that is not there yet."""
        return bool(self.paths) or self.static

    def archived(self) -> dict[str, str]:
        """Return the folders to archive, each with its name in the archive.

        The static files of the live release are called after it; a first release finds none.
        """
        named = [(Path(path).name, path) for path in self.paths]
        if self.static and self.contract["static_root"]:
            live = Path(os.path.realpath(Path(self.contract["root"]) / "current"))
            static = live / self.contract["static_root"]
            named += [(f"static-files-of-{live.name}", str(static))] if static.is_dir() else []
        for name, path in named:
            if [other for other, _ in named].count(name) > 1:
                why = f"both are called {name}"
                raise Failure("refused", "Two archived folders have one name", path, why, "rename one of them")
        return dict(named)

    def scratch(self, kind: str) -> str:
        """The name of a database of some kind that this backup root, and no other, makes.

        Fixed, for pg_hba.conf names it (roles/provision/vars): a role that runs an application's SQL enters no other.
        """
        place = f"{self.contract['environment']}/{self.contract['app']}/{self.contract['host']}/{self.root}"
        return f"namaskah_{kind}_{hashlib.sha256(place.encode()).hexdigest()[:10]}"

    def left(self) -> float:
        """Seconds until the whole backup has to be done; raises Failure (timeout) when there are none."""
        seconds = self.deadline - time.monotonic()
        if seconds > 0:
            return seconds
        why = f"it was not done within {self.timeout} s"
        raise Failure(
            "timeout", "The backup took too long", str(self.root), why, "raise backup_timeout, or lower the load"
        )


def read(
    contract: Mapping[str, Any], run: Mapping[str, Any], live: Mapping[str, str] | None, arguments: Mapping[str, Any]
) -> Settings:
    """Settings of the module's arguments. Raises Failure when words are not allowed or nothing is asked for."""
    words = dict(arguments)
    words |= {"root": Path(words["root"]), "paths": tuple(words["paths"])}
    words["proof_service"] = words["proof_service"] or words["service"]
    settings = Settings(
        contract=contract, run=run, live=live or {}, deadline=time.monotonic() + words["timeout"], **words
    )
    for name in filter(None, (settings.service, settings.proof_service, settings.proof_template)):
        check_name(name)
    if not settings.service and not settings.archives:
        why = "neither a database (backup_service) nor files (backup_paths) are named"
        raise Failure("refused", "There is nothing to back up", contract["host"], why, "name one in the inventory")
    return settings


def check_name(name: str) -> None:
    """Raise Failure for a word that cannot be the name of a service or a template: it would stand in an address."""
    if not _SERVICE.fullmatch(name):
        why = "it has 1 to 63 of the characters 0-9 A-Z a-z _ . -"
        raise Failure("refused", "A name in the backup's settings is not allowed", repr(name), why, "correct it")
