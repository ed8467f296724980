"""Does one bad record, or a full disk, keep a host from starting at boot or from returning by itself?"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.namaskah_host import activation, guard, journal, lease, readiness, status, switch
from ansible.module_utils.namaskah_host.contract import Contract
from ansible.module_utils.namaskah_host.failure import Failure
from ansible.module_utils.namaskah_host.files import read_json, write_json
from ansible.module_utils.namaskah_host.health import complaint
from ansible.module_utils.namaskah_host.release import Release, current

from tests.support.folder_host import FolderHost
from tests.support.waiting import until

Spoil = Callable[[FolderHost], object]


@pytest.fixture
def served(host: FolderHost) -> Iterator[dict[str, Any]]:
    """A confirmed release; the run that brought it."""
    run = host.prepared()
    activation.activate(host.contract, run, 60)
    activation.confirm(host.contract, run)
    until(lambda: switch.read(host.contract) is None, "the end of the switch")
    yield run
    switch.switch_file(host.contract).unlink(missing_ok=True)


def down(host: FolderHost) -> None:
    """Let the watcher and every service die, as a machine that is switched off does."""
    watcher = read_json(host.contract.root / "watch.json")
    subprocess.run(["kill", "-9", str(watcher["pid"])], check=False, capture_output=True)
    control = [host.contract.supervisor_control, "-c", host.contract.supervisor_config, "stop", "all"]
    subprocess.run(control, check=False, capture_output=True, timeout=60)


def boot(host: FolderHost) -> str:
    """Start the host as its boot unit does, by the host program; return what it said."""
    words = [host.contract.python, str(host.contract.host_program), "boot", "--root", str(host.contract.root)]
    done = subprocess.run(words, check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stderr


def serves(host: FolderHost, run: dict[str, Any], instance: str) -> bool:
    service = Release(host.contract, run["release"]).services[0]
    return complaint(host.contract, service, instance, run["release"]) == ""


def text_in(name: str, text: str) -> Spoil:
    return lambda host: (host.contract.root / name).write_text(text)


def newer_contract(host: FolderHost) -> None:
    raw = json.loads(json.dumps(host.contract.raw))
    raw["health_defaults"]["patience"] = 7
    raw["future"] = True
    write_json(host.contract.root / "host" / "contract.json", raw)


ODD_SWITCH = switch.Switch("retiring", "r", "b", None, None, "n", "blue", "boot", 1.0, retiring="x")
SPOILED: dict[str, tuple[Spoil, str]] = {
    "empty switch": (text_in("switch.json", ""), "switch.json.unreadable"),
    "half a switch": (text_in("switch.json", '{"phase": "retiring"}'), "switch.json.unreadable"),
    "a switch that retires nothing": (text_in("switch.json", json.dumps(asdict(ODD_SWITCH))), "switch.json.unreadable"),
    "lost link to the instance": (lambda host: (host.contract.current / "run").unlink(), ""),
    "contract of a newer version": (newer_contract, ""),
    "empty contract": (text_in("host/contract.json", ""), "contract.copy.json"),
    "lost contract": (lambda host: (host.contract.root / "host/contract.json").unlink(), "contract.copy.json"),
    "odd journal line": (text_in("journal.jsonl", "no record\n"), ""),
}


def test_whatever_the_records_say_a_boot_starts_what_current_names(host: FolderHost, served: dict[str, Any]) -> None:
    for name, (spoil, said) in SPOILED.items():
        down(host)
        spoil(host)
        assert said in boot(host), name
        assert serves(host, served, "blue"), name


RECORDS = ("switch.json", "lease.json", "paused.json", "watch.json", "migrations.json")
MEND = {"switch.json", "lease.json", "paused.json"}


@pytest.mark.fault("host record damaged", ends="named")
def test_whatever_the_records_hold_the_host_is_shown_recovered_and_taken(
    host: FolderHost, served: dict[str, Any]
) -> None:
    """The damaged ones are kept beside their place, and the number of the lease goes on."""
    asked = {"id": "later", "by": "tests", "kind": "deploy", "commit": "", "allow": []}
    for number, text in enumerate(("", "{}", "[]", '{"run": "x"}', "null"), start=1):
        for name in RECORDS:
            (host.contract.root / name).write_text(text)
        fence = served["fence"] + number - 1
        shown = " ".join(status.of_host(host.contract)["drift"])
        assert {name for name in MEND if name in shown} == MEND, text
        (refused,) = [why for name, why, _ in readiness.state(host.contract, asked) if name == "unfinished"]
        assert "switch.json" in refused
        assert lease.acquire(host.contract, {"id": f"later-{number}", "by": "tests"})["fence"] == fence + 1, text
        done = activation.recover(host.contract, [], "a record was damaged", bad=False)
        assert (done["changed"], done["serving"], done["paused"]) == (True, served["release"], ["worker"]), text
        lease.release(host.contract, f"later-{number}")
        shown = " ".join(status.of_host(host.contract)["drift"])
        assert not any(name in shown for name in MEND), shown
        assert len(list(host.contract.root.glob("*.json.unreadable*"))) == number * len(MEND)
    acts = [entry["act"] for entry in journal.read(host.contract.root / "journal.jsonl")]
    assert acts.count("laid aside") == 5 * len(MEND)
    assert serves(host, served, "blue")


@pytest.mark.fault("host record damaged", ends="returned")
def test_an_unconfirmed_switch_whose_record_is_damaged_returns(host: FolderHost, served: dict[str, Any]) -> None:
    """The journal says from where it came."""
    activation.activate(host.contract, host.prepared(), 60)
    switch.switch_file(host.contract).write_text("{")
    (host.contract.root / "watch.json").write_text("[")
    done = activation.recover(host.contract, [], "its record was damaged", bad=False)
    assert (done["state"], done["serving"]) == ("returned", served["release"])
    assert serves(host, served, "blue")


def test_a_switch_of_a_newer_version_returns_at_boot(host: FolderHost, served: dict[str, Any]) -> None:
    """What it does not know it passes over, in the journal's place a line that nobody can read."""
    second = host.prepared()
    activation.activate(host.contract, second, 60)
    down(host)
    write_json(switch.switch_file(host.contract), {**read_json(switch.switch_file(host.contract)), "future": 1})
    Release(host.contract, second["release"]).record_file.write_text("{")
    with (host.contract.root / "journal.jsonl").open("a") as stream:
        stream.write("no record\n")
    boot(host)
    assert serves(host, served, "blue")
    live = current(host.contract)
    assert live is not None
    assert (live.id, live.record["state"]) == (served["release"], "live")
    assert switch.read(host.contract) is None


def test_a_late_try_of_the_boot_leaves_a_release_under_way_alone(host: FolderHost, served: dict[str, Any]) -> None:
    """The unit of the boot is tried again after a failure: a release may have begun meanwhile."""
    second = host.prepared()
    activation.activate(host.contract, second, 60)
    boot(host)
    found = switch.read(host.contract)
    assert found is not None
    assert found.phase == "switched"
    assert serves(host, second, "green")
    activation.confirm(host.contract, second)
    boot(host)
    until(lambda: switch.read(host.contract) is None, "the watcher's end of the switch")
    acts = [record["act"] for record in journal.read(host.contract.root / "journal.jsonl")]
    assert "retired" in acts[acts.index("confirmed") :]
    assert not serves(host, served, "blue")


@pytest.mark.parametrize("trouble", ["unreadable record", "lost right"])
def test_the_watcher_goes_on_until_the_switch_is_final(
    host: FolderHost, served: dict[str, Any], trouble: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With `return: detached` nobody would start it again."""
    monkeypatch.setattr(guard, "RETRY", 0.2)
    said: list[str] = []
    monkeypatch.setattr(guard, "say", said.append)
    second = host.prepared()
    activation.activate(host.contract, second, 60)
    os.kill(read_json(host.contract.root / "watch.json")["pid"], signal.SIGKILL)
    path = switch.switch_file(host.contract)
    record = {**read_json(path), "deadline": switch.clock()}
    write_json(path, record)
    full = {"on": trouble == "lost right"}

    def written(place: Path, value: Any, mode: int = 0o644) -> None:
        if full["on"]:
            raise PermissionError(13, "Permission denied", str(place))
        write_json(place, value, mode)

    monkeypatch.setattr(guard, "write_json", written)
    monkeypatch.setattr(switch, "write_json", written)
    if trouble == "unreadable record":
        path.write_text("")
    watcher = threading.Thread(target=guard.watch, args=(host.contract,), daemon=True)
    watcher.start()
    until(lambda: any("trying again" in line for line in said), "a second try")
    assert watcher.is_alive()
    full["on"] = False
    if trouble == "unreadable record":
        write_json(path, record)
    watcher.join(30)
    assert not watcher.is_alive()
    assert serves(host, served, "blue")
    assert switch.read(host.contract) is None


@pytest.mark.parametrize("mistake", [StopIteration, RuntimeError, ZeroDivisionError, RecursionError])
def test_no_mistake_ends_the_watcher(monkeypatch: pytest.MonkeyPatch, mistake: type[Exception]) -> None:
    monkeypatch.setattr(guard, "RETRY", 0)
    answers = iter([mistake("odd"), None])

    def read(_: Contract) -> None:
        if found := next(answers):
            raise found

    said: list[str] = []
    monkeypatch.setattr(guard, "say", said.append)
    monkeypatch.setattr(switch, "read", read)
    guard.watch(Contract({"root": "/nowhere"}))
    assert said == [f"{mistake.__name__}: odd; trying again"]


def test_a_log_on_a_full_disk_does_not_end_the_watcher(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(_: str) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("sys.stderr.write", refused)
        guard.say("trying again")


def test_without_any_contract_it_is_said_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(Failure, match=r"contract.json.*it is missing"):
        guard.load(tmp_path)
