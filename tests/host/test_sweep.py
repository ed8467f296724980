"""Killed at every durable record of a run: does the run go on, or come back, to what a clean run leaves?

A child process carries out a whole deploy or rollback on one host, step by step with the functions of the modules, and
kills itself right after the chosen record: a journal line, a record file or a link. What began beside it (watcher,
services) lives on, as on a real host. Then the run goes on under its own name, or is given up.
"""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.namaskah_host import activation, guard, lease, retention, switch, unfinished
from ansible.module_utils.namaskah_host import journal as journals
from ansible.module_utils.namaskah_host.build import Build
from ansible.module_utils.namaskah_host.files import read_json
from ansible.module_utils.namaskah_host.release import current, last_good_before
from ansible.module_utils.namaskah_host.working import working

from tests.support.at_rest import at_rest_with
from tests.support.folder_host import FolderHost
from tests.support.waiting import until

PACKAGE = str(Path(lease.__file__).parents[1])
SEED = 20260101
SAMPLE = 4
CONFIRM = 90.0  # seconds: no case lasts as long
PATIENT = 60.0  # seconds for a start: no case is about a slow one
KINDS = ("deploy", "rollback")
FAULTS = ("working module killed", "host rebooted")
ENDS = ("resume", "abort")

CHILD = """
import json, os, signal, sys
sys.path.insert(0, sys.argv[1])
from namaskah_host import files, journal, lease, release, switch, working
import namaskah_host.build, namaskah_host.activation
contract_raw, run, point = json.loads(sys.argv[2]), json.loads(sys.argv[3]), int(sys.argv[4])
seen = 0
def counted(function):
    def call(*words, **options):
        global seen
        result = function(*words, **options)
        seen += 1
        if seen == point:
            os.kill(os.getpid(), signal.SIGKILL)
        return result
    return call
for name, owner in (("write_json", files), ("point", files), ("append", journal)):
    changed = counted(getattr(owner, name))
    for module in (files, journal, lease, release, switch, working, namaskah_host.build):
        if hasattr(module, name):
            setattr(module, name, changed)
sys.path.insert(0, sys.argv[5])
import steps
steps.all_of_them(contract_raw, run)
print(seen)
"""
STEPS = '''
"""The steps of a run on one host, in the order of playbooks/deploy.yml."""
from namaskah_host import activation, lease, retention
from namaskah_host.build import Build
from namaskah_host.contract import Contract
from namaskah_host.working import working
def all_of_them(raw, run, proved=None):
    contract = Contract(raw)
    run["fence"] = lease.acquire(contract, run, proved=proved, ending=bool(run.get("resume")))["fence"]
    with working(contract, run, "prepare") as held:
        Build(contract, run, held).prepare()
    with working(contract, run, "activate"):
        activation.activate(contract, run, SECONDS)
    with working(contract, run, "confirm"):
        activation.confirm(contract, run)
    with working(contract, run, "prune"):
        retention.prune(contract)
    lease.release(contract, run["id"], run["fence"])
'''


@dataclass(frozen=True)
class Case:
    """One kill: in which kind of run, after which record (counted from 1), with what else, and how it is ended."""

    kind: str
    point: int
    fault: str
    end: str


def carry_out(host: FolderHost, run: dict[str, Any], point: int, folder: Path) -> int | None:
    """Carry out a run in a child, killed after `point` records (0 = never); return how many it wrote, None = killed."""
    (folder / "steps.py").write_text(STEPS.replace("SECONDS", str(CONFIRM)))
    words = [PACKAGE, json.dumps(host.contract.raw), json.dumps(run), str(point), str(folder)]
    child = subprocess.run(
        [sys.executable, "-c", CHILD, *words], check=False, capture_output=True, text=True, timeout=180
    )
    assert child.returncode in (0, -signal.SIGKILL), child.stderr
    return int(child.stdout) if child.returncode == 0 else None


def new_run(host: FolderHost, kind: str) -> dict[str, Any]:
    """Return a run that deploys a new commit, or goes back to the release before."""
    host.number += 1
    target = last_good_before(host.contract) if kind == "rollback" else None
    commit = str(target.record["commit"]) if target else host.commit("good")
    return {
        "id": f"run-{host.number}", "by": "tests", "kind": kind, "ref": "main", "tag": "", "reason": "", "limit": "",
        "commit": commit, "controller": {"pid": host.number},
        "release": target.id if target else f"20260101T00{host.number:04d}Z-{commit[:12]}",
    }  # fmt: skip


def reboot(host: FolderHost) -> None:
    """Let watcher and services die, and start the host as its boot unit does."""
    watcher = read_json(host.contract.root / "watch.json")
    if watcher:
        subprocess.run(["kill", "-9", str(watcher["pid"])], check=False, capture_output=True)
    control = [host.contract.supervisor_control, "-c", host.contract.supervisor_config, "stop", "all"]
    subprocess.run(control, check=False, capture_output=True, timeout=60)
    guard.boot(host.contract)


def dead(host: FolderHost) -> dict[str, Any]:
    """Return the proof that the controller of the recorded lease is dead."""
    found = lease.recorded(host.contract)
    return {"run": found["run"], "fence": found["fence"]} if found else {}


def go_on(host: FolderHost, run: dict[str, Any]) -> None:
    """Do what the playbook of a run that goes on does."""
    again = {**run, "resume": True, "controller": {"pid": -1}}
    contract = host.contract
    again["fence"] = lease.acquire(contract, again, proved=dead(host), ending=True)["fence"]
    with working(contract, again, "prepare") as held:
        Build(contract, again, held).prepare()
    with working(contract, again, "activate"):
        activation.activate(contract, again, CONFIRM)
    with working(contract, again, "confirm"):
        activation.confirm(contract, again)
    with working(contract, again, "prune"):
        retention.prune(contract)
    lease.release(contract, again["id"], again["fence"])


def give_up(host: FolderHost) -> None:
    """Do what namaskah_recover does."""
    run = {"id": f"abort-{host.number}", "by": "tests", "kind": "recover", "controller": {"pid": -1}}
    run["fence"] = lease.acquire(host.contract, run, proved=dead(host), ending=True)["fence"]
    with working(host.contract, run, "recover"):
        activation.recover(host.contract, [], "it was given up", bad=False)
    lease.release(host.contract, str(run["id"]), int(str(run["fence"])))


def through(host: FolderHost, case: Case, folder: Path) -> None:
    """Carry out one case, and assert that the host is at rest with the right release."""
    before = current(host.contract)
    assert before is not None
    old = str(before.record["commit"])
    run = new_run(host, case.kind)
    written = carry_out(host, run, case.point, folder)
    assert written is None, f"there are only {written} records: {case}"
    confirmed = _confirmed(host, run)
    _told(host, run, case)
    if case.fault == "host rebooted":
        reboot(host)
    if case.end == "resume":
        go_on(host, run)
    else:
        give_up(host)
    until(lambda: switch.read(host.contract) is None, "the end of the switch", 60)
    at_rest_with(host.contract, host.source, run["commit"] if case.end == "resume" or confirmed else old)


def _told(host: FolderHost, run: dict[str, Any], case: Case) -> None:
    """The host says which run is unfinished and how far it is."""
    records = journals.read(host.contract.root / "journal.jsonl")
    told = unfinished.of_host(host.contract, records)
    if lease.recorded(host.contract) is None:
        assert told is None or told["switch"], (case, told)
        return
    assert told is not None, case
    assert (told["run"], told["commit"], told["release"]) == (run["id"], run["commit"], run["release"]), (case, told)
    steps = [record for record in records if record["run"] == run["id"] and record["act"] in ("began", "ended")]
    if steps:
        state = "done" if steps[-1]["act"] == "ended" else "cut off"
        assert (told["phase"], told["state"]) == (steps[-1]["phase"], state), (case, told)


def _confirmed(host: FolderHost, run: dict[str, Any]) -> bool:
    """Tell whether the switch of the run was final before it died."""
    found = switch.read(host.contract)
    live = current(host.contract)
    unconfirmed = found is not None and found.phase in switch.UNCONFIRMED
    return live is not None and live.id == run["release"] and not unconfirmed


def points(host: FolderHost, kind: str, folder: Path) -> int:
    """Return how many records a clean run writes."""
    written = carry_out(host, new_run(host, kind), 0, folder)
    assert written is not None
    until(lambda: switch.read(host.contract) is None, "the end of the switch", 60)
    return written


def sweep(host: FolderHost, folder: Path, sample: int | None) -> list[Case]:
    """Go through every case, or a seeded sample; return those that were gone through."""
    host.contract.raw["services"]["web"]["boot_timeout"] = PATIENT
    for _ in range(2):
        points(host, "deploy", folder)
    counts = {kind: points(host, kind, folder) for kind in KINDS}
    cases = [Case(kind, point, fault, end) for kind in KINDS for point in range(1, counts[kind] + 1)
             for fault in FAULTS for end in ENDS]  # fmt: skip
    chosen = random.Random(SEED).sample(cases, sample) if sample else cases  # noqa: S311 - the same cases each time
    for case in chosen:
        if case.kind == "rollback" and last_good_before(host.contract) is None:
            points(host, "deploy", folder)
        try:
            through(host, case, folder)
        except BaseException as error:
            raise AssertionError(f"{case}: {error}") from error
    return chosen


def recorded(fault_log: Any, cases: list[Case]) -> None:
    """Record the cases, which ended as they should."""
    for case in cases:
        end = "resumed" if case.end == "resume" else "aborted"
        fault_log.inject(case.fault, ends=end, where=f"{case.kind}, record {case.point}, {case.end}")


@pytest.mark.injects(*FAULTS)
def test_killed_at_some_records_a_run_ends_as_a_clean_one(host: FolderHost, tmp_path: Path, fault_log: Any) -> None:
    recorded(fault_log, sweep(host, tmp_path, SAMPLE))


@pytest.mark.soak
@pytest.mark.injects(*FAULTS)
def test_killed_at_every_record_a_run_ends_as_a_clean_one(host: FolderHost, tmp_path: Path, fault_log: Any) -> None:
    cases = sweep(host, tmp_path, None)
    assert len(cases) > 100
    recorded(fault_log, cases)
