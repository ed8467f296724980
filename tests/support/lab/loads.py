"""Which load do tests put on the lab's hosts while something happens to them?"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from tests.support.lab.application import API_TOKEN, Application
from tests.support.lab.host import Host
from tests.support.load import DASHBOARD, PROFILES, Load, Rates, Report, Settings, resolve_target

# Two cores also carry the hosts and the controller, and a request costs a login at the database: beside other suites
# more of them only measure how busy the machine is. Five a second of every kind, beside WebSockets that stay open, see
# each gap that a restart makes (test_release.py); the soak asks more often.
LIGHT = Rates(get=1.5, keepalive=1.5, payment=1, slow=0.3, static=0.7)
RATE = 8  # requests a second on each host, where the load itself is what a test is about


def load_on(host: Host) -> Load:
    """Return a light load on one host's own front."""
    target = resolve_target(f"http://{host.address}", host.address, allow=(f"{host.address}/32",))
    settings = Settings(target=target, profile=DASHBOARD, token=API_TOKEN, rates=Rates.of_total(RATE), websockets=3)
    return Load(settings)


@contextmanager
def no_request_fails(*hosts: Host) -> Iterator[None]:
    """Ask these hosts all the time; every request has to be answered well."""
    with ExitStack() as stack:
        loads = []
        for host in hosts:
            target = resolve_target(f"http://{host.address}", host.address, allow=(f"{host.address}/32",))
            settings = Settings(target, PROFILES["dashboard"], token=API_TOKEN, rates=LIGHT, websockets=2, seconds=900)
            loads.append(stack.enter_context(Load(settings)))
        yield
        time.sleep(1)
    for load in loads:
        assert load.report is not None
        assert load.report.failed == 0, str(load.report)


def under_load(
    application: Application, work: Callable[[Load, Load], None], rates: Rates | None = None, seconds: float = 1800
) -> list[Report]:
    """Put load on each host's own front while `work` is done; return the reports."""
    loads = []
    for host in application.lab.group("app"):
        target = resolve_target(f"http://{host.address}", host.address, allow=(f"{host.address}/32",))
        wanted = rates or Rates.of_total(RATE)
        settings = Settings(target, DASHBOARD, token=API_TOKEN, rates=wanted, websockets=5, seconds=seconds)
        loads.append(Load(settings))
    with loads[0], loads[1]:
        work(loads[0], loads[1])
    return [load.report for load in loads if load.report is not None]
