"""Are times that can never fit refused before anything is begun, with their numbers?"""

from __future__ import annotations

from typing import Any

import pytest
from ansible.module_utils.namaskah_host import bounds
from ansible.module_utils.namaskah_host.contract import Contract

from tests.support.contracts import contract

FLEET = {"step_timeout": 120, "host_seconds": 5, "hosts": 2}


def told(fleet: dict[str, Any] | None = None, preset: str = "plain", **words: Any) -> list[str]:
    services = {
        "web": {"command": ["web"], "listen": "socket", "overlap": True, "health": {}, **words.pop("web", {})},
        "worker": {"command": ["worker"], **words.pop("worker", {})},
        "beat": {"command": ["beat"]},
    }
    made = Contract(contract({"services": services}, preset=preset, **words))
    return [f"{why} -> {remedy}" for name, why, remedy in bounds.examine(made, FLEET if fleet is None else fleet)]


def test_what_is_agreed_by_default_fits() -> None:
    assert told() == []
    assert told({}) == [], "bounds that nobody gave bound nothing"


@pytest.mark.fault("times that cannot fit", ends="refused")
def test_a_worker_that_stops_slowly_fits_neither_into_the_step_nor_into_the_time_to_confirm() -> None:
    step, confirm = told(worker={"stop_timeout": 600})
    armed = "worker stop_timeout 600 + beat stop_timeout 30 + namaskah_settle 6), and"
    assert step.startswith(f"a switch may take 672 s (web boot_timeout 30 + namaskah_settle 6 + {armed}")
    assert "namaskah_step_timeout ends it after 120 s" in step
    assert "set namaskah_step_timeout above 672" in step
    assert "or lower the worker stop_timeout" in step
    assert confirm.startswith(f"a switch may take 636 s ({armed}")
    assert "return after 190 s" in confirm
    assert told({**FLEET, "step_timeout": 700}, worker={"stop_timeout": 600}, confirm_timeout=900) == []


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ({"web": {"boot_timeout": 200}}, ["web boot_timeout 200 + namaskah_settle 6 + worker"]),
        (
            {"web": {"boot_timeout": 200}, "switch": "restart"},
            ["namaskah_step_timeout ends it after 120 s", "namaskah_confirm_timeout lets"],
        ),
        # Each fits alone, and what a switch does one after the other does not.
        ({"web": {"boot_timeout": 40}, "worker": {"stop_timeout": 45}}, ["a switch may take 127 s"]),
        ({"web": {"stop_timeout": 60, "boot_timeout": 90}, "switch": "restart"}, ["web boot_timeout 90"]),
        ({"switch": "restart", "web": {"stop_timeout": 100}}, ["web stop_timeout 100 + worker stop_timeout 30"]),
        ({"preset": "asgi", "migrate_lock_timeout": 1000}, ["namaskah_migrate_lock_timeout"]),
    ],
)
def test_each_bound_is_named(words: dict[str, Any], named: list[str]) -> None:
    found = told(**words)
    assert len(found) >= len(named)
    for name in named:
        assert any(name in line for line in found), found


def test_who_waits_for_the_switch_waits_as_long_as_one_may_take() -> None:
    """Recovery would give up beside a worker that is stopped in its own time."""
    services = {"worker": {"command": ["worker"], "stop_timeout": 600}}
    assert bounds.waiting(Contract(contract({"services": services}))) == 600 + 30 + 2 * 6
    assert bounds.waiting(Contract(contract({"services": {}}))) == bounds.LOCK
