"""Does every module that changes an application host check the lease first? A new module has to say which it is."""

from __future__ import annotations

from pathlib import Path

ROLES = Path(__file__).parents[2] / "roles"
UNDER_THE_LEASE = {"activate", "backup", "confirm", "migrate", "prepare", "prune", "recover"}
READS = {"backups", "plan", "preflight", "status", "target", "validation", "verify"}
ON_THE_CONTROLLER = {"resolve", "tag", "variables", "weigh"}
# Where backups are kept there may be no application, and so no lease; they have locks of their own there.
WHERE_BACKUPS_ARE = {"backup_prune", "restore"}
OTHERS = {"lease", "role_passwords"}  # the lease itself; provisioning, which is no release


def test_every_module_has_its_place() -> None:
    known = {file.stem.removeprefix("namaskah_") for file in ROLES.glob("*/library/*.py")}
    assert known == UNDER_THE_LEASE | READS | ON_THE_CONTROLLER | WHERE_BACKUPS_ARE | OTHERS


def test_what_changes_a_host_works_under_the_lease() -> None:
    for file in ROLES.glob("*/library/*.py"):
        fenced = "with working(contract, run," in file.read_text(encoding="utf-8")
        assert fenced is (file.stem.removeprefix("namaskah_") in UNDER_THE_LEASE), file
