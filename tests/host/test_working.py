"""Is work on a host written down, kept under its lease, and found and ended when its run is dead?"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.namaskah_host import journal, lease, workers
from ansible.module_utils.namaskah_host.contract import Contract
from ansible.module_utils.namaskah_host.failure import Failure
from ansible.module_utils.namaskah_host.files import lock, read_json, write_json
from ansible.module_utils.namaskah_host.working import working

from tests.support.waiting import until

PACKAGE = str(Path(lease.__file__).parents[1])
# A module that runs a long command of its own session, as pip is run.
LONG = """
import json, sys
sys.path.insert(0, sys.argv[1])
from namaskah_host import commands, working
from namaskah_host.contract import Contract
contract, run = Contract(json.loads(sys.argv[2])), json.loads(sys.argv[3])
with working.working(contract, run, "prepare") as held:
    commands.run(["sleep", "120"], what="wait", timeout=200, held=held)
"""


@pytest.fixture
def contract(tmp_path: Path) -> Contract:
    return Contract({"root": str(tmp_path), "host": "here", "lease_ttl": 60})


def run(name: str, **facts: Any) -> dict[str, Any]:
    return {"id": name, "by": "ada@laptop", "reason": "because", **facts}


def acts(contract: Contract) -> list[dict[str, Any]]:
    return journal.read(contract.root / "journal.jsonl")


def start_long(contract: Contract, owner: dict[str, Any]) -> subprocess.Popen[bytes]:
    """Start a module that works for long, and wait until its command runs as well."""
    module = subprocess.Popen([sys.executable, "-c", LONG, PACKAGE, json.dumps(contract.raw), json.dumps(owner)])
    until(lambda: len(workers.found(lease.work_lock(contract))) == 2, "both workers")
    return module


def test_a_phase_is_written_down_before_and_after(contract: Contract) -> None:
    owner = run("one", fence=lease.acquire(contract, run("one"))["fence"])
    with working(contract, owner, "prepare"):
        assert (acts(contract)[-1]["act"], acts(contract)[-1]["phase"]) == ("began", "prepare")
    assert (acts(contract)[-1]["act"], acts(contract)[-1]["outcome"]) == ("ended", "done")
    with pytest.raises(Failure), working(contract, owner, "migrate"):
        raise Failure("unhealthy", "try", "here", "it is ill", "mend it")
    last = acts(contract)[-1]
    assert (last["phase"], last["outcome"], last["class"]) == ("migrate", "failed", "unhealthy")
    assert journal.first_break(contract.root / "journal.jsonl") is None


def test_a_step_that_lasts_longer_than_the_lease_keeps_it(contract: Contract) -> None:
    short = Contract({**contract.raw, "lease_ttl": 1})
    owner = run("slow", fence=lease.acquire(short, run("slow"))["fence"])
    with working(short, owner, "prepare"):
        time.sleep(1.6)
        assert lease.holder(short) is not None
    expires = read_json(lease.lease_file(short))["expires"]
    time.sleep(0.5)
    assert read_json(lease.lease_file(short))["expires"] == expires, "nobody renews after the end of the step"


def test_a_killed_modules_command_keeps_the_lock_and_can_be_found_and_ended(contract: Contract) -> None:
    """Kill -9 of the module: its command goes on, nobody gets the host, and recovery ends it by its own descriptor."""
    owner = run("dead", fence=lease.acquire(contract, run("dead"))["fence"])
    module = start_long(contract, owner)
    module.send_signal(signal.SIGKILL)
    module.wait(timeout=10)
    (left,) = workers.found(lease.work_lock(contract))
    assert left.name == "sleep"
    write_json(lease.lease_file(contract), {**read_json(lease.lease_file(contract)), "expires": time.time() - 1})
    with pytest.raises(Failure, match=rf"sleep \(pid {left.pid}\)"):
        lease.acquire(contract, run("next"))
    taken = lease.acquire(contract, run("next"), ending=True)
    assert taken["fence"] == owner["fence"] + 1
    assert workers.found(lease.work_lock(contract)) == []
    ended, last = acts(contract)[-2:]
    assert (ended["act"], ended["of"]) == ("ended what was left at work", "dead")
    assert (last["taken_over_from"], last["because"]) == ("dead", "it had expired")


def test_a_living_run_is_neither_taken_over_nor_ended(contract: Contract) -> None:
    controller = {"machine": "m", "pid": 1}
    owner = run("alive", controller=controller)
    owner["fence"] = lease.acquire(contract, owner)["fence"]
    module = start_long(contract, owner)
    try:
        for proved in ({"run": "alive", "fence": owner["fence"] + 7}, {"run": "other", "fence": owner["fence"]}):
            with pytest.raises(Failure, match="alive of ada@laptop"):
                lease.acquire(contract, run("next", force=True), proved=proved, ending=True)
        with pytest.raises(Failure):
            lease.acquire(contract, run("alive", controller={"machine": "n", "pid": 2}), ending=True)
        assert module.poll() is None
        assert len(workers.found(lease.work_lock(contract))) == 2
    finally:
        for worker in workers.end(lease.work_lock(contract)):
            assert worker.pid
        module.wait(timeout=10)


def test_the_run_of_a_dead_controller_goes_on_with_a_new_number(contract: Contract) -> None:
    """What the dead controller started and did not end is fenced off, although it is the same run."""
    first = lease.acquire(contract, run("one", controller={"pid": 1}, commit="c" * 40, release="r", kind="deploy"))
    proved = {"run": "one", "fence": first["fence"]}
    second = lease.acquire(contract, run("one", controller={"pid": 2}), proved=proved, ending=True)
    assert second["fence"] == first["fence"] + 1
    with pytest.raises(Failure, match="does not hold"), working(contract, run("one", fence=first["fence"]), "prepare"):
        pytest.fail("a step of the dead controller must not work")
    assert lease.release(contract, "one", first["fence"]) is False


def test_a_hold_is_its_owners_to_end(contract: Contract) -> None:
    lease.acquire(contract, run("hold-1", kind=lease.HOLD, seconds=600))
    found = lease.holder(contract)
    assert found is not None
    assert 590 < found["expires"] - time.time() <= 600
    with pytest.raises(Failure, match=r"a hold of ada@laptop since .*because.*until 20"):
        lease.acquire(contract, run("next", force=True), ending=True)
    eve = {"id": "x", "by": "eve@desk", "reason": "", "force": False}
    for words in ({}, {"force": True}, {"reason": "she sleeps"}):
        with pytest.raises(Failure, match="not yours"):
            lease.let_go(contract, {**eve, **words})
    assert lease.let_go(contract, {**eve, "force": True, "reason": "she sleeps"}) is True
    taken = next(record for record in acts(contract) if record["act"] == "hold taken over")
    assert (taken["by"], taken["taken_over_from"], taken["reason"]) == ("eve@desk", "ada@laptop", "she sleeps")
    lease.acquire(contract, run("hold-2", kind=lease.HOLD))
    assert lease.let_go(contract, run("another name")) is True
    assert lease.let_go(contract, run("another name")) is False


def test_a_run_is_not_released_as_if_it_were_a_hold(contract: Contract) -> None:
    lease.acquire(contract, run("one"))
    with pytest.raises(Failure, match="not yours"):
        lease.let_go(contract, run("two", force=True))


def test_ending_spares_whoever_only_looks(contract: Contract) -> None:
    """A process without the lock open is no worker, whatever it is called."""
    lease.work_lock(contract).touch()
    bystander = subprocess.Popen(["sleep", "60"])
    try:
        with lock(lease.work_lock(contract), 0, shared=True):
            assert workers.end(lease.work_lock(contract)) == []
        assert bystander.poll() is None
        assert os.getpid() not in {worker.pid for worker in workers.found(lease.work_lock(contract))}
    finally:
        bystander.kill()
        bystander.wait()
