"""Does systemd run the services of the live release, and will it after a reboot?"""

from __future__ import annotations

from typing import Any

import pytest
from testinfra.host import Host

from .facts import INSTANCES, Live, other_instance, output

pytestmark = pytest.mark.applies(when=lambda contract: contract["process_manager"] == "systemd")
returns_by_unit = pytest.mark.applies(when=lambda contract: contract["return"] == "systemd")


@pytest.fixture(scope="module")
def units(host: Host, contract: dict[str, Any], live: Live) -> dict[tuple[str, str], dict[str, str]]:
    """What systemd knows of each service on each instance."""
    pairs = [(name, instance) for name in live.services for instance in INSTANCES]
    names = [f"{contract['app']}-{name}@{instance}.service" for name, instance in pairs]
    blocks = output(host, "systemctl show --no-pager --" + " %s" * len(names), *names).split("\n\n")
    return {
        pair: dict(line.partition("=")[::2] for line in block.split("\n"))
        for pair, block in zip(pairs, blocks, strict=True)
    }


def test_the_live_services_run(
    contract: dict[str, Any], live: Live, units: dict[tuple[str, str], dict[str, str]]
) -> None:
    """As the application's user, from the folder of the instance, with a main process and a bounded end."""
    for name in live.services:
        known = units[name, live.instance]
        unit = known["Id"]
        assert (known["ActiveState"], known["SubState"]) == ("active", "running"), f"{unit} is {known['ActiveState']}"
        assert known["MainPID"] != "0", f"{unit} has no main process"
        assert known["User"] == contract["app_user"], f"{unit} runs as {known['User']}"
        folder = f"{contract['root']}/instances/{live.instance}"
        assert known["WorkingDirectory"] == folder, f"{unit} works in {known['WorkingDirectory']}"
        assert known["TimeoutStopUSec"] != "infinity", f"{unit} may take for ever to stop"


def test_a_release_under_judgement_was_never_restarted(
    live: Live, units: dict[tuple[str, str], dict[str, str]]
) -> None:
    """A restart within the first minutes is a crash."""
    for name in live.services:
        restarts = int(units[name, live.instance]["NRestarts"])
        assert live.record["state"] == "live" or restarts == 0, f"{name} was started again {restarts} times"


def test_what_may_run_once_runs_once(live: Live, units: dict[tuple[str, str], dict[str, str]]) -> None:
    """A service without overlap is stopped on the other instance."""
    for name, service in live.services.items():
        state = units[name, other_instance(live.instance)]["ActiveState"]
        assert service["overlap"] or state in {"inactive", "failed"}, f"{name} is {state} on the other instance as well"


def test_instances_do_not_start_by_themselves(units: dict[tuple[str, str], dict[str, str]]) -> None:
    """Only the boot unit decides which instance starts."""
    for known in units.values():
        assert known["LoadState"] == "loaded", f"{known['Id']} is {known['LoadState']}: provision the host"
        assert known["UnitFileState"] != "enabled", f"{known['Id']} is enabled: disable it"


@returns_by_unit
def test_the_boot_unit_is_enabled(host: Host, contract: dict[str, Any]) -> None:
    """After a reboot the instance that `current` names is started."""
    assert output(host, "systemctl is-enabled %s", f"{contract['app']}-boot.service") == "enabled"


@returns_by_unit
def test_the_return_can_be_armed(host: Host, contract: dict[str, Any]) -> None:
    """The unit is known, and the deploy user may start it."""
    unit = f"{contract['app']}-return.service"
    assert output(host, "systemctl show --property=LoadState %s", unit) == "LoadState=loaded"
    output(host, "sudo -n -l /usr/bin/systemctl start %s", unit)
