"""Does exactly one run get a host, whatever comes?"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.namaskah_host import journal, lease
from ansible.module_utils.namaskah_host.contract import Contract
from ansible.module_utils.namaskah_host.failure import Failure
from ansible.module_utils.namaskah_host.files import lock, read_json, write_json
from ansible.module_utils.namaskah_host.working import working

RACERS = 8
RACES = 3


@pytest.fixture
def contract(tmp_path: Path) -> Contract:
    return Contract({"root": str(tmp_path), "host": "here", "lease_ttl": 60})


def run(name: str) -> dict[str, Any]:
    return {"id": name, "by": "tests", "reason": "because"}


def test_the_loser_is_told_who_since_when_and_why(contract: Contract) -> None:
    lease.acquire(contract, run("one"))
    with pytest.raises(Failure) as caught:
        lease.acquire(contract, run("two"))
    assert caught.value.kind == "refused"
    for word in ("tests", "one", "because", time.strftime("%Y-", time.gmtime())):
        assert word in caught.value.why


@pytest.mark.fault("late step of an older run", ends="refused")
def test_the_number_grows_with_each_holder_and_is_checked(contract: Contract) -> None:
    first = lease.acquire(contract, run("one"))
    assert lease.acquire(contract, run("one"))["fence"] == first["fence"]
    lease.release(contract, "one")
    second = lease.acquire(contract, run("two"))
    assert second["fence"] == first["fence"] + 1
    with (
        pytest.raises(Failure, match="does not hold the lease"),
        working(contract, {**run("one"), "fence": first["fence"]}, "prepare"),
    ):
        pytest.fail("an older run must not work")
    with (
        pytest.raises(Failure, match="does not hold"),
        working(contract, {**run("two"), "fence": first["fence"]}, "prepare"),
    ):
        pytest.fail("an older number must not work")
    with working(contract, {**run("two"), "fence": second["fence"]}, "prepare"):
        pass


@pytest.mark.fault("stale lease", ends="cleaned up")
def test_an_expired_lease_is_taken_over_with_a_record(contract: Contract) -> None:
    lease.acquire(contract, run("dead"))
    known = read_json(lease.lease_file(contract))
    write_json(lease.lease_file(contract), {**known, "expires": time.time() - 1})
    lease.acquire(contract, run("next"))
    assert journal.read(contract.root / "journal.jsonl")[-1]["taken_over_from"] == "dead"


@pytest.mark.fault("expired lease of a working run", ends="refused")
def test_an_expired_lease_is_not_taken_from_a_working_module(contract: Contract) -> None:
    lease.acquire(contract, run("slow"))
    known = read_json(lease.lease_file(contract))
    write_json(lease.lease_file(contract), {**known, "expires": time.time() - 1})
    with lock(lease.work_lock(contract), 0, shared=True), pytest.raises(Failure, match="still works"):
        lease.acquire(contract, run("next"))


def test_giving_back_what_is_not_held_does_nothing(contract: Contract) -> None:
    lease.acquire(contract, run("one"))
    assert lease.release(contract, "two") is False
    assert lease.release(contract, "one") is True
    assert lease.holder(contract) is None


RACER = """
import json, sys
sys.path.insert(0, sys.argv[1])
from namaskah_host import lease
from namaskah_host.contract import Contract
from namaskah_host.failure import Failure
sys.stdin.readline()
try:
    lease.acquire(Contract(json.loads(sys.argv[2])), {"id": sys.argv[3], "by": sys.argv[3]})
    print("won")
except Failure as failure:
    print(failure.kind)
"""


@pytest.mark.fault("two runs at once", ends="refused")
def test_of_many_at_once_exactly_one_wins(contract: Contract) -> None:
    package = str(Path(lease.__file__).parents[1])
    for race in range(RACES):
        racers = [
            subprocess.Popen(
                [sys.executable, "-c", RACER, package, json.dumps(contract.raw), f"racer-{race}-{number}"],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            )
            for number in range(RACERS)
        ]  # fmt: skip
        for racer in racers:
            assert racer.stdin is not None
            racer.stdin.write("\n")
            racer.stdin.flush()
        answers = [racer.communicate(timeout=60)[0].strip() for racer in racers]
        assert sorted(answers) == ["refused"] * (RACERS - 1) + ["won"]
        holder = lease.holder(contract)
        assert holder is not None
        lease.release(contract, holder["run"])
    assert journal.first_break(contract.root / "journal.jsonl") is None
