"""Does the proof of running code believe what runs, and nothing else? With real processes under a real manager."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from ansible.module_utils.namaskah_checks.outcome import CheckFailed
from ansible.module_utils.namaskah_checks.settle import settle
from ansible.module_utils.namaskah_checks.verification import verify as verify_with
from ansible.module_utils.namaskah_host import drift
from ansible.module_utils.namaskah_host.contract import Contract
from ansible.module_utils.namaskah_host.files import point
from ansible.module_utils.namaskah_host.observed import running_processes

from tests.support.verification.host import SmallHost, running_host


@pytest.fixture(scope="module")
def host() -> Iterator[SmallHost]:
    with running_host() as made:
        yield made


def verify(host: SmallHost, **parameters: Any) -> tuple[dict[str, Any], Any]:
    given = {
        "contract": host.contract.raw, "where": "host", "url": "", "name": "", "ca_file": "", "release": "",
        "words": '{"http": [], "websockets": []}', "static_files": 10, "static_names": [], "static_sample": {},
        "timeout": 1, "patience": 1, "settle": 1,
    }  # fmt: skip
    return verify_with({**given, **parameters})


def why(host: SmallHost, **parameters: Any) -> str:
    _, failure = verify(host, **parameters)
    assert failure is not None
    assert failure.kind == "unhealthy"
    return f"{failure.what}: {failure.why}"


def test_a_good_release_is_proved(host: SmallHost) -> None:
    release = host.prepare("good")
    host.go_live(release)
    result, failure = verify(host, release=release.id)
    assert failure is None
    assert [check["name"] for check in result["checks"]] == [
        "current names the live release",
        "running code of web",
        "own socket of web",
        "running code of worker",
        "only one worker",
        "lives 1 s without a restart",
    ]
    details = {check["name"]: check["detail"] for check in result["checks"]}
    assert details["running code of web"].startswith("3 processes (")
    assert "each names " + release.id in details["own socket of web"]
    assert (result["failed"], result["release"]) == (0, release.id)


@pytest.mark.fault("drift: current moved", ends="found")
def test_current_pointed_elsewhere_without_a_restart_fails(host: SmallHost) -> None:
    old = host.prepare("good")
    instance = host.go_live(old)
    new = host.prepare("good")
    point(host.contract.current, f"releases/{new.id}")
    assert "no instance was ever started for it" in why(host)
    # Even with every link of the release in place, the processes and their socket tell the truth.
    new.take(instance.name)
    said = why(host)
    assert f"runs from {old.folder}, not from {new.folder}" in said
    assert f"says release='{old.id}', expected '{new.id}'" in said
    old.take(instance.name)
    point(host.contract.current, f"releases/{old.id}")
    assert verify(host)[1] is None


@pytest.mark.fault("drift: stale process", ends="found", where="an application in a folder of its repository")
def test_an_application_in_a_folder_of_its_repository_is_proved_there(
    host: SmallHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its services change into that folder, as servers do that are told to."""
    words = ["/bin/sh", "-c", 'cd backend && exec "$0" -B ../program.py', "{venv}/bin/python"]
    services = {name: {**service, "command": words} for name, service in host.contract.raw["services"].items()}
    monkeypatch.setattr(host, "contract", Contract({**host.contract.raw, "services": services}))
    (host.remote.clone / "backend").mkdir()
    (host.remote.clone / "backend" / "mode").write_text("good")
    release = host.prepare("good")
    instance = host.go_live(release)
    (process, *_) = [one for one in running_processes(host.contract) if one["cwd"] == f"{release.folder}/backend"]
    assert process["environment"]["NAMASKAH_RELEASE"] == release.id
    assert verify(host, release=release.id)[1] is None
    assert list(drift.of_processes(host.contract, instance)) == []
    new = host.prepare("good")
    new.take(instance.name)
    point(host.contract.current, f"releases/{new.id}")
    stale = f"runs from {release.folder}/backend, not from {new.folder}"
    assert stale in why(host)
    told = [what for _, what in drift.of_processes(host.contract, host.live())]
    assert len([what for what in told if stale in what]) == 2, told
    release.take(instance.name)
    point(host.contract.current, f"releases/{release.id}")


def test_another_release_than_expected_fails(host: SmallHost) -> None:
    live = host.prepare("good")
    host.go_live(live)
    assert f"names {live.id}, not 20250101T000000Z-000000000000" in why(host, release="20250101T000000Z-000000000000")


@pytest.mark.fault("drift: stale process", ends="found")
def test_a_process_of_another_folder_fails(host: SmallHost) -> None:
    """What a reload does that keeps the resolved old folder: the release's own answers are right."""
    live = host.prepare("good")
    instance = host.go_live(live)
    service = next(service for service in instance.services() if service.name == "web")
    main = instance.manager.unit(service, instance.name).pid
    moved = live.folder.with_name("moved-away")
    live.folder.rename(moved)
    try:
        live.folder.mkdir()
        for entry in moved.iterdir():
            point(live.folder / entry.name, str(entry.readlink()) if entry.is_symlink() else str(entry))
        assert f"process {main} of web@{instance.name} runs from {moved}, not from {live.folder}" in why(host)
    finally:
        for entry in live.folder.iterdir():
            entry.unlink()
        live.folder.rmdir()
        moved.rename(live.folder)


@pytest.mark.fault("drift: service stopped", ends="found")
def test_a_stopped_worker_fails(host: SmallHost) -> None:
    instance = host.go_live(host.prepare("good"))
    worker = next(service for service in instance.services() if service.name == "worker")
    instance.manager.stop(worker, instance.name)
    assert f"running code of worker: worker@{instance.name} does not run" in why(host)


@pytest.mark.fault("service runs twice", ends="found")
def test_a_second_worker_on_the_other_instance_fails(host: SmallHost) -> None:
    first = host.prepare("good")
    old = host.go_live(first)
    new = host.go_live(host.prepare("good"))
    worker = next(service for service in new.services() if service.name == "worker")
    old.manager.start(worker, old.name)
    try:
        assert "only one worker: worker@" in why(host)
    finally:
        old.manager.stop(worker, old.name)


@pytest.mark.fault("release: lies about itself", ends="found")
def test_a_release_that_lies_about_itself_fails(host: SmallHost) -> None:
    live = host.prepare("good")
    host.go_live(live)
    (live.folder / "mode").write_text("lies")
    assert f"own socket of web: web@{live.instance} on its own socket" in why(host)
    assert f"says release='another', expected '{live.id}'" in why(host)


# The gate takes three good answers and the proof five: the tenth is given while the release settles.
@pytest.mark.parametrize(
    ("mode", "reason"),
    [
        ("workers-end 10", "timed out"),  # the parent lives and its socket accepts, and nobody answers
        ("fails-after 10", "web@"),
        ("sick-after 10", "GET /healthz answered 500, expected 200"),
    ],
)
@pytest.mark.fault("release: fails late", ends="found")
def test_a_release_that_fails_later_is_found_while_it_settles(host: SmallHost, mode: str, reason: str) -> None:
    live = host.prepare(mode)
    host.go_live(live, "provisional")
    said = why(host, settle=3)
    assert "lives 3 s without a restart: " in said
    assert reason in said


@pytest.mark.fault("release: children die", ends="found")
def test_workers_that_are_replaced_again_and_again_are_found(host: SmallHost) -> None:
    host.go_live(host.prepare("workers-replaced 1"), "provisional")
    said = why(host, settle=3)
    assert "web@" in said
    if "lives 3 s" in said:  # else a question met the end of a worker
        assert "keep being replaced" in said or "answered well at first, then" in said


@pytest.mark.fault("process killed: live instance", ends="found")
def test_a_restart_while_it_is_watched_fails(host: SmallHost) -> None:
    instance = host.go_live(host.prepare("good"))
    service = next(service for service in instance.services() if service.name == "worker")
    pid = instance.manager.unit(service, instance.name).pid
    assert pid
    killer = threading.Timer(1.5, os.kill, (pid, signal.SIGKILL))
    killer.start()
    with pytest.raises(
        CheckFailed, match=rf"worker@{instance.name} (was restarted while it was watched|does not run|is gone)"
    ):
        settle(host.contract, 30, 0)
    killer.join()
    while pid == (instance.manager.unit(service, instance.name).pid or pid):
        time.sleep(0.05)
    assert verify(host)[1] is None, "the new process lives long enough: it is believed again"


@pytest.mark.fault("process stopped", ends="found", where="the live instance")
def test_a_stopped_instance_fails(host: SmallHost) -> None:
    """SIGSTOP of all its processes: the manager says that it runs, each process runs from the right folder."""
    instance = host.go_live(host.prepare("good"))
    stopped = [process["pid"] for process in running_processes(host.contract)
               if process["cwd"] == str(instance.release.folder)]  # fmt: skip
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    try:
        said = why(host)
        assert f"own socket of web: web@{instance.name} on its own socket" in said
        assert "timed out" in said
    finally:
        for pid in stopped:
            os.kill(pid, signal.SIGCONT)
    assert verify(host)[1] is None


def test_old_processes_need_no_waiting(host: SmallHost) -> None:
    host.go_live(host.prepare("good"))
    verify(host, settle=2)
    result, failure = verify(host, settle=2)
    assert failure is None
    assert "3 rounds of questions" in result["checks"][-1]["detail"]


def test_no_release_at_all_fails(host: SmallHost) -> None:
    host.contract.current.rename(host.contract.root / "kept")
    try:
        assert f"{host.contract.current} names no release" in why(host)
    finally:
        (host.contract.root / "kept").rename(host.contract.current)


def test_what_is_seen_are_processes_of_the_release(host: SmallHost) -> None:
    live = host.prepare("good")
    host.go_live(live)
    ours = [process for process in running_processes(host.contract) if process["cwd"] == str(live.folder)]
    assert len(ours) == 4, "a parent, two workers, and the service that does not listen"
    assert {process["environment"]["NAMASKAH_RELEASE"] for process in ours} == {live.id}
