"""Is a secret found nowhere but in the files that are made for it, also after it was changed?"""

from __future__ import annotations

import pytest

from tests.support.lab.provision.database import from_app
from tests.support.lab.provision.fleet import Fleet

pytestmark = pytest.mark.lab

NEW = "Sentinel-new-6'\"\\:"
PARTS = ["database", "environment"]
# Ansible's modules log their arguments, PostgreSQL logs statements, and temporary files may stay.
PLACES = ["/var/log", "/tmp", "/var/tmp", "/root", "/home", "/etc"]  # noqa: S108 - searched, not written


def test_a_new_password_replaces_the_old_one_and_shows_nowhere(fleet: Fleet) -> None:
    """Exactly the role and the environment file change; the most talkative run says neither password."""
    talkative = ("-vvvv", "--diff")
    changed = fleet.changes(*talkative, provision_database_app_password=NEW, provision_parts=PARTS)
    said = fleet.output
    try:
        assert changed == {"app1": 1, "db1": 1}
        assert from_app(fleet, "app", "SELECT 1;", password=NEW).returncode == 0
        assert from_app(fleet, "app", "SELECT 1;").returncode == 2
    finally:
        assert fleet.changes(*talkative, provision_parts=PARTS) == {"app1": 1, "db1": 1}
    assert from_app(fleet, "app", "SELECT 1;").returncode == 0
    assert "Sentinel" not in said + fleet.output


@pytest.mark.parametrize("name", ["app1", "db1"])
def test_no_log_and_no_leftover_of_a_host_has_a_secret(fleet: Fleet, name: str) -> None:
    host = fleet.lab.hosts[name]
    host.run(["journalctl", "--sync"])
    found = host.run(["grep", "-rlaI", "Sentinel", *PLACES], check=False).stdout.split()
    assert found == []
    assert "Sentinel" not in host.run(["journalctl", "--no-pager", "--output=export"]).stdout
