"""Is an instance asked within one bound of time, and is the reason of a refusal always said?"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from ansible.module_utils.namaskah_host import bounded, health
from ansible.module_utils.namaskah_host.contract import Contract, Service
from ansible.module_utils.namaskah_host.failure import Failure

from tests.support.contracts import HERE, contract

SECONDS = 1.0
GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"
Answering = Callable[[Callable[[socket.socket], None]], tuple[Contract, Service]]


@pytest.fixture
def answering(tmp_path: Path) -> Iterator[Answering]:
    """A service on a unix socket that answers each connection by a function."""
    over = threading.Event()
    listener = socket.socket(socket.AF_UNIX)
    listener.settimeout(0.1)

    def serve(answer: Callable[[socket.socket], None]) -> None:
        while not over.is_set():
            try:
                asked, _ = listener.accept()
            except TimeoutError:
                continue
            with asked:
                try:
                    asked.recv(65536)
                    answer(asked)
                except OSError:  # who asked has gone
                    continue

    def start(answer: Callable[[socket.socket], None]) -> tuple[Contract, Service]:
        (tmp_path / "blue").mkdir()
        listener.bind(str(tmp_path / "blue" / "web.sock"))
        listener.listen(8)
        thread.append(threading.Thread(target=serve, args=(answer,)))
        thread[0].start()
        web = {"command": ["web"], "listen": "socket", "overlap": True, "boot_timeout": 2, "health": {"path": "/"}}
        agreed = Contract(contract(HERE, runtime=str(tmp_path), root=str(tmp_path), services={"web": web},
                                   health_defaults={"timeout": SECONDS, "release_key": ""}))  # fmt: skip
        return agreed, agreed.services_of(agreed.raw["services"])[0]

    thread: list[threading.Thread] = []
    yield start
    over.set()
    for one in thread:
        one.join()
    listener.close()


def trickle(asked: socket.socket, head: bytes) -> None:
    asked.sendall(head)
    for _ in range(40):
        time.sleep(0.1)
        asked.sendall(b"X")


@pytest.mark.parametrize("head", [b"HTTP/1.1 200 O", b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 200 OK\r\n\r\n"])
def test_an_answer_that_trickles_in_is_over_at_its_time(answering: Answering, head: bytes) -> None:
    agreed, service = answering(lambda asked: trickle(asked, head))
    begun = time.monotonic()
    told = health.complaint(agreed, service, "blue", "release")
    assert time.monotonic() - begun < SECONDS + 0.5
    assert told == "TimeoutError: timed out: no complete answer within 1 s"


ENDLESS = {
    "interim answers": (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 2000),
    "trailers": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", b"X: y\r\n" * 10000),
}


@pytest.mark.parametrize("kind", ENDLESS)
def test_who_never_pauses_is_over_at_the_time(answering: Answering, kind: str) -> None:
    """A wait ends where nothing comes; here something always does."""
    head, more = ENDLESS[kind]

    def pour(asked: socket.socket) -> None:
        asked.sendall(head)
        for _ in range(1000):  # about 50 MB: without a deadline the reader would take seconds
            asked.sendall(more)
        trickle(asked, b"")

    agreed, service = answering(pour)
    connected = health.connection(agreed, service, "blue", 0.1)
    begun = time.monotonic()
    assert health.get(connected, "/", {}).error.startswith("TimeoutError: timed out")
    assert time.monotonic() - begun < SECONDS


def test_all_addresses_of_a_name_share_one_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two that let a connection wait, for their queue is full; and a search for the name that does not end."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full, socket.create_connection(full.getsockname()):
        one = (socket.AF_INET, socket.SOCK_STREAM, 6, "", full.getsockname())
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [one] * 20)
        begun = time.monotonic()
        with pytest.raises(TimeoutError, match=r"no complete answer within 0\.1 s"):
            bounded.BoundedConnection("many.example", 0.1).connect()
        assert time.monotonic() - begun < SECONDS
    silent = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: silent.wait(SECONDS * 2) * [])
    with pytest.raises(TimeoutError, match=r"the name many.example was not found in time"):
        bounded.BoundedConnection("many.example", 0.1).connect()
    silent.set()


def test_good_answers_that_come_too_late_are_the_reason(answering: Answering, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "PAUSE", 1.1)
    agreed, service = answering(lambda asked: asked.sendall(GOOD))
    with pytest.raises(Failure, match="its last 2 answers were good, 3 in a row are wanted"):
        health.gate(agreed, service, "blue", "release", lambda: "")


def test_the_first_address_that_answers_is_asked() -> None:
    """`localhost` may name ::1 first, where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        connection = bounded.BoundedConnection(f"localhost:{listener.getsockname()[1]}", SECONDS)
        connection.connect()
        connection.close()
    with pytest.raises(ConnectionRefusedError):
        connection.connect()
