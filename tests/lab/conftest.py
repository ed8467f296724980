"""Registers the lab's fixtures for its own tests, and a fleet that an application was released to."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.lab import kept
from tests.support.lab.application import Application
from tests.support.lab.fixtures import fresh_lab, lab, lab_machine, make_lab
from tests.support.lab.guarded import guarded, guarded_fleet

__all__ = ["dashboard", "fresh_lab", "guarded", "guarded_fleet", "lab", "lab_machine", "make_lab"]

# How services behave in a test: connections are drained for five seconds.
QUICK = {
    "listen": "none",
    "ports": {},
    "overlap": False,
    "health": {},
    "boot_timeout": 60,
    "stop_timeout": 30,
    "drain": 5,
}


# What dies late is a case of test_outcomes.py, which waits longer for it; here each release would wait for nothing.
SETTLE = 3


@pytest.fixture(scope="session")
def dashboard_fleet(lab_machine: None) -> Iterator[Application]:  # noqa: ARG001 - asked for its effect
    """The dashboard on two hosts of its own lab, provisioned, v1.0.0 released once."""
    variables = {"namaskah_service_defaults": QUICK, "namaskah_settle": SETTLE}
    with kept.released("dashboard", variables) as application:
        yield application


@pytest.fixture(scope="module")
def dashboard(dashboard_fleet: Application) -> Application:
    """The fleet, with v1.0.0 live as each file begins; tests leave it with both hosts equal."""
    dashboard_fleet.have_live("v1.0.0")
    return dashboard_fleet
