"""Does systemd run the services of the live release, and will it after a reboot?"""

from __future__ import annotations

from typing import Any

import pytest
from testinfra.host import Host

from .facts import Live, other_instance, output

pytestmark = pytest.mark.applies(when=lambda contract: contract["process_manager"] == "systemd")
returns_by_unit = pytest.mark.applies(when=lambda contract: contract["return"] == "systemd")


def properties(host: Host, unit: str) -> dict[str, str]:
    """What systemd knows of a unit."""
    lines = output(host, "systemctl show --no-pager %s", unit).splitlines()
    return dict(line.partition("=")[::2] for line in lines)


def test_the_live_services_run(host: Host, contract: dict[str, Any], live: Live) -> None:
    """As the application's user, from the folder of the instance, with a main process."""
    for name in live.services:
        unit = f"{contract['app']}-{name}@{live.instance}.service"
        known = properties(host, unit)
        assert (known["ActiveState"], known["SubState"]) == ("active", "running"), f"{unit} is {known['ActiveState']}"
        assert known["MainPID"] != "0"
        assert known["User"] == contract["app_user"]
        assert known["WorkingDirectory"] == f"{contract['root']}/instances/{live.instance}"
        assert int(known["TimeoutStopUSec"].count("infinity")) == 0, f"{unit} may take for ever to stop"


def test_a_release_under_judgement_was_never_restarted(host: Host, contract: dict[str, Any], live: Live) -> None:
    """A restart within the first minutes is a crash."""
    for name in live.services:
        unit = f"{contract['app']}-{name}@{live.instance}.service"
        restarts = int(properties(host, unit)["NRestarts"])
        assert live.record["state"] == "live" or restarts == 0, f"{unit} was started again {restarts} times"


def test_what_may_run_once_runs_once(host: Host, contract: dict[str, Any], live: Live) -> None:
    """A service without overlap is stopped on the other instance."""
    beside = other_instance(live.instance)
    for name, service in live.services.items():
        if not service["overlap"]:
            unit = f"{contract['app']}-{name}@{beside}.service"
            assert properties(host, unit)["ActiveState"] in {"inactive", "failed"}, f"{unit} runs as well"


def test_instances_do_not_start_by_themselves(host: Host, contract: dict[str, Any], live: Live) -> None:
    """Only the boot unit decides which instance starts."""
    for name in live.services:
        for instance in (live.instance, other_instance(live.instance)):
            unit = f"{contract['app']}-{name}@{instance}.service"
            state = host.run("systemctl is-enabled %s", unit).stdout.strip()
            assert state != "enabled", f"{unit} is enabled: disable it"


@returns_by_unit
def test_the_boot_unit_is_enabled(host: Host, contract: dict[str, Any]) -> None:
    """After a reboot the instance that `current` names is started."""
    assert output(host, "systemctl is-enabled %s", f"{contract['app']}-boot.service") == "enabled"


@returns_by_unit
def test_the_return_can_be_armed(host: Host, contract: dict[str, Any]) -> None:
    """The unit is known, and the deploy user may start it."""
    unit = f"{contract['app']}-return.service"
    assert properties(host, unit)["LoadState"] == "loaded"
    output(host, "sudo -n -l /usr/bin/systemctl start %s", unit)
