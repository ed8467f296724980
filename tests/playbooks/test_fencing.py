"""Does every module that changes a host check the lease, and its number, before it does?

Each is started as Ansible starts it, on a host made of a folder, with the number that the run had before another
controller went on with it: it has to refuse, and to leave every byte as it was.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ansible.module_utils
import pytest
from ansible.module_utils.namaskah_host import activation, journal, lease
from ansible.module_utils.namaskah_host.contract import Contract
from ansible.module_utils.namaskah_host.drain import begin
from ansible.module_utils.namaskah_host.files import write_json
from ansible.module_utils.namaskah_host.observed import running_processes

from tests.support.folder_host import FolderHost
from tests.support.project import ROOT

MODULES = {path.stem.removeprefix("namaskah_"): path for path in ROOT.glob("roles/*/library/*.py")}
CONTROLLER = {"machine": "here", "boot": "one", "pid": 1, "started": 1}
BACKUPS = {"settings": {"root": "/nowhere", "service": "shop"}}
IN_BALANCER = [{"balancer_host": "lb", "result": {"in_service": True, "sessions": 0}}]
VERIFY = {"words": '{"http": [], "websockets": []}', "timeout": 1, "patience": 1, "settle": 3}

# What each is asked to do; several where it does several things.
UNDER_THE_LEASE: dict[str, list[dict[str, Any]]] = {
    "activate": [{"seconds": 60, "state": "switched"}, {"seconds": 60, "state": "paused"}],
    "backup": [{**BACKUPS, "state": "made"}, {**BACKUPS, "state": "proved", "id": "20260101T000000Z-beef"}],
    "confirm": [{}, {"ask": True}],
    "drain": [
        {"state": "leaving", "answers": IN_BALANCER},
        {"state": "left", "answers": IN_BALANCER},
        {"state": "owed", "balancers": ["lb"]},
        {"state": "back", "answers": IN_BALANCER},
    ],
    "lease": [{}],
    "migrate": [{}, {"apply": False}],
    "pause": [{"state": "paused"}, {"state": "going"}],
    "point": [{"stanza": "shop", "service": "shop", "command": ["/bin/false"], "state": "marked"}],
    "prepare": [{}],
    "prune": [{}],
    "publish": [{}],
    "recover": [{"why": "a test"}],
    "restore": [
        {**BACKUPS, "restore": {"service": "shop"}, "state": state}
        for state in ("prepared", "swapped", "confirmed", "returned", "recovered", "dropped")
    ],
    "schema": [{"state": "settled"}],
    "verify": [VERIFY],
}
EXEMPT = {
    "balancer": "its host keeps no lease: namaskah_drain, under the lease, tells it until when it may act (below)",
    "backup_copy": "copies a finished backup to other places; the backups' host has a lock of its own",
    "backup_extract": "unpacks a finished backup into a new folder, and holds that backup meanwhile",
    "backup_prune": "removes backups under the lock of their folder, by what every host says that it keeps",
    "backups": "reads backups; a pin is an operator's own word, at any time",
    "place": "provisioning is no release: it writes what no run does",
    "plan": "reads only",
    "preflight": "reads only, before the lease",
    "provisioned": "provisioning is no release: it writes what no run does",
    "resolve": "on the controller: reads the remote",
    "role_passwords": "provisioning is no release: it writes what no run does",
    "status": "reads only",
    "tag": "on the controller: a new tag on the remote, whose name is the run's",
    "target": "reads only",
    "validation": "on the controller: observes",
    "variables": "on the controller: compares names",
    "weigh": "on the controller: judges",
}
# Those that read a host, with what they are asked.
READING: dict[str, dict[str, Any]] = {"status": {"releases": True}, "target": {}, "plan": {}, "preflight": {}}

# Ansible makes the roles' code importable by packing it with the module.
START = """
import ansible.module_utils, os, runpy
ansible.module_utils.__path__[:] = os.environ["ROLE_CODE"].split(":")
runpy.run_path(os.environ["MODULE"], run_name="__main__")
"""


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FolderHost]:
    with tempfile.TemporaryDirectory(prefix="ns-", dir="/tmp") as runtime:
        made = FolderHost(tmp_path_factory.mktemp("host"), Path(runtime))
        made.contract.raw["lease_ttl"] = 600
        try:
            yield made
        finally:
            made.end()


@pytest.fixture(scope="module")
def late(host: FolderHost) -> dict[str, Any]:
    """A run that is in the middle of a release, as the controller sees it from which another one took it over."""
    live, run = host.prepared(), host.prepared()
    activation.activate(host.contract, live, 60)
    activation.confirm(host.contract, live)
    run["controller"] = CONTROLLER
    run["fence"] = lease.acquire(host.contract, run)["fence"]
    begin(host.contract, run, {"lb": {"result": {"in_service": True, "sessions": 0}}})
    proved = {"run": run["id"], "fence": run["fence"]}
    again = lease.acquire(host.contract, {**run, "controller": {**CONTROLLER, "pid": 2}}, proved=proved)
    assert again["fence"] == run["fence"] + 1
    return run


def common(host: FolderHost, run: dict[str, Any]) -> dict[str, Any]:
    return {"contract": host.contract.raw, "run": run}


def asked(module: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """Start a module as Ansible does, with its arguments on stdin; return its answer."""
    done = subprocess.run(
        [sys.executable, "-c", START],
        input=json.dumps({"ANSIBLE_MODULE_ARGS": arguments}), capture_output=True, text=True, timeout=60, check=False,
        env={**os.environ, "ROLE_CODE": ":".join(ansible.module_utils.__path__), "MODULE": str(MODULES[module])},
    )  # fmt: skip
    assert done.stdout.strip().startswith("{"), (done.stdout + done.stderr)[-2000:]
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def everything(host: FolderHost) -> str:
    """Return one hash of every name, mode, link and byte below the host's folders."""
    told = hashlib.sha256()
    for folder in (host.contract.root, host.runtime):
        for path in sorted(folder.rglob("*")):
            if path.is_symlink() or path.is_file():
                told.update(str(path.readlink()).encode() if path.is_symlink() else path.read_bytes())
            told.update(f"{path} {path.lstat().st_mode}".encode())
    return told.hexdigest()


def test_each_module_is_under_the_lease_or_has_a_reason_not_to_be() -> None:
    assert sorted(MODULES) == sorted([*UNDER_THE_LEASE, *EXEMPT])


@pytest.mark.fault("late step of an older run", ends="refused", where="each module that changes a host")
@pytest.mark.parametrize("name", UNDER_THE_LEASE)
def test_a_late_step_changes_nothing(host: FolderHost, late: dict[str, Any], name: str) -> None:
    for words in UNDER_THE_LEASE[name]:
        before = everything(host)
        answer = asked(name, {**common(host, late), **words})
        assert answer.get("failed"), (words, answer.get("msg"))
        assert answer["failure"]["class"] == "refused", (words, answer.get("msg"))
        assert f"run {late['id']}" in answer["failure"]["why"], (words, answer.get("msg"))
        assert everything(host) == before, words


@pytest.mark.parametrize("name", READING)
def test_what_reads_changes_nothing(host: FolderHost, late: dict[str, Any], name: str) -> None:
    before = everything(host)
    answer = asked(name, {**common(host, late), **READING[name]})
    assert "result" in answer or "failure" in answer, answer
    assert everything(host) == before


def test_a_balancer_is_not_told_by_a_word_whose_time_is_over(host: FolderHost, late: dict[str, Any]) -> None:
    """The host of a balancer keeps no lease, so the word that it acts by bears the end of the lease."""
    folder = host.folder / "balancer"
    folder.mkdir()
    state = folder / "state"
    state.write_text("healthy")
    command = {name: ["/bin/sh", "-c", f"echo {name} > {state}"] for name in ("leave", "return")}
    words = {"kind": "command", "server": "web1", "backend": "shop", "folder": str(folder), "drain": 0.1, "back": 0.1,
             "commands": {**command, "state": ["/bin/cat", str(state)]}}  # fmt: skip
    for wanted in ("left", "returned"):
        answer = asked("balancer", {**words, "state": wanted, "until": time.time() - 1})
        assert answer["result"]["failure"]["class"] == "refused"
        assert "is over" in answer["result"]["failure"]["why"]
        assert state.read_text() == "healthy"
    own = lease.recorded(host.contract)
    assert own is not None
    told = asked("drain", {**common(host, {**late, "fence": own["fence"]}), "state": "owed", "balancers": ["lb"]})[
        "result"
    ]
    assert told["until"] > time.time()
    asked("balancer", {**words, "state": "left", "until": told["until"]})
    assert state.read_text() == "leave\n"
    assert journal.first_break(host.contract.root / "journal.jsonl") is None


def test_a_database_is_not_swapped_by_a_word_whose_time_is_over(host: FolderHost) -> None:
    """A host of databases alone keeps no lease: the play tells it when the application hosts' leases are over."""
    run = {"id": "late", "by": "tests", "reason": "", "fence": 0}
    words = {**BACKUPS, "restore": {"service": "shop"}, "state": "swapped", "until": time.time() - 1}
    answer = asked("restore", {**common(host, run), **words})
    assert answer["failure"]["class"] == "refused"
    assert "is over" in answer["failure"]["why"]


def test_recovery_gives_a_lease_back_where_nothing_was_ever_released(tmp_path: Path) -> None:
    """The run got this host, and was refused another one."""
    contract = Contract({"root": str(tmp_path), "host": "here", "lease_ttl": 600})
    run = {"id": "first", "by": "tests", "reason": "", "controller": CONTROLLER}
    other = lease.acquire(contract, {**run, "id": "other"})
    words = {"contract": contract.raw, "run": {**run, "fence": 0}, "why": "refused elsewhere"}
    assert asked("recover", words)["result"]["state"] == "nothing"
    assert lease.recorded(contract) == other, "somebody else's stays"
    lease.release(contract, "other")
    lease.acquire(contract, run)
    assert asked("recover", words)["result"]["state"] == "nothing"
    assert lease.recorded(contract) is None


def test_a_long_verification_renews_the_lease(host: FolderHost, late: dict[str, Any]) -> None:
    own = lease.recorded(host.contract)
    assert own is not None
    write_json(lease.lease_file(host.contract), {**own, "term": 2, "expires": time.time() + 2})
    # It waits until the youngest process has lived for `settle` seconds.
    own_folder = str(host.contract.root)
    started = [one["started"] for one in running_processes(host.contract) if one["cwd"].startswith(own_folder)]
    settle = time.time() - max(started) + 5
    asked("verify", {**common(host, {**late, "fence": own["fence"]}), **VERIFY, "settle": settle})
    write_json(lease.lease_file(host.contract), {**(kept := renewed(host)), "term": own["term"]})
    assert kept["expires"] > time.time()


def renewed(host: FolderHost) -> dict[str, Any]:
    found = lease.holder(host.contract)
    assert found is not None, "it was over before the step was"
    return found
