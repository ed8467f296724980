"""Is a host of the lab a real one, and can it be used and hurt in the ways that tests need?"""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.lab.errors import LabError
from tests.support.lab.host import Host
from tests.support.lab.lab import Lab

pytestmark = pytest.mark.lab


@pytest.fixture
def app(lab: Lab) -> Host:
    return lab.hosts["app1"]


@pytest.fixture
def database(lab: Lab) -> Host:
    return lab.hosts["db1"]


def fails(host: Host, *argv: str) -> str:
    """Standard error of a command that must fail."""
    done = host.ssh(argv, check=False)
    assert done.returncode != 0, f"{argv} succeeded: {done.stdout}"
    return done.stderr


def test_every_host_runs_systemd_without_a_failed_unit(lab: Lab) -> None:
    for host in lab.hosts.values():
        assert host.ssh(["cat", "/proc/1/comm"]).stdout == "systemd\n"
        assert host.system_state() == "running"
        assert host.ssh(["systemctl", "--failed", "--plain", "--no-legend"]).stdout == ""


def test_services_run_where_they_belong(app: Host, database: Host) -> None:
    assert "Welcome to nginx" in app.ssh(["curl", "--silent", "http://localhost/"]).stdout
    assert "inactive" in app.ssh(["systemctl", "is-active", "postgresql.service"], check=False).stdout
    query = ["psql", "-At", "-c", "show server_encoding; select 6 * 7"]
    assert database.ssh(["runuser", "-u", "postgres", "--", *query]).stdout == "UTF8\n42\n"


def test_the_provisioning_user_may_do_all_by_sudo_and_quickly(app: Host) -> None:
    started = time.monotonic()
    assert app.ssh(["sudo", "-n", "id", "-un"], user="ops").stdout == "root\n"
    assert time.monotonic() - started < 3, "name look-ups hold sudo up"
    assert "Permission denied" in fails_as_ops(app, "cat", "/etc/shadow")


def fails_as_ops(host: Host, *argv: str) -> str:
    return host.ssh(argv, user="ops", check=False).stderr


def test_hosts_reach_each_other_by_name_and_nothing_outside(app: Host) -> None:
    assert "SSH-2.0" in app.ssh(["curl", "--silent", "--http0.9", "--max-time", "1", "db1:22"], check=False).stdout
    assert app.ssh(["ip", "route", "show", "default"]).stdout == ""
    assert "unreachable" in fails(app, "ip", "route", "get", "203.0.113.1")


def test_an_unknown_host_key_is_refused(app: Host) -> None:
    app.run(["sh", "-c", "rm /etc/ssh/ssh_host_ed25519_key*; ssh-keygen -qA; systemctl restart ssh"])
    with pytest.raises(LabError, match=r"verification failed|IDENTIFICATION HAS CHANGED"):
        app.ssh(["true"])
    app.reset()
    assert app.ssh(["true"]).returncode == 0


@pytest.mark.parametrize("hard", [False, True], ids=["in order", "power cut"])
def test_a_reboot_keeps_the_disk_and_ends_the_processes(app: Host, *, hard: bool) -> None:
    app.write("/srv/kept", "on disk\n")
    app.write("/run/lost", "in memory\n")
    app.run(["systemd-run", "--unit=lab-sleep", "sleep", "600"])

    app.reboot(hard=hard)

    assert app.ssh(["cat", "/srv/kept"]).stdout == "on disk\n"
    fails(app, "test", "-e", "/run/lost")
    fails(app, "systemctl", "is-active", "lab-sleep")
    assert app.system_state() == "running"


def test_a_host_is_off_until_it_is_booted(app: Host) -> None:
    app.power_off(hard=False)
    assert not app.running
    with pytest.raises(LabError, match="app1 is off"):
        app.run(["true"])
    app.boot()
    assert app.ssh(["true"]).returncode == 0


def test_a_reset_host_is_as_new_with_the_same_identity(app: Host) -> None:
    app.write("/srv/mark", "old\n")
    started = time.monotonic()
    app.reset()
    assert time.monotonic() - started < 20
    fails(app, "test", "-e", "/srv/mark")
    assert app.ssh(["hostname"]).stdout == "app1\n"


@pytest.mark.parametrize("silent", [False, True], ids=["cable pulled", "packets dropped"])
def test_a_cut_network_is_cut_and_comes_back(app: Host, *, silent: bool) -> None:
    app.cut_network(silent=silent)
    with pytest.raises(LabError, match=r"timed out|No route to host"):
        app.ssh(["true"])
    assert app.run(["hostname"]).stdout == "app1\n", "the host itself lives on"
    app.restore_network()
    assert app.ssh(["hostname"]).stdout == "app1\n"


def test_a_slow_network_is_slow(app: Host) -> None:
    half_a_megabyte = ["head", "-c", "500000", "/dev/zero"]
    app.slow_network(kilobits=2000)
    started = time.monotonic()
    app.ssh(half_a_megabyte)
    slow = time.monotonic() - started
    app.restore_network()
    assert slow > 1.5, "500 kB at 2 Mbit/s take 2 s"


def test_a_process_is_killed_by_the_number_that_the_host_gives_it(app: Host) -> None:
    app.run(["systemd-run", "--unit=lab-victim", "sleep", "600"])
    app.kill(int(app.run(["systemctl", "show", "-P", "MainPID", "lab-victim"]).stdout))
    deadline = time.monotonic() + 5
    while app.run(["systemctl", "is-active", "lab-victim"], check=False).stdout == "active\n":
        assert time.monotonic() < deadline
    assert app.run(["systemctl", "show", "-P", "Result", "lab-victim"]).stdout == "signal\n"
    app.run(["systemctl", "reset-failed", "lab-victim"])


def test_a_disk_fills_up_with_its_owner_mode_and_content_kept(app: Host) -> None:
    app.run(["install", "-d", "-o", "ops", "-m", "0750", "/srv/small"])
    app.write("/srv/small/there", "before\n")
    app.limit_disk("/srv/small", megabytes=2)
    assert app.ssh(["stat", "-c", "%U %a", "/srv/small"]).stdout == "ops 750\n"
    assert app.read("/srv/small/there") == "before\n"

    app.fill_disk("/srv/small", leave_kilobytes=64)
    big = ["head", "-c", "200000", "/dev/zero"]
    assert "No space left" in app.ssh(["sh", "-c", f"{' '.join(big)} > /srv/small/big"], check=False).stderr
    app.run(["rm", "/srv/small/big"])
    app.empty_disk("/srv/small")
    app.ssh(["sh", "-c", f"{' '.join(big)} > /srv/small/big"])

    app.unlimit_disk("/srv/small")
    assert app.ssh(["ls", "/srv/small"]).stdout == "there\n"


def test_the_machines_own_disk_is_never_filled(app: Host) -> None:
    with pytest.raises(LabError, match="limit_disk"):
        app.fill_disk("/srv")


def test_files_and_folders_are_copied_both_ways(app: Host, tmp_path: Path) -> None:
    source = tmp_path / "in"
    (source / "deep").mkdir(parents=True)
    (source / "deep/a file").write_text("content\n")
    app.copy_in(source, "/srv/in")
    assert app.read("/srv/in/deep/a file") == "content\n"
    app.copy_out("/srv/in/", tmp_path / "out")
    assert (tmp_path / "out/deep/a file").read_text() == "content\n"


def test_debian_13_boots_as_well(make_lab: Callable[..., Lab]) -> None:
    host = make_lab().add_host("newer", suite="trixie")
    host.boot()
    assert host.system_state() == "running", host.run(["systemctl", "--failed", "--no-legend"]).stdout
    host.start("postgresql.service", "nginx.service")
    assert host.ssh(["python3", "-c", "import sys; print(sys.version_info[:2])"]).stdout == "(3, 13)\n"
    assert host.ssh(["runuser", "-u", "postgres", "--", "psql", "-At", "-c", "show server_version_num"]).stdout > "17"


def test_pm2_of_npm_keeps_a_process_alive(make_lab: Callable[..., Lab]) -> None:
    host = make_lab().add_host("manager", layers=["pm2"])
    host.boot()
    start = ["pm2", "start", "--interpreter", "none", "--name", "sleeper", "/usr/bin/sleep", "--", "600"]
    host.ssh(start)
    first = int(host.ssh(["pm2", "pid", "sleeper"]).stdout)
    host.kill(first)
    deadline = time.monotonic() + 10
    while host.ssh(["pm2", "pid", "sleeper"]).stdout.strip() in ("", "0", str(first)):
        assert time.monotonic() < deadline, "pm2 did not start it again"
    assert host.ssh(["runuser", "-u", "ops", "--", "pm2", "--version"]).stdout.strip().endswith("7.0.4")
