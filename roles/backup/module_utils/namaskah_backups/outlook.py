"""What would going back to a backup's data take? Told from the restore that was measured by its proof."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def seconds(proof: Mapping[str, Any]) -> float | None:
    """Seconds to restore and compare the backup again; None where no proof has measured it."""
    if not {"restore_seconds", "compare_seconds"} <= proof.keys():
        return None
    return float(proof["restore_seconds"]) + float(proof["compare_seconds"])


def words(proof: Mapping[str, Any], kept: Mapping[str, Any] | None) -> str:
    """The forecast in an operator's words; empty where nothing was measured."""
    took = seconds(proof)
    if took is None:
        return ""
    measured = f"restored in {proof['restore_seconds']} s and compared in {proof['compare_seconds']} s by its proof"
    if kept and kept["owners"]:
        return f"moments: the proved copy is kept as {kept['database']}; without it about {took:.0f} s ({measured})"
    return f"about {took:.0f} s, and the swap ({measured})"


def warnings(proof: Mapping[str, Any], kept: Mapping[str, Any] | None, limit: float) -> list[str]:
    """What an operator should know before he needs it: that a database rollback takes longer than `limit` seconds."""
    took = seconds(proof)
    if took is None or took <= limit or (kept and kept["owners"]):
        return []
    measured = f"a rollback of the database would take about {took:.0f} s"
    allowed = f"more than the {limit:g} s of backup_rollback_limit"
    return [f"{measured}, {allowed}: keep the proved copy (backup_keep_proof), or use more processes (backup_jobs)"]
