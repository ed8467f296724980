"""How backups are removed: what retention lets go, one at a time, each without a moment in which half of it counts."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from typing import Any

from ansible.module_utils.namaskah_host.failure import Failure
from ansible.module_utils.namaskah_host.files import sync_folder

from . import manifest, pins, retention, room, warm
from .retention import Needs, Rules, Verdict
from .settings import Settings


def preview(settings: Settings, rules: Rules, needs: Needs) -> dict[str, Any]:
    """What `prune` would do now, and why; writes nothing."""
    return _told([_said(verdict, "would go") for verdict in _verdicts(settings, rules, needs)])


def prune(settings: Settings, rules: Rules, needs: Needs) -> dict[str, Any]:
    """Remove what retention lets go and nobody uses. Raises Failure where another backup works in the root."""
    if not settings.root.is_dir():
        return _told([])
    with room.held(settings):
        done = [_carry_out(settings, verdict) for verdict in _verdicts(settings, rules, needs)]
    return {"changed": any(entry["does"] == "went" for entry in done), **_told(done)}


def _verdicts(settings: Settings, rules: Rules, needs: Needs) -> list[Verdict]:
    """Refuse to judge where a damaged manifest hides what is needed: its backup might be the one."""
    backups, wrong = manifest.listed(settings.root) if settings.root.is_dir() else ([], [])
    damaged = [word for word in wrong if manifest.NO_MANIFEST not in word]
    broken = manifest.broken_links(backups)
    if damaged or broken:
        next_step = "find out what changed them (`namaskah-deploy backups verify`), and move the damaged ones away"
        why = "; ".join((damaged + broken)[:4])
        raise Failure("refused", "Backups are not pruned while some are damaged", str(settings.root), why, next_step)
    return list(retention.judge(backups, rules, needs, datetime.now(UTC), pin=pins.of))


def _carry_out(settings: Settings, verdict: Verdict) -> dict[str, Any]:
    if verdict.stays:
        return _said(verdict, "")
    folder = verdict.backup.folder
    with room.alone_with(folder) as alone:
        if not alone:
            return {
                **_said(verdict, ""),
                "stays": True,
                "does": "stays",
                "why": "in use now; the next pruning looks again",
            }
        warm.drop(settings, folder)
        (folder / manifest.FILE).unlink()  # first: a folder without manifest is no backup, whatever happens next
        sync_folder(folder)
        shutil.rmtree(folder)
    return _said(verdict, "went")


def _said(verdict: Verdict, word: str) -> dict[str, Any]:
    does = "stays" if verdict.stays else word
    return {"id": verdict.backup.id, "stays": verdict.stays, "does": does, "why": verdict.why}


def _told(verdicts: list[dict[str, Any]]) -> dict[str, Any]:
    return {"verdicts": verdicts, "removed": [entry["id"] for entry in verdicts if entry["does"] == "went"]}
