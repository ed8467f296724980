"""Does a play take a host out and put it back, and keep it where a balancer is lost? By commands of the operator."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.namaskah_host import lease, switch
from ansible.module_utils.namaskah_host.contract import Contract

from tests.support.playing import Played, play

# A balancer in a file: `leave` is refused while the file says that this is the last one.
COMMAND = """
import sys
from pathlib import Path
state = Path(sys.argv[1])
if sys.argv[2] == "state":
    print(state.read_text())
elif sys.argv[2] == "leave" and state.read_text() == "healthy alone":
    sys.exit("web1 is the last one")
else:
    answers = {"leave": "drained", "return": "healthy"} | dict(word.split("=") for word in sys.argv[3:])
    state.write_text(answers[sys.argv[2]])
"""
LOST = {"name": "Know a balancer that is lost", "ansible.builtin.add_host": {
    "name": "lost", "ansible_host": "127.0.0.1", "ansible_port": 1, "ansible_connection": "ssh"}}  # fmt: skip


def role(part: str) -> dict[str, Any]:
    return {"name": part, "ansible.builtin.include_role": {"name": "balancer", "tasks_from": part}}


class Site:
    """A host in a folder, and a balancer in a file."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.state, self.root = folder, folder / "state", folder / "srv"
        self.answers: list[str] = []  # what it shows after a step, such as leave=healthy, where that is not the usual
        self.root.mkdir()
        (self.root / "balancer").mkdir()
        (folder / "command.py").write_text(COMMAND)
        self.state.write_text("healthy")

    def play(self, *tasks: dict[str, Any], hosts: tuple[str, ...] = ("lb",), **more: Any) -> Played:
        words = [sys.executable, str(self.folder / "command.py"), str(self.state)]
        variables = {
            "namaskah_environment": "here",
            "namaskah_app": "shop",
            "namaskah_repository": "/nowhere",
            "namaskah_services": {"web": {"command": ["web"]}},
            "namaskah_root": str(self.root),
            "namaskah_run_id": "run-1",
            "balancer_kind": "command",
            "balancer_hosts": list(hosts),
            "balancer_drain": 2,
            "balancer_back": 2,
            **{f"balancer_{name}_command": [*words, name, *self.answers] for name in ("leave", "return", "state")},
            **more,
        }
        return play(tasks, self.folder / "play", variables=variables, groups=["app"])

    @property
    def drain(self) -> Any:
        record = self.root / "drain.json"
        return json.loads(record.read_text()) if record.exists() else None


def test_a_host_leaves_says_so_and_comes_back(tmp_path: Path) -> None:
    site = Site(tmp_path)
    assert site.play(role("leave")).status == 0
    assert site.state.read_text() == "drained"
    assert (site.drain["run"], site.drain["found_out"]) == ("run-1", [])
    assert site.play(role("return"), role("return")).status == 0
    assert site.state.read_text() == "healthy"
    assert site.drain is None


def test_a_host_that_somebody_took_out_stays_out(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.state.write_text("drained")
    assert site.play(role("leave"), role("return")).status == 0
    assert site.state.read_text() == "drained"
    assert site.drain is None


def test_a_balancer_that_refuses_ends_the_step_in_its_words(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.state.write_text("healthy alone")
    failure = site.play(role("leave")).failure()
    assert "web1 is the last one" in failure["why"]
    assert site.drain, "what was tried is owed"


@pytest.mark.fault("balancer: unreachable", ends="named", where="before the switch")
def test_a_lost_balancer_is_a_failure_of_the_host_and_not_its_loss(tmp_path: Path) -> None:
    site = Site(tmp_path)
    after = {
        "name": "Leave, and go on with the host",
        "block": [role("leave")],
        "rescue": [{"name": "Act on the host", "ansible.builtin.command": "true"}, role("return")],
    }
    played = site.play(LOST, after, hosts=("lb", "lost"))
    assert "Act on the host" in [name.rpartition(" : ")[2] for name, _ in played.answers], played.output
    failures = [answer["failure"] for _, answer in played.answers if "failure" in answer]
    assert [(failure["class"], failure["where"]) for failure in failures] == [("unreachable", "lost")]
    assert played.status == 0, "it never left, so nothing is owed"
    assert site.state.read_text() == "healthy"


@pytest.mark.fault("balancer: unreachable", ends="named", where="after the switch")
def test_a_balancer_that_is_lost_meanwhile_keeps_the_host_on_record(tmp_path: Path) -> None:
    site = Site(tmp_path)
    assert site.play(role("leave")).status == 0
    failure = site.play(LOST, role("return"), hosts=("lb", "lost")).failure()
    assert (failure["class"], failure["where"]) == ("unreachable", "lost")
    assert site.state.read_text() == "healthy", "the one that answers has it back"
    assert site.drain["run"] == "run-1"


def test_recovery_takes_no_host_of_a_living_run_out(tmp_path: Path) -> None:
    """Whatever its operator allows: a host that recovery may not bring back must stay where its run has put it."""
    site = Site(tmp_path)
    contract = Contract({"root": str(site.root), "host": "here", "lease_ttl": 600})
    (site.root / "releases").mkdir()
    taken = lease.acquire(contract, {"id": "living", "by": "somebody", "reason": "a release", "controller": {}})
    switched = switch.Switch(phase="switched", run="living", by="somebody", old=None, old_instance=None, new="new",
                             new_instance="blue", boot=switch.boot_id(), deadline=switch.clock() + 600)  # fmt: skip
    switch.write(contract, switched)
    recover = {"name": "recover", "ansible.builtin.include_role": {"name": "recovery"}}
    failure = site.play(recover, namaskah_switch="restart", namaskah_allow=["take-over"]).failure()
    assert "run living of somebody" in failure["why"]
    assert site.state.read_text() == "healthy"
    assert site.drain is None
    assert lease.recorded(contract) == taken
    assert asdict(switched) == json.loads(switch.switch_file(contract).read_text())


@pytest.mark.fault("balancer: host not drained", ends="refused", where="before the switch")
def test_a_balancer_that_goes_on_sending_ends_the_step_and_gets_the_host_back(tmp_path: Path) -> None:
    """Its command ends well, and what it shows afterwards counts: the host would be switched under traffic."""
    site = Site(tmp_path)
    site.answers = ["leave=healthy"]
    told = {"name": "Leave, or come back", "block": [role("leave")], "rescue": [role("return")]}
    played = site.play(told)
    failures = [answer["failure"] for _, answer in played.answers if "failure" in answer]
    assert [(failure["class"], failure["where"]) for failure in failures] == [("timeout", "lb: here")]
    assert "after 2 s the balancer shows healthy" in failures[0]["why"]
    assert played.status == 0, played.output
    assert (site.state.read_text(), site.drain) == ("healthy", None)


@pytest.mark.fault("balancer: host not back", ends="named", where="after the switch")
def test_a_balancer_that_does_not_take_the_host_back_keeps_it_on_record(tmp_path: Path) -> None:
    """The host is named, and owed to the balancer until that shows it healthy itself."""
    site = Site(tmp_path)
    site.answers = ["return=unhealthy 503"]
    failure = site.play(role("leave"), role("return")).failure()
    assert (failure["class"], failure["where"]) == ("unhealthy", "lb: here")
    assert "the balancer shows unhealthy 503" in failure["why"]
    assert "recover" in failure["next"]
    assert site.drain["run"] == "run-1"
    site.answers = []
    assert site.play(role("return")).status == 0
    assert (site.state.read_text(), site.drain) == ("healthy", None)
