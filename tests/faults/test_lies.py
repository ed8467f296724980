"""Can a host that lies about its own switch make a release final on another one, within a run or after it?"""

from __future__ import annotations

import contextlib
import json
import socket

import pytest
from ansible.module_utils.namaskah_host import journal, switch

from namaskah_deploy.outcome import Code
from tests.support.faults.fleet import NAMES, Fleet, await_true

LIAR, OTHER = NAMES


def acts(fleet: Fleet, host: str) -> list[str]:
    return [record["act"] for record in journal.read(fleet.hosts[host].contract.root / "journal.jsonl")]


def lie(fleet: Fleet, *lies: str) -> None:
    """Write into the liar's journal what its switch would have come to, as a continued chain."""
    contract = fleet.hosts[LIAR].contract
    found = switch.read(contract)
    assert found
    for act in lies:
        journal.append(contract.root / "journal.jsonl", {"act": act, "run": found.run, "by": "", "host": LIAR})


@pytest.mark.fault("host lies", ends="returned")
def test_no_host_is_made_final_by_the_word_of_another(fleet: Fleet) -> None:
    """First while a run brings its hosts back, then when `recover` finds them as a killed controller left them."""
    first = fleet.hosts[LIAR]
    old = first.commit("good")
    assert fleet.run("deploy", "small", "--ref", old) == 0, fleet.said()
    idle = str(fleet.hosts[OTHER].contract.runtime_of("green") / "web.sock")
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as squatter:  # which keeps the second host from its switch
        squatter.bind(idle)
        squatter.listen()
        running = fleet.start("deploy", "small", "--ref", first.commit("good"))
        assert await_true(lambda: acts(fleet, LIAR).count("switched") > 1, running)
        lie(fleet, switch.ASKED, "confirmed")
        assert running.wait(timeout=300) == Code.RETURNED, fleet.said()
    assert {fleet.live(name) for name in NAMES} == {old}

    before = acts(fleet, OTHER).count("switched")
    running = fleet.start("deploy", "small", "--ref", first.commit("good"))
    assert await_true(lambda: acts(fleet, OTHER).count("switched") > before, running)
    fleet.kill_controller(running, modules=True)
    found = switch.read(first.contract)
    assert found
    line = {"seq": 1, "previous": "0" * 64, "time": "", "act": "confirmed", "run": found.run, "by": "", "host": LIAR}
    with (first.contract.root / "journal.jsonl").open("a") as stream:
        stream.write(json.dumps(line) + "\n")
    assert fleet.run("recover", "small") == 0, fleet.said()
    assert f"{LIAR}: no other host follows its confirmation: the chain of its journal breaks at" in fleet.said()
    assert {fleet.live(name) for name in NAMES} == {old}
    assert fleet.run("status", "small") == Code.CHECKS_FAILED
    assert f"{LIAR}: the chain of its journal breaks at record" in fleet.said()
