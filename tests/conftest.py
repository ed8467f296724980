"""What every suite shares: Ansible's import names for our role code, which tests run here, minutes of each suite."""

from __future__ import annotations

import gc
import os
import sys
from typing import Any

import ansible.module_utils
import pytest

from tests.support import default_run, grouping, stamps
from tests.support.absence import report_absence
from tests.support.faults import plugin as faults
from tests.support.lab import capabilities
from tests.support.minutes import SuiteMinutes
from tests.support.project import ROOT

LAB_REASON = "the lab of real hosts needs root on Linux"


def _name_role_code_as_ansible_does() -> None:
    """Make roles' `module_utils` and modules importable under the names that they have when Ansible runs them."""
    ansible.module_utils.__path__.extend(str(path) for path in sorted(ROOT.glob("roles/*/module_utils")))
    sys.path.extend(str(path) for path in sorted(ROOT.glob("roles/*/library")))


_name_role_code_as_ansible_does()


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(SuiteMinutes(), "namaskah-suite-minutes")
    config.pluginmanager.register(faults, "namaskah-faults")
    config.pluginmanager.register(stamps.Telling(), "namaskah-stamps")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave long counts to their own commands; without root leave the lab out, visibly, which CI does not."""
    for item in items:
        if grouping.left_to_soak(item.nodeid):
            item.add_marker(pytest.mark.soak)
    stamps.leave_to_soak(config, items)
    default_run.note_kinds(config, items)
    chosen = config.getoption("-m")
    unwanted = [mark for mark in default_run.NOT_BY_DEFAULT if mark not in chosen]
    dropped = [item for item in items if any(item.get_closest_marker(mark) for mark in unwanted)]
    if dropped:
        config.hook.pytest_deselected(items=dropped)
        gone = set(dropped)
        items[:] = [item for item in items if item not in gone]
    if hasattr(config, "workerinput"):  # set by pytest-xdist in its workers
        grouping.order(items)
    if os.geteuid() != 0 and os.environ.get("CI") != "true":
        for item in items:
            if item.get_closest_marker("lab"):
                item.add_marker(pytest.mark.skip(reason=LAB_REASON))


def pytest_collection_finish() -> None:
    """Have the collector of garbage never look again at what lasts as long as the session."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> grouping.GroupScheduling:
    """Keep tests that share hosts with one worker."""
    return grouping.scheduler(config, log)


@pytest.fixture(scope="session")
def lab_machine() -> None:
    """Fail or skip the test unless this machine can carry a lab."""
    reason = capabilities.missing()
    if reason:
        report_absence(f"no lab: {reason}")
