"""Does whatever a switch, a release or a health page holds end in words, and never in a traceback or without end?"""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.namaskah_checks.host import chosen_static
from ansible.module_utils.namaskah_checks.outcome import CheckFailed
from ansible.module_utils.namaskah_host import (
    content,
    drain,
    drift,
    guard,
    health,
    lease,
    pausing,
    provisioned,
    switch,
    unfinished,
)
from ansible.module_utils.namaskah_host.contract import Contract
from ansible.module_utils.namaskah_host.failure import Failure
from ansible.module_utils.namaskah_host.release import Release, records_of
from ansible.module_utils.namaskah_schema import records
from ansible.module_utils.namaskah_schema.answers import Migration

from tests.support import made_up
from tests.support.contracts import contract

MANY = 10_000
SWITCH = switch.Switch(
    "armed",
    "run-1",
    "asha",
    "20260101T000001Z-000000000001",
    "blue",
    "20260101T000002Z-000000000002",
    "green",
    "boot",
    1.5,
)
SERVICES = {
    "web": {"command": ["web", "{socket}"], "listen": "socket", "ports": {"blue": 1, "green": 2}, "overlap": True,
            "health": {"path": "/", "timeout": 2}, "boot_timeout": 8, "stop_timeout": 5, "drain": 1},
    "worker": {"command": ["worker"]},
}  # fmt: skip
RELEASE = "20260101T000001Z-000000000001"


@pytest.fixture
def agreed(tmp_path: Path) -> Contract:
    made = Contract(contract(root=str(tmp_path), runtime=str(tmp_path / "run"), services=SERVICES))
    records_of(made).mkdir()
    (Release(made, RELEASE).folder / ".namaskah").mkdir(parents=True)
    return made


def check_switches(agreed: Contract, count: int) -> None:
    choice, read = made_up.chance(1), 0
    for _ in range(count):
        switch.switch_file(agreed).write_bytes(made_up.text(choice, asdict(SWITCH)))
        with contextlib.suppress(Failure):
            found = switch.read(agreed)
            if found is not None:
                read += 1
                assert isinstance(found.deadline + found.until, int | float)
                assert isinstance(f"{found.run}{found.new}", str)
    assert read > count / 20, "most are none; some have to be one"


def check_releases(agreed: Contract, count: int) -> None:
    choice, read = made_up.chance(2), 0
    release = Release(agreed, RELEASE)
    record = {"id": RELEASE, "commit": "c" * 40, "state": "live", "venv": "v"}
    launch = {"services": SERVICES, "release": RELEASE, "venv": "/venv"}
    for _ in range(count):
        release.record_file.write_bytes(made_up.text(choice, record))
        (release.folder / ".namaskah" / "launch.json").write_bytes(made_up.text(choice, launch))
        with contextlib.suppress(Failure):
            assert all(service.name and service.boot_timeout is not None for service in release.services)
            read += 1
        assert release.complete in (True, False)
    assert read > count / 20


def read_lease(agreed: Contract) -> None:
    lease.holder(agreed)
    lease.refuse_living(agreed, {"id": "r", "fence": 1})
    unfinished.of_host(agreed, [])
    found = lease.read(agreed)
    assert found is None or lease.held(agreed, found, "because").why


def read_migrations(agreed: Contract) -> None:
    records.code_of(agreed, "c", ["one"])
    assert records.of_commit(agreed, "c") is None or records.reviews(agreed) is not None
    records.whole(agreed)


def read_provisioned(agreed: Contract) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(provisioned, "RECORD", str(agreed.root / "provisioned.json"))
        patched.setattr(provisioned, "shown", lambda _: [{"Id": "shop-boot.service", "DropInPaths": "/nowhere/b"}])
        assert all(name in drift.REMEDIES and told for name, told in provisioned.differences(agreed))


OF_FILE = {"size": 5, "mtime_ns": 7, "sha256": "x"}
PROVISIONED = {"files": {"/nowhere/a": {**OF_FILE, "part": "drift-front"}}, "drop_ins": {"/nowhere/b": OF_FILE}}
STATEMENT = {"sql": "x", "lock": "", "findings": []}
KEPT = {"commit": "c", "tag": "", "known": ["one"], "applied": ["one"], "reviewed": [
    {"name": "one", "statements": [STATEMENT]}]}  # fmt: skip
LEASE = {"run": "r", "by": "b", "since": "2026", "fence": 1, "expires": 4e9, "term": 60, "reason": "", "controller": {}}
HELD: dict[str, tuple[dict[str, Any], Callable[[Contract], object]]] = {
    "lease.json": (LEASE, read_lease),
    "paused.json": ({"run": "r", "by": "b", "release": "x"}, pausing.go_on),
    "watch.json": ({"run": "r", "deadline": 1.5, "boot": "b", "pid": 1}, lambda one: guard.watched(one, SWITCH)),
    "migrations.json": ({"a": KEPT, "b": KEPT}, read_migrations),
    "files.json": (
        {"files.json": {"stat": [1], "mode": 1, "sha256": "x"}, "b": {"to": "x"}},
        lambda one: content.differences(one.root, one.root / "files.json"),
    ),
    "provisioned.json": (PROVISIONED, read_provisioned),
    "drain.json": ({"run": "r", "by": "b", "since": "s", "found_out": []}, lambda one: drain.owed(one, {}, ["x"])),
}


def check_records(agreed: Contract, count: int) -> None:
    for number, (name, (record, use)) in enumerate(HELD.items()):
        choice, used = made_up.chance(10 + number), 0
        for _ in range(count):
            (agreed.root / name).write_bytes(made_up.text(choice, record))
            with contextlib.suppress(Failure):
                use(agreed)
                used += 1
        assert used > count / 50, name
        (agreed.root / name).unlink()


ANSWER = [
    b"HTTP/1.1 200 OK\r\n",
    b"Content-Type: application/json\r\n",
    b"\r\n",
    json.dumps({"release": RELEASE}).encode(),
]
PARTS = [
    *ANSWER, b"HTTP/1.1 2x0 OK\r\n", b"HTTP/1.1 999 \xff\r\n", b"HTTP/1.1 301 Moved\r\nLocation: /\x1b[2J\r\n",
    b"Content-Length: -5\r\n", b"Content-Length: 99999999999\r\n", b"Content-Length: x\r\n",
    b"Transfer-Encoding: chunked\r\n", b"zz\r\n", b"ffffffffffff\r\n", b"\r\n", b"\n", b"\0" * 50, b"A" * 70_000,
    b"X: " + b"y" * 70_000 + b"\r\n", b"\xe2\x80\xa8", b"{", b"[" * 5000, b'{"release": [1]}', b"100 Continue\r\n\r\n",
]  # fmt: skip


@contextlib.contextmanager
def answering(path: Path, answers: Iterator[bytes]) -> Iterator[None]:
    """Answer each connection with the next of these bytes, and end it."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()

        def serve() -> None:
            with contextlib.suppress(OSError):
                for answer in answers:
                    connection, _ = server.accept()
                    with connection, contextlib.suppress(OSError):
                        connection.recv(65536)
                        connection.sendall(answer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield
        server.shutdown(socket.SHUT_RDWR)
        thread.join(10)


def check_answers(agreed: Contract, count: int) -> None:
    choice, good = made_up.chance(3), 0
    (service,) = [one for one in agreed.services_of(SERVICES) if one.name == "web"]
    folder = agreed.runtime_of("blue")
    folder.mkdir(parents=True)

    def answers() -> Iterator[bytes]:
        for _ in range(count):
            if choice.random() < 0.1:
                yield b"".join(ANSWER)
            else:
                yield b"".join([*ANSWER[: choice.randint(0, 4)], *choice.choices(PARTS, k=choice.randint(0, 4))])

    with answering(folder / "web.sock", answers()):
        for _ in range(count):
            told = health.complaint(agreed, service, "blue", RELEASE)
            assert isinstance(told, str)
            assert told.isprintable()
            assert len(told) < 2000
            good += not told
    assert good > count / 20


def check_static(agreed: Contract, count: int) -> None:
    """The list of a release's static files, as the check of the front reads it."""
    choice, read = made_up.chance(32), 0
    release, asked = Release(agreed, RELEASE), Contract({**agreed.raw, "static_root": "static", "static_url": "/s/"})
    agreed.current.symlink_to(release.folder)
    for _ in range(count):
        (release.folder / ".namaskah" / "static.json").write_bytes(made_up.text(choice, {"a.css": "x", "b.js": "y"}))
        with contextlib.suppress(CheckFailed):
            found = chosen_static(asked, 1, ["a.css"])
            assert found is not None
            assert all(isinstance(sha256, str) for sha256 in found.files.values())
            read += 1
    assert read > count / 50


def test_a_made_up_list_of_static_files_is_read_or_refused(agreed: Contract) -> None:
    check_static(agreed, 300)


def test_a_made_up_switch_is_read_or_refused(agreed: Contract) -> None:
    check_switches(agreed, 300)


def test_a_made_up_record_is_read_or_refused(agreed: Contract) -> None:
    check_records(agreed, 300)


def test_a_made_up_lease_of_another_host_is_refused_in_words(agreed: Contract) -> None:
    choice = made_up.chance(31)
    for _ in range(300):
        assert lease.held(agreed, made_up.changed(choice, LEASE), "somebody else holds it").why


@pytest.mark.parametrize("text", ["", "[]", '{"r": {}}', '{"r": {"commit": "c"'])
def test_migrations_that_were_applied_are_kept_over_a_damaged_record(agreed: Contract, text: str) -> None:
    place = records.file_of(agreed)
    place.write_text(text)
    told = records.keep(
        agreed, Release(agreed, RELEASE), [Migration("one", {})], ["one"], [], run={"id": "r", "by": "tests"}
    )
    assert f"{place} was damaged" in told
    assert place.with_name("migrations.json.unreadable").read_text() == text
    assert records.whole(agreed)[RELEASE]["applied"] == ["one"]


def test_a_made_up_release_is_read_or_refused(agreed: Contract) -> None:
    check_releases(agreed, 300)


def test_a_made_up_health_answer_is_judged(agreed: Contract) -> None:
    check_answers(agreed, 300)


@pytest.mark.soak
@pytest.mark.parametrize("check", [check_switches, check_records, check_releases, check_answers, check_static])
def test_many_made_up_records_and_answers(agreed: Contract, check: Callable[[Contract, int], None]) -> None:
    check(agreed, MANY)
