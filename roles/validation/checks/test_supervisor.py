"""Does supervisord run the services of the live release?"""

from __future__ import annotations

from typing import Any

import pytest
from testinfra.host import Host

from .facts import Live, other_instance, said

pytestmark = pytest.mark.applies(when=lambda contract: contract["process_manager"] == "supervisor")


@pytest.fixture(scope="module")
def states(host: Host, contract: dict[str, Any]) -> dict[str, str]:
    """Program -> state. The exit status of `status` is 3 as soon as one program does not run, so it says nothing."""
    done = said(host, "%s -c %s status", contract["supervisor_control"], contract["supervisor_config"])
    lines = [line.split() for line in done.stdout.splitlines()]
    states = {words[0]: words[1] for words in lines if len(words) > 1}
    assert any("-" in name for name in states), f"supervisord does not answer: {done.stdout[:200]} {done.stderr[:200]}"
    return states


def test_the_live_services_run(live: Live, states: dict[str, str]) -> None:
    """Every one of them."""
    found = {name: states.get(f"{name}-{live.instance}") for name in live.services}
    assert found == dict.fromkeys(live.services, "RUNNING")


def test_what_may_run_once_runs_once(live: Live, states: dict[str, str]) -> None:
    """A service without overlap is stopped on the other instance."""
    for name, service in live.services.items():
        state = states.get(f"{name}-{other_instance(live.instance)}", "STOPPED")
        assert service["overlap"] or state not in {"RUNNING", "STARTING"}, f"{name} runs on both instances"
