"""Is a bare host ready after one run, and untouched by the second?"""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible.module_utils.namaskah_host.launch import read_environment

from tests.support.lab.provision.fleet import APP, ROOT, RUNTIME, SECRET_KEY, Fleet

pytestmark = pytest.mark.lab

# path: mode, owner, group
APP_LAYOUT = {
    ROOT: "755 deploy deploy",
    f"{ROOT}/releases": "755 deploy deploy",
    f"{ROOT}/venvs": "755 deploy deploy",
    f"{ROOT}/instances": "755 deploy deploy",
    f"{ROOT}/host": "755 deploy deploy",
    f"{ROOT}/front": "755 deploy deploy",
    f"{ROOT}/front/api.upstream": "644 deploy deploy",
    f"{ROOT}/shared": "755 deploy deploy",
    f"{ROOT}/shared/assets": "755 deploy deploy",
    f"{ROOT}/shared/media": "755 dashboard dashboard",
    f"{ROOT}/shared/exports/daily": "755 dashboard dashboard",
    f"{ROOT}/shared/.env": "640 deploy dashboard",
    f"{ROOT}/shared/.env.migrate": "600 deploy deploy",
    RUNTIME: "755 root root",
    f"{RUNTIME}/blue": "2750 dashboard www-data",
    f"{RUNTIME}/green": "2750 dashboard www-data",
    f"/etc/sudoers.d/namaskah-{APP}": "440 root root",
    f"/etc/nginx/conf.d/namaskah-{APP}.conf": "644 root root",
    f"/etc/systemd/system/{APP}-web@.service": "644 root root",
    f"/etc/systemd/system/{APP}-api@.service": "644 root root",
    f"/etc/systemd/system/{APP}-worker@.service": "644 root root",
    f"/etc/systemd/system/{APP}-return.service": "644 root root",
    f"/etc/systemd/system/{APP}-boot.service": "644 root root",
    f"/etc/tmpfiles.d/namaskah-{APP}.conf": "644 root root",
    f"/usr/local/lib/namaskah/{APP}/processes": "755 root root",
    "/home/deploy/.ssh/authorized_keys": "600 deploy deploy",
}
DATABASE_LAYOUT = {
    ROOT: "755 deploy deploy",
    f"/var/backups/{APP}": "700 deploy deploy",
    "/home/deploy/.pg_service.conf": "600 deploy deploy",
}


def test_application_host_has_the_layout(fleet: Fleet) -> None:
    output = fleet.app.run(["stat", "--format=%n: %a %U %G", *APP_LAYOUT]).stdout
    assert output.splitlines() == [f"{path}: {rights}" for path, rights in APP_LAYOUT.items()]


def test_database_host_has_the_layout(fleet: Fleet) -> None:
    output = fleet.database.run(["stat", "--format=%n: %a %U %G", *DATABASE_LAYOUT]).stdout
    assert output.splitlines() == [f"{path}: {rights}" for path, rights in DATABASE_LAYOUT.items()]


def test_second_run_changes_nothing_and_asks_no_archive(fleet: Fleet) -> None:
    """A complete host may be cut off from every package archive, as production hosts often are."""
    hosts = list(fleet.lab.hosts.values())
    for host in hosts:
        host.run(["sh", "-c", "mkdir /etc/apt.off && mv /etc/apt/sources.list* /etc/apt.off/"])
    try:
        assert fleet.changes() == {"app1": 0, "db1": 0}
    finally:
        for host in hosts:
            host.run(["sh", "-c", "mv /etc/apt.off/* /etc/apt/ && rmdir /etc/apt.off"])


def test_dry_run_on_a_provisioned_fleet_changes_nothing(fleet: Fleet) -> None:
    assert fleet.changes("--check") == {"app1": 0, "db1": 0}


def test_environment_file_is_read_back_as_it_was_meant(fleet: Fleet, tmp_path: Path) -> None:
    """The launcher's own reader must understand every character that the template wrote."""
    file = tmp_path / "env"
    file.write_text(fleet.app.read(f"{ROOT}/shared/.env"))
    address = fleet.database.address
    assert read_environment(str(file)) == {
        "DATABASE_URL": f"postgresql://dashboard_app:Sentinel-app%3A2%2F%40%25x@{address}:5432/dashboard",
        "SECRET_KEY": SECRET_KEY,
        "LINES": "first\nsecond",
    }


def test_systemd_accepts_every_unit(fleet: Fleet) -> None:
    """Each service needs a launcher to be verified: systemd looks whether ExecStart can be run."""
    folder = f"{ROOT}/releases/verify/.namaskah"
    services = ("web", "api", "worker")
    try:
        for service in services:
            fleet.app.write(f"{folder}/{service}", "#!/bin/sh\n", mode="0755")
        fleet.app.run(["ln", "-s", "../releases/verify", f"{ROOT}/instances/blue"])
        units = [f"{APP}-{service}@blue.service" for service in services]
        units += [f"{APP}-return.service", f"{APP}-boot.service"]
        done = fleet.app.run(["systemd-analyze", "verify", *units], check=False)
        assert (done.returncode, done.stdout + done.stderr) == (0, "")
    finally:
        fleet.app.run(["rm", "-rf", f"{ROOT}/releases/verify", f"{ROOT}/instances/blue"])


def test_only_the_start_at_boot_is_enabled(fleet: Fleet) -> None:
    listing = fleet.app.run(["systemctl", "list-unit-files", "--no-legend", "--plain", f"{APP}-*"]).stdout
    states = {line.split()[0]: line.split()[1] for line in listing.splitlines()}
    assert states == {
        f"{APP}-api@.service": "static",
        f"{APP}-boot.service": "enabled",
        f"{APP}-return.service": "static",
        f"{APP}-web@.service": "static",
        f"{APP}-worker@.service": "static",
    }


def test_host_is_well_after_a_reboot(fleet: Fleet) -> None:
    """Folders of the sockets, with who may enter them, are made anew; nginx and PostgreSQL run by themselves."""
    before = fleet.app.run(["getfacl", "--absolute-names", f"{RUNTIME}/blue", f"{RUNTIME}/green"]).stdout
    assert "user:deploy:--x" in before
    fleet.app.reboot()
    fleet.database.reboot()
    assert fleet.app.run(["getfacl", "--absolute-names", f"{RUNTIME}/blue", f"{RUNTIME}/green"]).stdout == before
    assert fleet.app.system_state() == "running"
    assert fleet.database.system_state() == "running"
    fleet.app.run(["systemctl", "is-active", "nginx.service"])
    fleet.database.run(["pg_isready", "--host", fleet.database.address])
    assert fleet.part("directories", fleet.app) == 0
