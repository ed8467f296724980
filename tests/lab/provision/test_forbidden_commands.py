"""Which commands may the deploy user run as somebody else? Exactly the listed ones; each near miss is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.lab.provision.attempts import Outcome, assert_refused, try_all
from tests.support.lab.provision.fleet import APP, ROOT, Fleet

pytestmark = pytest.mark.lab

GOLDEN = Path(__file__).parent / "golden"
CTL = "/usr/bin/systemctl"
WEB = f"{APP}-web@blue.service"
PROCESSES = f"/usr/local/lib/namaskah/{APP}/processes"
FORBIDDEN = [
    "/bin/sh",
    "/bin/bash -c id",
    "-s",
    "-i",
    "/usr/bin/id",
    "/usr/bin/env",
    "/usr/bin/su -",
    "/usr/bin/vi /etc/sudoers",
    f"-e /etc/systemd/system/{APP}-web@.service",
    "/usr/bin/tee /etc/sudoers.d/x",
    "/usr/bin/cp /bin/sh /tmp/sh",
    "/usr/bin/chown deploy /etc/shadow",
    "/usr/bin/chmod 4755 /bin/sh",
    "/usr/bin/cat /etc/shadow",
    "/usr/bin/python3 -c 1",
    "/usr/bin/apt-get install x",
    "/usr/bin/journalctl",
    "/usr/bin/git status",
    "/usr/sbin/reboot",
    CTL,
    f"{CTL} start",
    f"{CTL} start ssh.service",
    f"{CTL} stop nginx.service",
    f"{CTL} restart nginx.service",
    f"{CTL} restart {WEB}",
    f"{CTL} reload {WEB}",
    f"{CTL} kill {WEB}",
    f"{CTL} enable {WEB}",
    f"{CTL} mask {WEB}",
    f"{CTL} edit {WEB}",
    f"{CTL} status {WEB}",
    f"{CTL} daemon-reload",
    f"{CTL} isolate rescue.target",
    f"{CTL} start {WEB} ssh.service",
    f"{CTL} start ssh.service {WEB}",
    f"{CTL} start {APP}-web@red.service",
    f"{CTL} start {APP}-web@*.service",
    f"{CTL} start {APP}-web@blue",
    f"{CTL} start other-web@blue.service",
    f"{CTL} start {WEB} --root=/tmp",
    f"{CTL} --root=/tmp start {WEB}",
    f"{CTL} -H other start {WEB}",
    f"{CTL} start {APP}-boot.service",
    f"{CTL} stop {APP}-boot.service",
    f"{CTL} enable {APP}-return.service",
    f"{CTL} link {ROOT}/host/x.service",
    f"{CTL} set-property {WEB} MemoryMax=1",
    "/bin/../usr/bin/systemctl start ssh.service",
    f"/home/deploy/systemctl start {WEB}",
    "/usr/sbin/nginx",
    "/usr/sbin/nginx -t -c /tmp/x.conf",
    "/usr/sbin/nginx -s stop",
    "/usr/sbin/nginx -g 'error_log /etc/x;' -t",
    PROCESSES,
    f"-u {APP} {PROCESSES} --help",
    f"-u {APP} /bin/sh",
    f"-u {APP} /usr/bin/cat {ROOT}/shared/.env",
    f"-u www-data {PROCESSES}",
    f"-u nobody {PROCESSES}",
    f"-u {APP} -g root {PROCESSES}",
    f"-R /tmp {CTL} start {WEB}",
    f"-D /tmp {CTL} start {WEB}",
    f"PATH=/tmp {CTL} start {WEB}",
    f"LD_PRELOAD=/tmp/x.so {CTL} start {WEB}",
    f"SYSTEMD_EDITOR=/bin/sh {CTL} start {WEB}",
    f"-E {CTL} start {WEB}",
]


@pytest.fixture(scope="module")
def outcomes(fleet: Fleet) -> dict[str, Outcome]:
    """Every forbidden command, tried in one login of the deploy user."""
    return try_all(fleet, FORBIDDEN)


@pytest.mark.parametrize("words", FORBIDDEN)
@pytest.mark.fault("right too much", ends="refused")
def test_refused(outcomes: dict[str, Outcome], words: str) -> None:
    assert_refused(outcomes[words])


def listing(fleet: Fleet) -> str:
    return fleet.app.ssh(["sudo", "-n", "-l"], user="deploy").stdout


def test_listing_equals_the_golden_one(fleet: Fleet) -> None:
    assert listing(fleet) == (GOLDEN / "sudo_systemd.txt").read_text()


def test_allowed_commands_work(fleet: Fleet) -> None:
    """Otherwise the refusals would prove nothing. A unit is stopped that does not run; systemd reports no error."""
    fleet.app.ssh(["sudo", "-n", CTL, "stop", WEB], user="deploy")
    fleet.app.ssh(["sudo", "-n", CTL, "stop", f"{APP}-return.service"], user="deploy")
    fleet.app.ssh(["sudo", "-n", "/usr/sbin/nginx", "-t"], user="deploy")
    fleet.app.ssh(["sudo", "-n", CTL, "reload", "nginx.service"], user="deploy")
    assert json.loads(fleet.app.ssh(["sudo", "-n", "-u", APP, PROCESSES], user="deploy").stdout) == []


def test_deploy_user_on_a_database_host_has_no_rights(fleet: Fleet) -> None:
    done = fleet.database.ssh(["sudo", "-n", "-l"], user="deploy", check=False)
    assert (done.returncode, done.stdout) == (1, "")


@pytest.mark.fault("right too much", ends="refused")
def test_provisioning_refuses_a_deploy_user_with_all_rights(fleet: Fleet) -> None:
    """A line that an image's maker left behind would make every exact line worthless."""
    left_behind = "/etc/sudoers.d/90-cloud-init-users"
    fleet.app.write(left_behind, "deploy ALL=(ALL) NOPASSWD:ALL\n", mode="0440")
    try:
        said = fleet.refusal("rights", host=fleet.app)
        assert "deploy may run every command by another line of sudoers" in said
    finally:
        fleet.app.run(["rm", left_behind])


def test_provisioning_refuses_an_old_sudo(fleet: Fleet) -> None:
    said = fleet.refusal("rights", host=fleet.app, provision_sudo_floor={"12": "9.9"})
    assert "is older than 9.9 and lets users become root" in said
