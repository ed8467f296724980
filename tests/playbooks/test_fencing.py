"""Does every module that changes an application host check the lease, and its number, before it does?

Modules for the host of the backups have locks of their own there: it may have no application, and so no lease.
"""

from __future__ import annotations

from pathlib import Path

import pytest

ROLES = Path(__file__).parents[2] / "roles"
UNDER_THE_LEASE = ("activate", "backup", "confirm", "migrate", "pause", "prepare", "prune", "recover", "schema")


@pytest.mark.parametrize("name", UNDER_THE_LEASE)
def test_what_changes_a_host_works_under_the_lease(name: str) -> None:
    (file,) = ROLES.glob(f"*/library/namaskah_{name}.py")
    assert "with working(contract, run," in file.read_text(encoding="utf-8")
