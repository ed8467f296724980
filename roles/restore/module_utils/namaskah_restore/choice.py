"""Which backup does a restore take: the named one, or the newest whose schema the code that returns can serve?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible.module_utils.namaskah_backups import applied, manifest
from ansible.module_utils.namaskah_backups.manifest import Backup
from ansible.module_utils.namaskah_host.failure import Failure

from .settings import Asked

ALLOW = "schema-ahead"
_SHOWN = 3  # backups of a refusal


@dataclass(frozen=True)
class Code:
    """The code that is returned to: its commit ("" = the restore is for no code), and what its host knows of it.

    `migrations` is as `applied.misfit` takes it; empty where the application lists none.
    """

    commit: str = ""
    migrations: Mapping[str, Any] = field(default_factory=dict)


ANY = Code()


def chosen(asked: Asked, backup_id: str, code: Code) -> Backup:
    """The backup to restore: the named one, else the newest whose proof is good. Raises Failure.

    With a commit the newest that was made while that commit ran and whose own record of migrations fits it: a backup
    made after a return, or while the database was ahead, is of that commit as well. What says nothing of its
    migrations comes last, and is judged when it has been restored.
    """
    root = asked.backup.root
    backup = manifest.require(root, backup_id or _newest(asked, code))
    if "database" not in backup.content:
        why, next_step = "it holds files only", "see `namaskah-deploy backups`"
        raise Failure("refused", f"Backup {backup.id} cannot be restored", str(root), why, next_step)
    return backup


def _newest(asked: Asked, code: Code) -> str:
    root = asked.backup.root
    backups = manifest.listed(root)[0] if root.is_dir() else []
    proved = [
        backup
        for backup in backups
        if backup.proof["state"] == "proved"
        and "database" in backup.content
        and (not code.commit or backup.content["live"]["commit"] == code.commit)
    ]
    if not proved:
        made = f", of those made while {code.commit[:12]} ran" if code.commit else ""
        why = f"none of its backups holds a database and is proved{made}"
        next_step = "name one; see `namaskah-deploy backups list ENV`"
        raise Failure("refused", "There is no backup to restore", str(root), why, next_step)
    fits = {backup.id: _misfit(backup, code) for backup in proved}
    for wanted in ("", None):  # proved to fit, then unknown
        if found := [name for name, why in fits.items() if why == wanted]:
            return found[-1]
    if ALLOW in asked.allow:
        return proved[-1].id
    said = "; ".join(f"{name}: {why}" for name, why in list(fits.items())[: -_SHOWN - 1 : -1])
    raise refused(f"no proved backup that was made while {code.commit[:12]} ran has its schema: {said}", str(root))


def _misfit(backup: Backup, code: Code) -> str | None:
    if not code.migrations:
        return None
    return applied.misfit(backup.content["database"].get("migrations"), code.migrations)


def refused(why: str, where: str) -> Failure:
    """The refusal of a database that the code which returns would fail on; nothing was swapped."""
    return Failure(
        "refused",
        "return to a database that fits the code",
        where,
        f"{why}; nothing was swapped",
        "go back with the database as it is and --reverse-migrations, or release a commit that works with it; "
        f"see `namaskah-deploy backups list ENV`; --allow {ALLOW} restores the newest in spite of it",
    )


def notes(backup: Backup, code: Code) -> list[str]:
    """What is said of a backup for this code: that it is not of it, and whether its schema is known to fit."""
    if not code.commit:
        return []
    said = []
    made = backup.content["live"]["commit"]
    if made != code.commit:
        ran = made[:12] or "nothing"
        said.append(f"backup {backup.id} was made while {ran} ran, the code that returns is {code.commit[:12]}")
    why = _misfit(backup, code)
    if why is None:
        said.append(f"whether the schema of backup {backup.id} is the one that {code.commit[:12]} knows is unknown")
    elif why:
        said.append(f"the schema of backup {backup.id} does not fit {code.commit[:12]}: {why}")
    return said
