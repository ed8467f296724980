"""Does pm2 run the services of the live release?"""

from __future__ import annotations

import json
from typing import Any

import pytest
from testinfra.host import Host

from .facts import Live, other_instance, output

pytestmark = pytest.mark.applies(when=lambda contract: contract["process_manager"] == "pm2")


@pytest.fixture(scope="module")
def known(host: Host, contract: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """What the daemon of the application's user knows, by name."""
    printed = output(host, "sudo -n -H -u %s /usr/local/bin/pm2 jlist", contract["app_user"])
    entries = json.loads(printed[printed.find("[{") :]) if "[{" in printed else []
    return {entry["name"]: entry for entry in entries}


def test_the_live_services_run(contract: dict[str, Any], live: Live, known: dict[str, dict[str, Any]]) -> None:
    """Online, with a process; `online` alone would prove little."""
    for name in live.services:
        entry = known.get(f"{contract['app']}-{name}-{live.instance}")
        assert entry, f"pm2 does not know {contract['app']}-{name}-{live.instance}"
        assert entry["pm2_env"]["status"] == "online", f"{entry['name']} is {entry['pm2_env']['status']}"
        assert entry["pid"] > 0


def test_a_release_under_judgement_was_never_restarted(
    contract: dict[str, Any], live: Live, known: dict[str, dict[str, Any]]
) -> None:
    """A restart within the first minutes is a crash."""
    for name in live.services:
        entry = known[f"{contract['app']}-{name}-{live.instance}"]
        restarts = entry["pm2_env"]["restart_time"]
        assert live.record["state"] == "live" or restarts == 0, f"{entry['name']} was started again {restarts} times"


def test_what_may_run_once_runs_once(contract: dict[str, Any], live: Live, known: dict[str, dict[str, Any]]) -> None:
    """A service without overlap is gone from the other instance."""
    for name, service in live.services.items():
        entry = known.get(f"{contract['app']}-{name}-{other_instance(live.instance)}")
        running = entry is not None and entry["pm2_env"]["status"] == "online"
        assert service["overlap"] or not running, f"{name} runs on both instances"
