"""Does a service that only speaks TCP move without a failed request, and does nginx's line follow every way back?

The ledger on two ports, each host with nginx before it. The hosts are as somebody left them: all of it has to go well
with such habits.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.support.lab.application import API_TOKEN, Application
from tests.support.lab.habits import GREETING, LOCALE
from tests.support.lab.host import Host
from tests.support.lab.interrupted import kill_all, settled, wait_until
from tests.support.lab.kept import Fleet, KeptApplication, begun
from tests.support.lab.loads import LIGHT
from tests.support.lab.times import QUICK, SETTLE, USUAL
from tests.support.load import PROFILES, Load, Settings, resolve_target

pytestmark = pytest.mark.lab

FRONT = 8080
PORTS = {"blue": 8201, "green": 8202}
COMMAND = ["{venv}/bin/uvicorn", "ledger.main:app", "--workers", "2", "--host", "127.0.0.1", "--port", "{port}"]
ALLOWED = ["-e", '{"namaskah_allow": ["bad-release"]}']
BROKEN_SITE = "/etc/nginx/conf.d/broken.conf"


@pytest.fixture(scope="module")
def ledger(lab_machine: None) -> Iterator[Application]:  # noqa: ARG001 - asked for its effect
    """The ledger with its web service on two ports, v1.0.0 live."""
    web = {"command": COMMAND, "listen": "port", "ports": PORTS, "overlap": True, "health": {"path": "/healthz"}}
    variables = {
        "namaskah_service_defaults": QUICK,
        "namaskah_services": {"web": web},
        "namaskah_settle": SETTLE,
        "provision_http_port": FRONT,
        "backup_static": True,
    }
    with begun(Fleet("ports", {"ledger": variables}, as_found=True), KeptApplication) as applications:
        yield applications["ledger"]


def load_on(host: Host) -> Load:
    """Return a light load through one host's own nginx."""
    target = resolve_target(f"http://{host.address}:{FRONT}", host.address, allow=(f"{host.address}/32",))
    return Load(Settings(target, PROFILES["ledger"], token=API_TOKEN, rates=LIGHT, websockets=2, seconds=900))


def told(application: Application, host: Host) -> str:
    """Return the line by which nginx knows where to go."""
    return host.read(f"{application.root}/front/web.upstream")


def agrees(application: Application, host: Host) -> None:
    """Assert that nginx's line names the instance of `current`, and that this is what answers."""
    instance = host.run(["readlink", f"{application.root}/current/run"]).stdout.strip().rpartition("/")[2]
    assert told(application, host) == f"server 127.0.0.1:{PORTS[instance]};\n"
    answer = host.run(["curl", "-sf", "--max-time", "10", f"http://127.0.0.1:{FRONT}/healthz"]).stdout
    assert application.record(host.name)["id"] in answer


@pytest.mark.fault("habits of a host", ends="new release", where="each host of a fleet")
def test_the_hosts_are_as_they_were_found(ledger: Application) -> None:
    """Nothing has mended their habits: each is still there after provisioning and a release."""
    for host in ledger.lab.hosts.values():
        sudo = host.ssh(["sudo", "-n", "true"], user="ops", check=False)
        assert "unable to resolve host" in sudo.stderr, sudo
        assert f"{LOCALE}" in host.ssh(["locale"], user="ops").stdout
        assert host.run(["date", "+%z"]).stdout.strip() == "+0530"
        assert "noexec" in host.run(["findmnt", "-no", "OPTIONS", "/tmp"]).stdout  # noqa: S108 - its usual name
    for host in ledger.lab.group("app"):
        said = host.ssh(["sh", "-c", "umask; getent ahosts localhost"], user="deploy")
        assert GREETING in said.stdout
        assert "0077" in said.stdout.split()
        assert said.stdout.index("::1") >= 0
        assert "old.example" in host.run(["nginx", "-T"]).stdout


@pytest.mark.fault("release: websocket refused", ends="returned", where="service on a port")
def test_ports_switch_return_and_roll_back_without_a_failed_request(ledger: Application) -> None:
    """Deploy, a release that fails after its switch and returns, and a rollback, under load on both hosts."""
    hosts = ledger.lab.group("app")
    with ExitStack() as stack:
        loads = [stack.enter_context(load_on(host)) for host in hosts]
        before = ledger.record(hosts[0].name)["id"]
        done = ledger.deploy("v1.1.0")
        assert done.returncode == 0, done.stdout[-6000:]
        packed = hosts[0].run(["sh", "-c", f"for one in {ledger.root}/backups/*/files.tar.gz; do tar -tf $one; done"])
        assert f"static-files-of-{before}/" in packed.stdout
        assert "backups" not in hosts[1].run(["ls", ledger.root]).stdout.split(), "one host is enough"
        done = ledger.cli("lab", "--ref", "broken-websocket", "--yes")
        assert done.returncode == 3, done.stdout + done.stderr
        assert set(ledger.live_tags().values()) == {"v1.1.0"}
        done = ledger.rollback("v1.0.0")
        assert done.returncode == 0, done.stdout[-6000:]
        wait_until(lambda: all(settled(ledger, host) for host in hosts), 60)
        time.sleep(1)
    for host, load in zip(hosts, loads, strict=True):
        agrees(ledger, host)
        assert load.report is not None
        assert load.report.failed == 0, str(load.report)
        assert len(load.report.release_counts) >= 3, "all three must have served"


@pytest.mark.fault("front: configuration broken", ends="returned", where="between preflight and the switch")
def test_a_configuration_that_nginx_refuses_stops_the_switch(ledger: Application) -> None:
    """Broken by somebody else after preflight: nothing moves, the old line stands. Broken before: preflight says so."""
    before = ledger.live_tags()
    first, second = ledger.lab.group("app")
    running = ledger.start_cli("deploy", "lab", "--ref", "v1.1.0", "--yes")
    ledger.await_act(second, "lease taken", running)
    second.write(BROKEN_SITE, "this is no configuration;\n")
    output = ledger.end(running)
    try:
        assert running.returncode == 3, output
        assert "nginx" in output
        assert ledger.live_tags() == before
        for host in (first, second):
            wait_until(lambda host=host: settled(ledger, host), 60)  # type: ignore[misc]
            agrees(ledger, host)
        refused = ledger.cli("lab", "--ref", "v1.1.0", "--yes")
        assert refused.returncode == 1, refused.stdout + refused.stderr
        assert "could not reload nginx" in refused.stderr
    finally:
        second.run(["rm", "-f", BROKEN_SITE])


def test_a_line_changed_by_hand_is_seen_and_mended(ledger: Application) -> None:
    """`status` names it, `recover` puts it right and reloads."""
    host = ledger.lab.group("app")[0]
    wrong = next(f"server 127.0.0.1:{port};\n" for port in PORTS.values() if str(port) not in told(ledger, host))
    host.write(f"{ledger.root}/front/web.upstream", wrong)
    host.run(["chown", "deploy:deploy", f"{ledger.root}/front/web.upstream"])
    seen = json.loads(ledger.cli("status", "lab", "--json").stdout)
    assert any(wrong.strip() in line for line in seen["hosts"][host.name]["drift"]), seen
    done = ledger.cli("recover", "lab", "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    agrees(ledger, host)


@pytest.mark.fault("controller killed", ends="returned", where="service on a port, switched")
def test_the_hosts_own_program_brings_the_line_back(ledger: Application) -> None:
    """The controller is killed when both have switched: one host is rebooted, the other returns at its deadline."""
    before = ledger.live_tags()
    first, second = ledger.lab.group("app")
    ledger.write(namaskah_confirm_timeout=25, namaskah_wave_seconds=1, namaskah_host_seconds=0, namaskah_lease_ttl=5)
    try:
        with load_on(first) as load:
            running = ledger.start_cli("deploy", "lab", "--ref", "v1.1.0", "--yes")
            ledger.await_act(second, "switched", running)
            kill_all(running)
            wait_until(lambda: ledger.record(first.name)["tag"] == "v1.1.0", 60)
            second.reboot(hard=True)
            wait_until(lambda: settled(ledger, first) and settled(ledger, second), 120)
        assert load.report is not None
        assert load.report.failed == 0, str(load.report)
    finally:
        ledger.write(**USUAL)
    assert ledger.live_tags() == before
    for host in (first, second):
        wait_until(lambda host=host: settled(ledger, host), 60)  # type: ignore[misc]
        agrees(ledger, host)
