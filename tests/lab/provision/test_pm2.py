"""Does pm2 run the services of a Debian 13 host as systemd does on Debian 12, with rights as narrow?"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.lab.provision.attempts import Outcome, assert_refused, try_all
from tests.support.lab.provision.fleet import APP, ROOT, RUNTIME, Fleet, as_user
from tests.support.lab.provision.releases import make_release, remove_releases

pytestmark = pytest.mark.lab

GOLDEN = Path(__file__).parent / "golden"
PM2 = "/usr/local/bin/pm2"
ECOSYSTEM = f"/etc/namaskah/{APP}/ecosystem.config.js"
AS_APP = ["sudo", "-n", "-H", "-u", APP]
UNIT = f"{APP}-pm2.service"
FORBIDDEN = [
    f"-u {APP} {PM2}",
    f"-u {APP} {PM2} list",
    f"-u {APP} {PM2} kill",
    f"-u {APP} {PM2} delete all",
    f"-u {APP} {PM2} start /bin/sh",
    f"-u {APP} {PM2} start {ECOSYSTEM}",
    f"-u {APP} {PM2} start {ECOSYSTEM} --only {APP}-web-red",
    f"-u {APP} {PM2} start {ECOSYSTEM} --only {APP}-web-blue --node-args=-e",
    f"-u {APP} {PM2} start /tmp/ecosystem.config.js --only {APP}-web-blue",
    f"-u {APP} {PM2} delete {APP}-web-blue {APP}-web-green",
    f"-u {APP} {PM2} jlist --silent",
    f"-u {APP} {PM2} install x",
    f"-u {APP} {PM2} env 0",
    f"{PM2} jlist",
    f"-u {APP} /usr/bin/node -e 1",
]


@pytest.fixture(scope="module")
def host_with_release(pm2_fleet: Fleet) -> Iterator[Fleet]:
    """The host with one release of the echo service as blue."""
    make_release(pm2_fleet.app, "blue")
    yield pm2_fleet
    as_user(pm2_fleet.app, APP, f"HOME=/var/lib/{APP} {PM2} delete all")
    remove_releases(pm2_fleet.app)


def pm2(fleet: Fleet, *words: str) -> str:
    return fleet.app.ssh([*AS_APP, PM2, *words], user="deploy").stdout


def entries(fleet: Fleet) -> dict[str, dict[str, object]]:
    output = pm2(fleet, "jlist")
    return {entry["name"]: entry for entry in json.loads(output[output.index("[") :])}


def wait_for_socket(fleet: Fleet) -> None:
    script = f"python3 -c \"import socket; socket.socket(socket.AF_UNIX).connect('{RUNTIME}/blue/web.sock')\""
    end = time.monotonic() + 20
    while as_user(fleet.app, "deploy", script).returncode != 0:
        assert time.monotonic() < end, fleet.app.run(["journalctl", "-u", UNIT, "--no-pager"]).stdout
        time.sleep(0.2)


def test_second_run_changes_nothing(pm2_fleet: Fleet) -> None:
    assert pm2_fleet.changes() == {"app1": 0, "db1": 0}


def test_listing_equals_the_golden_one(pm2_fleet: Fleet) -> None:
    listing = pm2_fleet.app.ssh(["sudo", "-n", "-l"], user="deploy").stdout
    assert listing == (GOLDEN / "sudo_pm2.txt").read_text()


@pytest.fixture(scope="module")
def outcomes(pm2_fleet: Fleet) -> dict[str, Outcome]:
    """Every forbidden command, tried in one login of the deploy user."""
    return try_all(pm2_fleet, FORBIDDEN)


@pytest.mark.parametrize("words", FORBIDDEN)
@pytest.mark.fault("right too much", ends="refused")
def test_refused(outcomes: dict[str, Outcome], words: str) -> None:
    assert_refused(outcomes[words])


def test_an_instance_is_started_and_deleted_by_name(host_with_release: Fleet) -> None:
    fleet = host_with_release
    pm2(fleet, "start", ECOSYSTEM, "--only", f"{APP}-web-blue")
    wait_for_socket(fleet)
    assert set(entries(fleet)) == {f"{APP}-web-blue"}
    environment = entries(fleet)[f"{APP}-web-blue"]["pm2_env"]
    assert isinstance(environment, dict)
    assert (environment["NAMASKAH_INSTANCE"], environment["kill_timeout"]) == ("blue", 12000)
    listed = fleet.app.ssh([*AS_APP, f"/usr/local/lib/namaskah/{APP}/processes"], user="deploy").stdout
    folders = {process["cwd"] for process in json.loads(listed) if process["environment"]}
    assert folders == {f"{ROOT}/releases/20260101T000000Z-aaaaaaaaaaaa"}
    pm2(fleet, "delete", f"{APP}-web-blue")
    assert entries(fleet) == {}


def test_the_daemon_stops_services_by_sigterm(host_with_release: Fleet) -> None:
    """pm2's own choice, SIGINT, makes some servers drop the requests they work on."""
    fleet = host_with_release
    daemon = fleet.app.read(f"/var/lib/{APP}/.pm2/pm2.pid").strip()
    variables = fleet.app.read(f"/proc/{daemon}/environ").split("\0")
    assert "PM2_KILL_SIGNAL=SIGTERM" in variables


@pytest.mark.fault("process manager killed", ends="cleaned up")
def test_a_killed_daemon_comes_back_and_the_start_at_boot_follows(host_with_release: Fleet) -> None:
    """The daemon alone would come back without its services."""
    fleet = host_with_release
    pm2(fleet, "start", ECOSYSTEM, "--only", f"{APP}-web-blue")
    wait_for_socket(fleet)
    marker = "import pathlib,time; p=pathlib.Path('/srv/dashboard/host/started'); p.write_text(str(time.time()))\n"
    fleet.app.write(f"{ROOT}/host/namaskah_host.pyz", marker, owner="deploy", group="deploy")
    try:
        fleet.app.run(["systemctl", "start", f"{APP}-boot.service"])
        first = fleet.app.read(f"{ROOT}/host/started")
        fleet.app.kill(int(fleet.app.read(f"/var/lib/{APP}/.pm2/pm2.pid")))
        end = time.monotonic() + 30
        while fleet.app.read(f"{ROOT}/host/started") == first:
            assert time.monotonic() < end, fleet.app.run(["systemctl", "status", UNIT], check=False).stdout
            time.sleep(0.5)
        fleet.app.run(["systemctl", "is-active", UNIT])
        assert entries(fleet) == {}, "the daemon itself brings nothing back"
        left = fleet.app.run(["pgrep", "-u", APP, "-f", "namaskah/web"], check=False)
        assert left.stdout == "", "what the dead daemon left running would answer on the next one's socket"
    finally:
        fleet.app.run(["systemctl", "stop", f"{APP}-boot.service"])
        fleet.app.run(["rm", "-f", f"{ROOT}/host/namaskah_host.pyz", f"{ROOT}/host/started"])
