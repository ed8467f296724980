"""Is what somebody changes by hand on a real host seen by `status`, and refused by preflight until it is named?"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest

from tests.support.faults.plugin import FaultLog
from tests.support.lab.application import Application
from tests.support.lab.host import Host

pytestmark = pytest.mark.lab

DIFFERENT, DONE = 5, 0
NEXT = "v1.1.0"
SITE = "/etc/nginx/conf.d/namaskah-dashboard.conf"
UNITS = "/etc/systemd/system"
Change = Callable[[Application, Host], Iterator[None]]


@contextmanager
def edited(host: Host, path: str, line: str, *after: str) -> Iterator[None]:
    """A file with one line more, then with its former content and time."""
    kept = f"/root/kept-{path.rpartition('/')[2]}"
    host.run(["cp", "--archive", path, kept])
    host.run(["sh", "-c", f"printf '%s\\n' \"$1\" >> {path}", "sh", line])
    host.run(["sh", "-c", "; ".join(after) or "true"])
    yield
    host.run(["cp", "--archive", kept, path])
    host.run(["systemctl", "daemon-reload"])


def file_of_the_release(application: Application, host: Host) -> Iterator[None]:
    """A hotfix at three in the morning."""
    with edited(host, f"{application.root}/current/manage.py", "# hotfix"):
        yield


def unit_of_a_service(application: Application, host: Host) -> Iterator[None]:
    """A unit that was edited and loaded."""
    del application
    with edited(host, f"{UNITS}/dashboard-web@.service", "# more", "systemctl daemon-reload"):
        yield


def unit_not_loaded(application: Application, host: Host) -> Iterator[None]:
    """A unit that was edited and waits for the next boot."""
    del application
    with edited(host, f"{UNITS}/dashboard-boot.service", "# more"):
        yield


def drop_in(application: Application, host: Host) -> Iterator[None]:
    """A drop-in of a service."""
    del application
    folder = f"{UNITS}/dashboard-web@.service.d"
    host.run(["mkdir", folder])
    host.write(f"{folder}/more.conf", "[Service]\nMemoryMax=4G\n")
    host.run(["systemctl", "daemon-reload"])
    yield
    host.run(["rm", "-r", folder])
    host.run(["systemctl", "daemon-reload"])


def boot_off(application: Application, host: Host) -> Iterator[None]:
    """Nothing would start at the next boot."""
    del application
    host.run(["systemctl", "disable", "dashboard-boot.service"])
    yield
    host.run(["systemctl", "enable", "dashboard-boot.service"])


def site_of_the_front(application: Application, host: Host) -> Iterator[None]:
    """The site of nginx."""
    del application
    with edited(host, SITE, "# more"):
        yield


def sudo_lines(application: Application, host: Host) -> Iterator[None]:
    """A line more in the file of exact sudo lines."""
    del application
    line = "deploy ALL=(root) NOPASSWD: /usr/bin/systemctl restart cron.service"
    with edited(host, "/etc/sudoers.d/namaskah-dashboard", line):
        yield


def current_by_hand(application: Application, host: Host) -> Iterator[None]:
    """`current` names another release than the one that was confirmed."""
    live = application.record(host.name)["id"]
    find = ["sh", "-c", f"ls {application.root}/releases | grep -v {live} | head -1"]
    if not host.run(find).stdout:
        for ref in (NEXT, "v1.0.0"):
            done = application.deploy(ref, "-e", '{"namaskah_allow": ["bad-release"]}')
            assert done.returncode == 0, done.stdout[-4000:]
        live = application.record(host.name)["id"]
    other = host.run(find).stdout.strip()
    host.run(["ln", "-sfn", f"releases/{other}", f"{application.root}/current"])
    yield
    host.run(["ln", "-sfn", f"releases/{live}", f"{application.root}/current"])


def service_stopped(application: Application, host: Host) -> Iterator[None]:
    """A worker that somebody stopped."""
    instance = host.run(["readlink", f"{application.root}/current/run"]).stdout.strip().rpartition("/")[2]
    host.run(["systemctl", "stop", f"dashboard-worker@{instance}.service"])
    yield
    host.run(["systemctl", "start", f"dashboard-worker@{instance}.service"])


def tag_moved(application: Application, host: Host) -> Iterator[None]:
    """The live tag names another commit on the remote."""
    tag = application.record(host.name)["tag"]
    git = ["git", f"--git-dir={application.lab.origin.path('dashboard')}"]
    before = subprocess.run([*git, "rev-parse", f"refs/tags/{tag}"], check=True, capture_output=True, text=True).stdout
    subprocess.run([*git, "update-ref", f"refs/tags/{tag}", "v1.3.0^{commit}"], check=True)
    yield
    subprocess.run([*git, "update-ref", f"refs/tags/{tag}", before.strip()], check=True)


CASES: list[tuple[Change, str, str, str]] = [
    (file_of_the_release, "drift-files", "manage.py was edited", "drift: edited file"),
    (unit_of_a_service, "drift-units", "dashboard-web@.service was edited", "drift: unit changed"),
    (unit_not_loaded, "drift-units", "systemd has not read them", "drift: unit changed"),
    (drop_in, "drift-units", "more.conf was added", "drift: unit drop-in"),
    (boot_off, "drift-units", "nothing would start at a boot", "drift: boot unit off"),
    (site_of_the_front, "drift-front", f"{SITE} was edited", "drift: front changed"),
    (sudo_lines, "drift-rights", "namaskah-dashboard was", "drift: sudoers changed"),
    (current_by_hand, "drift-current", "`current` names", "drift: current moved"),
    (service_stopped, "drift-process", "service worker@", "drift: service stopped"),
    (tag_moved, "drift-tag", "on the remote now", "git: tag moved"),
]
# The release whose files were edited has to stay the one that `current` names.
ALONE = (current_by_hand,)
# Of a disabled unit that does not run systemd has read nothing that could be out of date: it is another host's.
ELSEWHERE = (boot_off,)


def text(done: subprocess.CompletedProcess[str]) -> str:
    """Return all that a command said, in one line."""
    return " ".join((done.stdout + done.stderr).split())


@pytest.fixture(scope="module")
def fleet(dashboard: Application) -> Application:
    """The fleet without any difference."""
    done = dashboard.cli("status", "lab")
    assert done.returncode == DONE, text(done)
    return dashboard


@pytest.mark.parametrize(
    ("change", "name", "told"),
    [
        pytest.param(change, name, told, marks=pytest.mark.fault(kind, ends="refused"), id=change.__name__)
        for change, name, told, kind in CASES
    ],
)
def test_a_change_by_hand_is_seen_and_stops_a_release(fleet: Application, change: Change, name: str, told: str) -> None:
    """`status` says what and where, with exit code 5; a release is refused with the name that overrides it."""
    first = fleet.lab.group("app")[0]
    before = fleet.live_tags()
    with contextmanager(change)(fleet, first):
        seen = fleet.cli("status", "lab")
        assert seen.returncode == DIFFERENT, text(seen)
        assert told in text(seen)
        assert f"[{name}]" in text(seen)
        refused = fleet.cli("deploy", "lab", "--ref", "v1.2.0", "--yes", "--allow", "bad-release")
        assert refused.returncode == 1, text(refused)
        assert told in text(refused)
        assert f"--allow {name}" in text(refused)
    assert fleet.live_tags() == before
    after = fleet.cli("status", "lab")
    assert after.returncode == DONE, text(after)


@pytest.mark.injects(*(kind for change, *_, kind in CASES if change not in ALONE))
def test_all_changes_at_once_are_told_and_each_stops_a_release(fleet: Application, fault_log: FaultLog) -> None:
    """One `status` names every change by its place, one refusal every name that would override it."""
    first, second = fleet.lab.group("app")
    cases = sorted((case for case in CASES if case[0] not in ALONE), key=lambda case: case[0] is unit_not_loaded)
    with ExitStack() as stack:
        for change, *_ in cases:
            stack.enter_context(contextmanager(change)(fleet, second if change in ELSEWHERE else first))
        seen = text(fleet.cli("status", "lab"))
        refused = text(fleet.cli("deploy", "lab", "--ref", "v1.2.0", "--yes", "--allow", "bad-release"))
    for _, name, told, kind in cases:
        assert told in seen, seen
        assert f"[{name}]" in seen
        assert told in refused, refused
        assert name in refused, refused
        fault_log.inject(kind, ends="refused")
    after = fleet.cli("status", "lab")
    assert after.returncode == DONE, text(after)


@pytest.mark.injects("drift: hosts differ")
def test_hosts_that_differ_are_told_and_made_one_by_name(fleet: Application, fault_log: FaultLog) -> None:
    """One host is released alone: the fleet is split, until a release is told to make it one."""
    first = fleet.lab.group("app")[0]
    done = fleet.deploy(NEXT, "--limit", f"{first.name}:database", "-e", '{"namaskah_allow": ["bad-release"]}')
    assert done.returncode == 0, done.stdout[-4000:]
    seen = fleet.cli("status", "lab")
    assert seen.returncode == DIFFERENT, text(seen)
    assert "serve different releases" in text(seen)
    refused = fleet.cli("deploy", "lab", "--ref", "v1.2.0", "--yes", "--allow", "bad-release")
    assert refused.returncode == 1, text(refused)
    assert "[drift-hosts]" in text(refused)
    named = ("--allow", "drift-hosts", "--allow", "bad-release")
    done = fleet.cli("deploy", "lab", "--ref", "v1.0.0", "--yes", *named)
    assert done.returncode == DONE, text(done)
    assert set(fleet.live_tags().values()) == {"v1.0.0"}
    assert fleet.cli("status", "lab").returncode == DONE
    fault_log.inject("drift: hosts differ", ends="new release")
