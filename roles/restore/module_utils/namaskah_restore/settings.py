"""What a restore was asked to do: the backup role's settings, and what only a restore has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ansible.module_utils.namaskah_backups import settings as backup_settings
from ansible.module_utils.namaskah_backups.settings import Settings
from ansible.module_utils.namaskah_host.failure import Failure

ARGUMENTS: dict[str, dict[str, Any]] = {
    "service": {"type": "str", "required": True},
    "template": {"type": "str", "default": "template0"},
    "hold_timeout": {"type": "float", "default": 5.0},
    "idle_in_transaction": {"type": "str", "choices": ["end", "refuse"], "default": "end"},
    "pooler_service": {"type": "str", "default": ""},
    "pooler_database": {"type": "str", "default": ""},
    "pooler_timeout": {"type": "float", "default": 10.0},
    "report": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "table": {"type": "str", "required": True},
            "group_by": {"type": "list", "elements": "str", "default": []},
            "sum": {"type": "list", "elements": "str", "default": []},
        },
    },
    "keep_days": {"type": "int", "default": 7},
    "timeout": {"type": "int", "default": 3600},
}


@dataclass(frozen=True)
class Asked:
    """Arguments of one call: `backup` as the backup role's modules take them, the others as the role names them.

    Times are seconds, `keep_days` days. `allow` names the refusals that the operator overrides.
    """

    backup: Settings
    service: str
    hold_timeout: float
    idle_in_transaction: str
    pooler_service: str
    pooler_database: str
    pooler_timeout: float
    report: tuple[Mapping[str, Any], ...]
    keep_days: int
    allow: tuple[str, ...]

    @property
    def folder(self) -> Path:
        """Where records and reports of restores are kept."""
        return self.backup.root / "restores"

    @property
    def session_name(self) -> str:
        """The name that restores of this backup root, and nobody else, give their sessions."""
        return f"{self.scratch('restore')}_"

    def scratch(self, kind: str) -> str:
        """The name of a database that a restore makes or reads: `restore` (the new one), `ref` or `aside`."""
        return self.backup.scratch(kind)

    @property
    def where(self) -> str:
        """The server in an operator's words."""
        return f"PostgreSQL service {self.service} on {self.backup.contract['host']}"


def read(
    contract: Mapping[str, Any], run: Mapping[str, Any], backup: Mapping[str, Any], arguments: Mapping[str, Any]
) -> Asked:
    """The settings of one call. Raises Failure when words are not allowed or there is no database to restore."""
    words = dict(arguments)
    service, template, timeout = words.pop("service"), words.pop("template"), words.pop("timeout")
    if not backup["service"]:
        why, next_step = "backup_service is empty", "name the database's service in the inventory"
        raise Failure("refused", "There is no database to restore", str(contract["host"]), why, next_step)
    for name in filter(None, (service, words["pooler_service"])):
        backup_settings.check_name(name)
    base = backup_settings.read(contract, run, None, {**backup, "timeout": timeout})
    # Whoever restores also proves: the copy becomes the live database, so it has to have the owners from the start.
    own = replace(base, proof_service=service, proof_template=template)
    return Asked(
        backup=own,
        service=service,
        allow=tuple(contract.get("allow") or ()),
        **{**words, "report": tuple(words["report"])},
    )
