"""What do the lab's tests share? The lab itself, and a fleet that an application was released to.

Where no lab can be had, tests that ask for one are skipped with the reason; with CI=true in the
environment its absence is a failure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.support.lab.application import Application
from tests.support.lab.guarded import guarded, guarded_fleet
from tests.support.lab.kept import Fleet, KeptApplication, begun
from tests.support.lab.lab import Lab
from tests.support.lab.production_set import add_production_set, start_services
from tests.support.lab.times import QUICK, SETTLE, SHORT, USUAL

__all__ = ["guarded", "guarded_fleet"]  # fixtures


@pytest.fixture(scope="session")
def lab(lab_machine: None) -> Iterator[Lab]:  # noqa: ARG001 - asked for its effect
    """The production-like set (app1, app2, db1), booted once for all tests; it keeps what tests do to it."""
    with Lab.create() as lab:
        add_production_set(lab)
        yield lab


@pytest.fixture
def fresh_lab(lab: Lab) -> Lab:
    """The same set with every host as new and its services running (costs about three seconds)."""
    lab.reset()
    for host in lab.hosts.values():
        start_services(host)
    return lab


@pytest.fixture
def make_lab(lab_machine: None) -> Iterator[Callable[..., Lab]]:  # noqa: ARG001 - asked for its effect
    """Make labs of a test's own: takes the arguments of `Lab.create`; they end with the test."""
    with ExitStack() as labs:
        yield lambda *words, **options: labs.enter_context(Lab.create(*words, **options))


@pytest.fixture(scope="session")
def dashboard_fleet(lab_machine: None) -> Iterator[Application]:  # noqa: ARG001 - asked for its effect
    """The dashboard on two hosts of its own lab, provisioned, v1.0.0 released once."""
    fleet = Fleet("dashboard", {"dashboard": {"namaskah_service_defaults": QUICK, "namaskah_settle": SETTLE}})
    with begun(fleet, KeptApplication) as applications:
        yield applications["dashboard"]


@pytest.fixture(scope="module")
def dashboard(dashboard_fleet: Application) -> Application:
    """The fleet, with v1.0.0 live as each file begins; tests leave it with both hosts equal."""
    dashboard_fleet.have_live("v1.0.0")
    return dashboard_fleet


@pytest.fixture
def quick(dashboard: Application) -> Iterator[Application]:
    """The fleet with short promises, so that a test need not wait for long ones; v1.0.0 is live."""
    dashboard.write(**SHORT)
    dashboard.have_live("v1.0.0")
    yield dashboard
    dashboard.write(**USUAL)
