"""The lab as pytest fixtures; a conftest.py elsewhere takes them with `from tests.support.lab.fixtures import *`.

Where no lab can be had, tests that ask for one are skipped with the reason; with CI=true in the
environment its absence is a failure.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.support.absence import report_absence
from tests.support.lab import capabilities
from tests.support.lab.lab import Lab
from tests.support.lab.production_set import add_production_set, start_services

__all__ = ["fresh_lab", "lab", "lab_machine", "make_lab"]


@pytest.fixture(scope="session")
def lab_machine() -> None:
    """Fail or skip the test unless this machine can carry a lab."""
    reason = capabilities.missing()
    if reason:
        report_absence(f"no lab: {reason}")


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
