"""Does a fleet behind a balancer fail no request, also in the mode that has a gap on each host?"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import psutil
import pytest

from tests.support.lab.application import API_TOKEN, Application
from tests.support.lab.balancers import Balanced
from tests.support.load import DASHBOARD, Load, Rates, Report, Settings, resolve_target

pytestmark = [pytest.mark.lab, pytest.mark.soak]

RATE = 25
KINDS = ("haproxy", "nginx")
GAPPED = {"namaskah_switch": "restart"}  # the mode with a gap on each host
AS_BEFORE = {"namaskah_switch": "overlap", "namaskah_waves": "100%", "balancer_kind": "none"}


@pytest.fixture(scope="module")
def balanced(dashboard: Application) -> Iterator[Balanced]:
    """The dashboard's two hosts behind a third with HAProxy and nginx; afterwards the fleet is as before."""
    lab = dashboard.lab
    host = lab.add_host("lb1", group="balancer")
    lab.boot(host)
    dashboard.write()
    yield Balanced(dashboard, host)
    dashboard.write(**AS_BEFORE)


def under_load(balanced: Balanced, kind: str, work: Callable[[Load], None], websockets: int = 10) -> Report:
    """Put load on the balancer while `work` is done; return what clients saw."""
    target = resolve_target(balanced.url(kind), balanced.host.address, allow=(f"{balanced.host.address}/32",))
    settings = Settings(target=target, profile=DASHBOARD, token=API_TOKEN, rates=Rates.of_total(RATE),
                        websockets=websockets, seconds=1800)  # fmt: skip
    with Load(settings) as load:
        work(load)
    assert load.report is not None
    return load.report


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("switch", ["restart", "overlap"])
def test_a_release_fails_no_request_behind_a_balancer(balanced: Balanced, kind: str, switch: str) -> None:
    """Release, failed release and rollback, one host after the other; only plain restarts need a host to leave."""
    application = balanced.application
    if set(application.live_tags().values()) != {"v1.0.0"}:
        assert application.deploy("v1.0.0").returncode == 0
    balanced.use(kind, namaskah_switch=switch)

    def work(load: Load) -> None:
        load.mark("release")
        done = application.deploy("v1.1.0")
        assert done.returncode == 0, done.stdout[-6000:]
        assert set(application.live_tags().values()) == {"v1.1.0"}
        load.mark("failed release")
        done = application.deploy("broken-start")
        assert done.returncode != 0
        assert set(application.live_tags().values()) == {"v1.1.0"}
        load.mark("rollback")
        done = application.rollback("v1.0.0")
        assert done.returncode == 0, done.stdout[-6000:]
        assert set(application.live_tags().values()) == {"v1.0.0"}

    report = under_load(balanced, kind, work)
    print(kind, switch, report)
    assert report.failed == 0, str(report)
    assert report.websockets.closed > 0
    assert report.websockets.share_back >= 0.999, str(report)
    assert set(report.websockets.codes) == {"1012"}, str(report)
    for host in application.lab.group("app"):
        left = host.read("/srv/dashboard/journal.jsonl").count('"act": "left the balancer"')
        back = host.read("/srv/dashboard/journal.jsonl").count('"act": "back in the balancer"')
        assert left == back
        assert left > 0 or switch == "overlap"
        assert host.run(["test", "-e", "/srv/dashboard/drain.json"], check=False).returncode == 1


def kill_tree(pid: int) -> None:
    """End a command line with everything it started, as a power cut of the controller would."""
    whole = psutil.Process(pid)
    for process in [whole, *whole.children(recursive=True)]:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()


def test_a_killed_run_leaves_a_host_that_says_so_and_recover_puts_it_back(balanced: Balanced) -> None:
    """The host is out of the balancer, and nobody is left who would put it back."""
    application = balanced.application
    first = application.lab.group("app")[0]
    balanced.use("haproxy", **GAPPED)
    running = application.start_cli("deploy", "lab", "--ref", "v1.1.0", "--yes")
    application.await_act(first, "left the balancer", running)
    kill_tree(running.pid)
    running.communicate(timeout=60)
    assert f"{application.sample},{first.name}" in balanced.haproxy("show stat")
    assert "DRAIN" in balanced.haproxy("show stat")
    said = application.cli("status", "lab").stdout
    assert f"{first.name}: out of its balancer" in said
    done = application.cli("recover", "lab", "--yes", "--allow", "take-over")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "DRAIN" not in balanced.haproxy("show stat")
    assert "out of its balancer" not in application.cli("status", "lab").stdout
    assert set(application.live_tags().values()) == {"v1.0.0"}
