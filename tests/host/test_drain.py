"""Does a host that left its balancer say whose work that was, and is nobody's decision undone?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.namaskah_host import drain, journal, lease
from ansible.module_utils.namaskah_host.contract import Contract
from ansible.module_utils.namaskah_host.failure import Failure

IN = {"result": {"in_service": True, "sessions": 3}}
OUT = {"result": {"in_service": False, "sessions": 0}}
LOST = {"unreachable": True, "msg": "no route to host"}
COMPLAINT = {
    "result": {"failure": {"class": "timeout", "what": "leave", "where": "web1", "why": "3 sessions", "next": "wait"}}
}


@pytest.fixture
def contract(tmp_path: Path) -> Contract:
    return Contract({"root": str(tmp_path), "host": "web1", "lease_ttl": 60})


def run(name: str) -> dict[str, Any]:
    return {"id": name, "by": "tests", "reason": ""}


def test_a_host_is_put_back_where_the_run_took_it_out_and_nowhere_else(contract: Contract) -> None:
    told = drain.begin(contract, run("one"), {"lb1": IN, "lb2": OUT})
    assert told["balancers"] == ["lb1"]
    assert drain.owed(contract, run("one"), ["lb1", "lb2"])["balancers"] == ["lb1"]
    assert drain.end(contract, run("one"), {"lb1": IN})["found_out"] == ["lb2"]
    assert drain.read(contract) is None
    assert [record["act"] for record in journal.read(contract.root / "journal.jsonl")] == [
        "leaves the balancer",
        "back in the balancer",
    ]


def test_what_a_killed_run_took_out_is_not_mistaken_for_somebody_elses(contract: Contract) -> None:
    drain.begin(contract, run("killed"), {"lb1": IN})
    assert drain.begin(contract, run("next"), {"lb1": OUT})["balancers"] == ["lb1"]
    record = drain.read(contract)
    assert record
    assert record["run"] == "next"


@pytest.mark.parametrize(("answer", "kind"), [(LOST, "unreachable"), (COMPLAINT, "timeout")])
def test_a_balancer_that_does_not_show_it_back_keeps_the_record(
    contract: Contract, answer: dict[str, Any], kind: str
) -> None:
    drain.begin(contract, run("one"), {"lb1": IN, "lb2": IN})
    with pytest.raises(Failure) as caught:
        drain.end(contract, run("one"), {"lb1": IN, "lb2": answer})
    assert caught.value.kind == kind
    assert "lb2" in str(caught.value)
    assert drain.read(contract)


def test_a_host_that_a_living_run_holds_is_not_put_back_by_another(contract: Contract) -> None:
    lease.acquire(contract, run("one"))
    drain.begin(contract, run("one"), {"lb1": IN})
    for other in (run("two"), {**run("two"), "force": True}):
        with pytest.raises(Failure, match="one"):
            drain.owed(contract, other, ["lb1"])


def test_a_host_that_never_left_owes_nothing(contract: Contract) -> None:
    assert drain.owed(contract, run("one"), ["lb1"]) == {"drained": False, "balancers": []}
    assert drain.end(contract, run("one"), {}) == {"drained": False, "found_out": []}
