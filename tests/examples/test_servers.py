"""Does each sample do under each of its servers what its README promises?"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import threading

import pytest
from websockets.exceptions import InvalidStatus

from tests.support.samples.http_client import Answer, Client
from tests.support.samples.making import Releaser
from tests.support.samples.process import Running
from tests.support.samples.sample import SERVERS, TOKEN

EVERY_SERVER = [(sample, server) for sample, servers in SERVERS.items() for server in servers]
STATIC = {"dashboard": "/static/js/dashboard.js", "ledger": "/static/js/ledger.js"}


@pytest.mark.parametrize(("sample", "server"), EVERY_SERVER)
def test_serves_what_its_readme_promises(sample: str, server: str, release: Releaser) -> None:
    put = release(sample, "v1.0.0")
    put.do("build")
    with put.web(server) as web:
        check_health(web, put.variables()["NAMASKAH_COMMIT"], sample)
        check_payments(web.client)
        check_notifications(web)
        check_refusals(web.client, sample)
        assert web.client.get(STATIC[sample]).status == 200
        check_metrics(web.client)
        check_request_in_flight(web)


def check_health(web: Running, commit: str, sample: str) -> None:
    health = web.becomes_healthy(within=20).json
    known = {name: health[name] for name in ("status", "application", "database", "version", "release", "commit")}
    assert known == {
        "status": "ok", "application": sample, "database": "postgresql",
        "version": "1.0.0", "release": "release-v1.0.0", "commit": commit,
    }  # fmt: skip
    assert (health["instance"], health["service"]) == ("blue", "web")
    # It may be a child of the process that was started, in the session of that one.
    assert os.getsid(health["pid"]) == web.process.pid


def check_payments(client: Client) -> None:
    first, again = pay(client, "k1"), pay(client, "k1")
    assert (first.status, again.status) == (201, 200)
    assert first.json == again.json
    assert (first.headers["idempotent-replayed"], again.headers["idempotent-replayed"]) == ("false", "true")
    assert pay(client, "k1", amount=99).status == 409
    # Twenty at once under one key: executed once.
    answers: list[Answer] = []
    threads = [threading.Thread(target=lambda: answers.append(pay(client, "race"))) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answer.status for answer in answers) == [200] * 19 + [201]
    assert len({answer.text for answer in answers}) == 1
    ledger = client.get("/api/ledger").json
    assert ledger["count"] == 2
    assert [(entry["key"], entry["release"]) for entry in ledger["entries"]] == [
        ("k1", "release-v1.0.0"),
        ("race", "release-v1.0.0"),
    ]
    assert client.get(f"/api/ledger?after={ledger['entries'][0]['id']}").json["entries"] == ledger["entries"][1:]


def pay(client: Client, key: str, amount: int = 1250) -> Answer:
    return client.post("/api/payments", {"amount": amount, "idempotency_key": key})


def check_notifications(web: Running) -> None:
    with web.client.websocket() as socket:
        status = json.loads(socket.recv(timeout=5))
        assert (status["type"], status["release"]) == ("status", "release-v1.0.0")
        socket.send(json.dumps({"type": "ping", "echo": 7}))
        assert json.loads(socket.recv(timeout=5)) == {"type": "pong", "release": "release-v1.0.0", "echo": 7}
        assert socket.ping().wait(5)
        socket.send(json.dumps({"type": "authenticate", "token": "guessed"}))
        assert json.loads(socket.recv(timeout=5))["type"] == "error"
        socket.send(json.dumps({"type": "authenticate", "token": TOKEN}))
        assert json.loads(socket.recv(timeout=5)) == {"type": "authenticated", "as": "service"}
    with pytest.raises(InvalidStatus, match="403"), web.client.websocket(origin="https://elsewhere.example"):
        pass
    with web.client.websocket(origin="http://localhost"):
        pass


def check_refusals(client: Client, sample: str) -> None:
    assert Client(client.socket).get("/api/ledger").status == 401
    unknown = client.get("/api/unknown")
    assert (unknown.status, unknown.headers["content-type"].split(";")[0]) == (404, "application/json")
    assert client.post("/api/payments", {"amount": 0}).status == (400 if sample == "dashboard" else 422)
    assert client.get("/api/slow?seconds=31").status == (400 if sample == "dashboard" else 422)


def check_metrics(client: Client) -> None:
    lines = client.get("/metrics").text.splitlines()
    # Summed over the server's processes: what the payments above did, whichever process did it.
    assert 'payments_total{result="executed"} 2.0' in lines
    assert 'payments_total{result="repeated"} 20.0' in lines
    assert [line for line in lines if line.startswith("build_info{") and 'release="release-v1.0.0"' in line]
    assert "ledger_entries 2.0" in lines
    assert "database_up 1.0" in lines


def check_request_in_flight(web: Running) -> None:
    """A request that has begun is answered although the server was told to end; daphne cuts it off."""
    answers: list[Answer] = []

    def ask() -> None:
        with contextlib.suppress(OSError):
            answers.append(web.client.get("/api/slow?seconds=1.5"))

    thread = threading.Thread(target=ask)
    thread.start()
    thread.join(0.7)
    web.process.send_signal(signal.SIGTERM)
    thread.join()
    web.process.wait(15)
    daphne = "daphne" in str(web.process.args)
    assert [answer.status for answer in answers] == ([] if daphne else [200])
