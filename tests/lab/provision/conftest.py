"""Two fleets for all tests of provisioning: Debian 12 with systemd, Debian 13 with pm2; both were bare."""

from collections.abc import Iterator

import pytest

from tests.support.lab.lab import Lab
from tests.support.lab.provision.fleet import Fleet, bare_fleet


@pytest.fixture(scope="session")
def fleet(lab_machine: None) -> Iterator[Fleet]:  # noqa: ARG001 - asked for its effect
    """Bare Debian 12 hosts, provisioned once; systemd runs the services."""
    with Lab.create() as lab:
        made = bare_fleet(lab)
        made.changes()
        yield made


@pytest.fixture(scope="session")
def pm2_fleet(lab_machine: None) -> Iterator[Fleet]:  # noqa: ARG001 - asked for its effect
    """Bare Debian 13 hosts without even sudo, provisioned once by root; pm2 runs the services."""
    with Lab.create() as lab:
        made = bare_fleet(lab, suite="trixie", pm2=True, namaskah_process_manager="pm2", provision_login="root")
        for host in lab.hosts.values():
            host.run(["env", "SUDO_FORCE_REMOVE=yes", "dpkg", "--purge", "sudo"])
        made.changes()
        yield made
