"""Does a host switch, return and recover as docs/adr/0001 says? With real processes, killed for real."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.namaskah_host import activation, guard, journal, launch, pausing, readiness, status, switch
from ansible.module_utils.namaskah_host.build import Build
from ansible.module_utils.namaskah_host.contract import Contract
from ansible.module_utils.namaskah_host.failure import Failure
from ansible.module_utils.namaskah_host.files import read_json
from ansible.module_utils.namaskah_host.health import complaint
from ansible.module_utils.namaskah_host.instances import Instance
from ansible.module_utils.namaskah_host.release import Release, current

from tests.support.folder_host import FolderHost
from tests.support.waiting import until


def live(host: FolderHost) -> str | None:
    found = current(host.contract)
    return found.id if found else None


def state(host: FolderHost, run: dict[str, Any]) -> str:
    return str(Release(host.contract, run["release"]).record["state"])


def told(host: FolderHost, run: dict[str, Any], instance: str) -> str:
    """Ask the web service itself which release it is."""
    service = Release(host.contract, run["release"]).services[0]
    return complaint(host.contract, service, instance, run["release"])


def confirmed(host: FolderHost, behaviour: str = "good") -> dict[str, Any]:
    """Release a version and confirm it."""
    run = host.prepared(behaviour)
    activation.activate(host.contract, run, 60)
    activation.confirm(host.contract, run)
    until(lambda: switch.read(host.contract) is None, "the end of the switch")
    return run


def test_two_releases_follow_each_other(host: FolderHost) -> None:
    first = confirmed(host)
    assert live(host) == first["release"]
    assert state(host, first) == "live"
    second = confirmed(host)
    assert live(host) == second["release"]
    assert (state(host, first), state(host, second)) == ("superseded", "live")
    assert told(host, second, "green") == ""
    assert "refused" in told(host, first, "blue").lower() or "No such file" in told(host, first, "blue")


def test_a_worker_never_runs_beside_another(host: FolderHost) -> None:
    first, second = confirmed(host), confirmed(host)
    lines = (host.contract.shared / "worker.log").read_text().splitlines()
    assert lines == [f"begin {first['release']}", f"end {first['release']}", f"begin {second['release']}"]


@pytest.mark.parametrize(
    "behaviour",
    [
        pytest.param("dies at start", marks=pytest.mark.fault("release: does not start", ends="refused")),
        pytest.param("health 500", marks=pytest.mark.fault("release: unhealthy", ends="refused")),
        pytest.param("dies after two seconds", marks=pytest.mark.fault("release: dies soon", ends="refused")),
    ],
)
def test_the_gate_refuses_a_broken_release_and_nothing_is_switched(host: FolderHost, behaviour: str) -> None:
    first = confirmed(host)
    broken = host.prepared(behaviour)
    settling = Contract({**host.contract.raw, "settle": 4})
    with pytest.raises(Failure) as caught:
        activation.activate(settling if "seconds" in behaviour else host.contract, broken, 60)
    assert caught.value.kind == "unhealthy"
    assert live(host) == first["release"]
    assert told(host, first, "blue") == ""
    assert state(host, broken) == "bad"
    assert switch.read(host.contract) is None


@pytest.mark.fault("release: slow start", ends="old release")
def test_a_slow_start_needs_its_time_and_a_bad_release_needs_a_word(host: FolderHost) -> None:
    """Too short a time-out makes it bad, which a second try has to override; with the time that it needs it is good."""
    first = confirmed(host)
    web = host.contract.raw["services"]["web"]
    usual = web["boot_timeout"]
    web["boot_timeout"] = 1
    slow = host.prepared("starts late")
    with pytest.raises(Failure) as caught:
        activation.activate(host.contract, slow, 60)
    web["boot_timeout"] = usual
    assert "a slow start needs a longer boot_timeout (now 1 s)" in caught.value.next_step
    assert (live(host), told(host, first, "blue"), state(host, slow)) == (first["release"], "", "bad")
    again = host.run(slow["commit"])
    assert [(name, what.partition(",")[0]) for name, what, _ in readiness.state(host.contract, again)] == [
        ("bad-release", "this commit failed here before")
    ]
    Build(host.contract, again).prepare()
    activation.activate(host.contract, again, 60)
    activation.confirm(host.contract, again)
    assert live(host) == again["release"]


@pytest.mark.fault("confirmation never comes", ends="returned")
def test_an_unconfirmed_switch_returns_by_itself(host: FolderHost) -> None:
    first = confirmed(host)
    second = host.prepared()
    activation.activate(host.contract, second, 4)
    assert live(host) == second["release"]
    until(lambda: live(host) == first["release"], "the return")
    until(lambda: switch.read(host.contract) is None, "the end of the switch")
    assert told(host, first, "blue") == ""
    assert state(host, first) == "live"
    assert state(host, second) == "prepared"
    lines = (host.contract.shared / "worker.log").read_text().splitlines()
    assert lines[-1] == f"begin {first['release']}"


@pytest.mark.fault("return fails at first", ends="returned")
def test_a_return_that_fails_is_tried_again_until_it_succeeds(host: FolderHost) -> None:
    """The old instance is gone and cannot start, for its settings are away; the new one serves until they are back."""
    first = confirmed(host)
    second = host.prepared()
    settings = Path(host.contract.env_file)
    activation.activate(host.contract, second, 8)
    settings.rename(settings.with_name("away"))
    old = Instance(host.contract, Release(host.contract, first["release"]), "blue")
    old.stop(old.services())
    log = host.contract.root / "host" / "watch.log"
    until(lambda: log.exists() and "trying again" in log.read_text(), "a second try", 40)
    assert live(host) == second["release"]
    assert told(host, second, "green") == ""
    found = switch.read(host.contract)
    assert found is not None
    assert found.phase == "returning"
    settings.with_name("away").rename(settings)
    until(lambda: live(host) == first["release"], "the return", 40)
    until(lambda: switch.read(host.contract) is None, "the end of the switch", 40)
    assert told(host, first, "blue") == ""
    assert (state(host, first), state(host, second)) == ("live", "prepared")
    lines = (host.contract.shared / "worker.log").read_text().splitlines()
    assert lines[-1] == f"begin {first['release']}"


@pytest.mark.fault("late confirmation", ends="refused")
def test_a_late_confirmation_is_refused(host: FolderHost) -> None:
    confirmed(host)
    second = host.prepared()
    activation.activate(host.contract, second, 2)
    until(lambda: switch.read(host.contract) is None, "the end of the switch")
    with pytest.raises(Failure, match="returned before"):
        activation.confirm(host.contract, second)


@pytest.mark.fault("recovery repeated", ends="returned")
def test_recovery_brings_back_and_is_idempotent(host: FolderHost) -> None:
    first = confirmed(host)
    second = host.prepared()
    activation.activate(host.contract, second, 60)
    done = activation.recover(host.contract, [], "a test said so", bad=True)
    assert (done["state"], done["serving"]) == ("returned", first["release"])
    assert state(host, second) == "bad"
    again = activation.recover(host.contract, [], "once more", bad=True)
    assert (again["state"], again["serving"]) == ("nothing", first["release"])
    until(lambda: switch.read(host.contract) is None, "the end of the switch")


def test_recovery_completes_what_another_host_has_confirmed(host: FolderHost) -> None:
    confirmed(host)
    second = host.prepared()
    activation.activate(host.contract, second, 60)
    activation.stands(host.contract, second)
    done = activation.recover(host.contract, [second["id"]], "", bad=False)
    assert (done["state"], done["serving"]) == ("confirmed", second["release"])


def test_but_not_where_it_was_never_asked_to_be_final(host: FolderHost) -> None:
    """Then the run had not begun to confirm, and who says otherwise lies; what it asked before a return is past."""
    first = confirmed(host)
    second = host.prepared()
    activation.activate(host.contract, second, 60)
    done = activation.recover(host.contract, [second["id"]], "the run died", bad=False)
    assert (done["state"], done["serving"]) == ("returned", first["release"])
    until(lambda: switch.read(host.contract) is None, "the end of the switch")
    again = {**second, "resume": True}
    activation.activate(host.contract, again, 60)
    activation.stands(host.contract, again)
    activation.recover(host.contract, [], "the run died", bad=False)
    until(lambda: switch.read(host.contract) is None, "the end of the switch")
    activation.activate(host.contract, again, 60)
    done = activation.recover(host.contract, [second["id"]], "the run died", bad=False)
    assert (done["state"], done["serving"]) == ("returned", first["release"])


def test_a_switch_of_an_older_version_is_completed_without_that_record(host: FolderHost) -> None:
    confirmed(host)
    second = host.prepared()
    activation.activate(host.contract, second, 60)
    found = switch.read(host.contract)
    assert found
    switch.write(host.contract, dataclasses.replace(found, asks=False))
    assert activation.recover(host.contract, [second["id"]], "", bad=False)["state"] == "confirmed"


SQUATTER = """
import contextlib, os, socket, sys, time
listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1])
listener.listen(0 if sys.argv[2] == "deaf" else 8)
if sys.argv[2] == "deaf":
    waiting = [socket.socket(socket.AF_UNIX) for _ in range(2)]
    for one in waiting:
        one.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            one.connect(sys.argv[1])
if sys.argv[2] == "orphan" and os.fork():
    os._exit(0)
print(os.getpid(), flush=True)
while sys.argv[2] == "deaf":
    time.sleep(60)
while True:
    asked, _ = listener.accept()
    with asked, contextlib.suppress(OSError):  # a launcher looks whether somebody is here, and asks nothing
        asked.recv(65536)
        asked.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\nConnection: close\\r\\n\\r\\n{}")
"""


def test_whoever_keeps_the_socket_of_the_idle_instance_is_named_and_the_release_is_not_to_blame(
    host: FolderHost,
) -> None:
    first, second = confirmed(host), host.prepared()
    place = host.contract.runtime_of("green") / "web.sock"
    words = [sys.executable, "-c", SQUATTER, str(place), "answers"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as squatter:
        try:
            assert squatter.stdout
            squatter.stdout.readline()
            with pytest.raises(
                Failure, match=rf"kept by another process, python[\w.]* \(pid {squatter.pid}, user"
            ) as found:
                activation.activate(host.contract, second, 60)
        finally:
            squatter.kill()
    assert (found.value.kind, live(host)) == ("failed", first["release"])
    assert f"sudo kill {squatter.pid}" in found.value.next_step
    assert state(host, second) == "prepared"
    place.unlink()
    activation.activate(host.contract, second, 60)
    assert live(host) == second["release"]


@pytest.mark.parametrize("kind", ["deaf", "orphan", "port"])
def test_who_keeps_an_address_without_an_answer_of_his_own_is_named_as_well(host: FolderHost, kind: str) -> None:
    """One lets connections wait in a full queue, one was started by a process that has ended, one has a port."""
    release = Release(host.contract, host.prepared()["release"])
    green, web = Instance(host.contract, release, "green"), release.services[0]
    bad = Failure("unhealthy", "wait", "here", "it died", "read its log")
    place = host.contract.runtime_of("green") / "web.sock"
    place.parent.mkdir(parents=True, exist_ok=True)
    words = [sys.executable, "-c", SQUATTER, str(place), kind]
    green._blame_stranger(web, bad)  # nobody has it, so nothing is raised
    if kind == "port":
        with socket.create_server(("127.0.0.1", 0)) as mine:
            port = dataclasses.replace(web, listen="port", ports={"green": mine.getsockname()[1]})
            with pytest.raises(Failure, match=rf"its port \d+ is kept by .* \(pid {os.getpid()}, user"):
                green._blame_stranger(port, bad)
        return
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as squatter:
        assert squatter.stdout
        pid = int(squatter.stdout.readline())
        if kind == "orphan":
            squatter.wait(30)  # until then it has the socket as well
        try:
            with pytest.raises(Failure, match=rf"its socket is kept by .* \(pid {pid}, user") as found:
                green._blame_stranger(web, bad)
            with pytest.raises(SystemExit, match="another process"):
                launch.clear_stale_socket(str(place))
        finally:
            os.kill(pid, signal.SIGKILL)
    assert found.value.kind == "failed"


def journal_of(host: FolderHost) -> Path:
    return host.contract.root / "journal.jsonl"


def test_a_journal_that_was_written_into_confirms_nothing(host: FolderHost) -> None:
    run = host.prepared()
    activation.activate(host.contract, run, 60)
    line = {"act": "confirmed", "run": run["id"], "seq": 999, "previous": "0" * 64, "time": "", "by": "", "host": ""}
    with journal_of(host).open("a") as stream:
        stream.write(json.dumps(line) + "\n")
    told = status.of_host(host.contract)
    assert told["confirmed_run"] == ""
    assert told["confirmed_doubt"] == f"the chain of its journal breaks at record {told['journal_break']}"


def test_a_forged_confirmation_that_continues_the_chain_confirms_nothing_either(host: FolderHost) -> None:
    run = host.prepared()
    activation.activate(host.contract, run, 60)
    journal.append(journal_of(host), {"act": "confirmed", "run": run["id"], "by": "", "host": ""})
    told = status.of_host(host.contract)
    assert (told["confirmed_run"], told["journal_break"]) == ("", None)
    assert run["id"] in told["confirmed_doubt"]


def test_a_confirmed_run_is_told(host: FolderHost) -> None:
    run = host.prepared()
    activation.activate(host.contract, run, 60)
    activation.stands(host.contract, run)
    activation.confirm(host.contract, run)
    told = status.of_host(host.contract)
    assert (told["confirmed_run"], told["confirmed_doubt"]) == (run["id"], "")
    assert told["drift"] == []


@pytest.mark.fault("journal: end cut off", ends="found")
def test_a_journal_without_its_end_is_told(host: FolderHost) -> None:
    run = confirmed(host)
    path = journal_of(host)
    whole = path.read_bytes()
    confirmation = whole.index(b'"act": "confirmed"')
    begun = whole.rindex(b"\n", 0, confirmation) + 1

    def told() -> list[str]:
        return list(status.cut(host.contract, journal.read(path)))

    assert told() == []
    for left in (whole[:begun], b""):
        path.write_bytes(left)
        assert run["release"] in " ".join(told())
        assert run["release"] in " ".join(status.of_host(host.contract)["drift"])
    path.unlink()
    assert run["release"] in " ".join(told())
    path.with_name("journal.jsonl.damaged").write_bytes(whole)
    assert told() == [], "it was moved aside, as one is told to"


@pytest.mark.fault("controller killed", ends="old release", where="a worker is paused")
def test_a_pause_that_nobody_ended_is_ended_by_recovery(host: FolderHost) -> None:
    """Only what may not overlap stands still meanwhile; a later recovery has nothing more to start."""
    run = confirmed(host)
    log = host.contract.shared / "worker.log"
    begun = [f"begin {run['release']}", f"end {run['release']}"]
    assert pausing.pause(host.contract, run)["services"] == ["worker"]
    assert log.read_text().splitlines() == begun
    assert told(host, run, "blue") == "", "the web service was to go on"
    done = activation.recover(host.contract, [], "the run died", bad=False)
    assert (done["state"], done["paused"], done["changed"]) == ("nothing", ["worker"], True)
    again = activation.recover(host.contract, [], "once more", bad=False)
    assert (again["paused"], again["changed"]) == ([], False)
    assert log.read_text().splitlines() == [*begun, begun[0]]


def test_the_first_release_has_nothing_to_return_to(host: FolderHost) -> None:
    first = host.prepared()
    activation.activate(host.contract, first, 60)
    done = activation.recover(host.contract, [], "a test said so", bad=True)
    assert (done["state"], done["serving"]) == ("returned", None)
    assert not host.contract.current.is_symlink()
    until(lambda: switch.read(host.contract) is None, "the end of the switch")


def test_a_second_switch_waits_for_the_first(host: FolderHost) -> None:
    confirmed(host)
    second = host.prepared()
    activation.activate(host.contract, second, 60)
    assert activation.activate(host.contract, second, 60)["changed"] is False
    third = host.prepared()
    with pytest.raises(Failure, match="neither confirmed nor returned"):
        activation.activate(host.contract, third, 60)


@pytest.mark.fault("watcher killed", ends="returned")
def test_after_a_boot_one_version_runs(host: FolderHost) -> None:
    first = confirmed(host)
    second = host.prepared()
    activation.activate(host.contract, second, 60)
    watcher = read_json(host.contract.root / "watch.json")["pid"]
    os.kill(watcher, signal.SIGKILL)
    for program in ("web-blue", "worker-blue", "web-green", "worker-green"):
        subprocess.run([host.contract.supervisor_control, "-c", host.contract.supervisor_config, "stop", program],
                       check=False, capture_output=True, timeout=30)  # fmt: skip
    guard.boot(host.contract)
    assert live(host) == first["release"]
    assert told(host, first, "blue") == ""
    assert "refused" in told(host, second, "green").lower() or "No such file" in told(host, second, "green")
    assert journal.read(host.contract.root / "journal.jsonl")[-1]["act"] == "booted"


KILLED = """
import json, os, signal, sys
sys.path.insert(0, sys.argv[1])
from namaskah_host import activation, journal, switch, files
from namaskah_host.contract import Contract
contract, run, point = Contract(json.loads(sys.argv[2])), json.loads(sys.argv[3]), int(sys.argv[4])
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
# Every durable change of a record or a link is a point at which the module may be killed.
for module in (files, switch):
    for name in ("write_json", "point"):
        setattr(module, name, counted(getattr(files, name)))
from namaskah_host import release
release.write_json, release.point = files.write_json, files.point
activation.activate(contract, run, 5)
"""


@pytest.mark.parametrize("point", range(1, 9))
@pytest.mark.fault("working module killed", ends="old release")
def test_killed_at_any_point_the_host_ends_with_the_old_release(host: FolderHost, point: int) -> None:
    """Kill -9 of the working module after each durable change: either the watcher or recovery brings it back."""
    first = confirmed(host)
    second = host.prepared()
    package = Path(activation.__file__).parents[1]
    killed = subprocess.run([sys.executable, "-c", KILLED, str(package), json.dumps(host.contract.raw),
                             json.dumps(second), str(point)], check=False, timeout=60, capture_output=True)  # fmt: skip
    ended = killed.returncode
    assert ended in (-signal.SIGKILL, 0), killed.stderr
    if ended == 0:
        pytest.fail(f"there are fewer than {point} points: lower the range")
    activation.recover(host.contract, [], "the run was killed", bad=False)
    until(lambda: switch.read(host.contract) is None, "the end of the switch")
    assert live(host) == first["release"]
    assert told(host, first, "blue") == ""
    assert "refused" in told(host, second, "green").lower() or "No such file" in told(host, second, "green")
    third = host.prepared()
    activation.activate(host.contract, third, 60)
    activation.confirm(host.contract, third)
    assert live(host) == third["release"]
