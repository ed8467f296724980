"""Does the dashboard serve a person: log in, pay, prove a number, look at analytics? And does its worker work once?"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from urllib.parse import quote, urlencode
from urllib.request import urlopen

import pytest

from tests.support.samples.http_client import Client
from tests.support.samples.making import Releaser
from tests.support.samples.process import Running, wait_for
from tests.support.samples.sample import EXAMPLES, PASSWORD, Release

PHONE = "+2348012345678"


@pytest.fixture(scope="module")
def gateway() -> Iterator[str]:
    """Return the address of a fake SMS gateway."""
    command = [sys.executable, str(EXAMPLES / "sms_gateway.py")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


@pytest.fixture
def served(release: Releaser, gateway: str) -> Iterator[tuple[Release, Running]]:
    """Return the first version, prepared, seeded and serving."""
    put = release("dashboard", "v1.0.0", SMS_GATEWAY_URL=gateway)
    put.do("build", "seed")
    with put.web() as web:
        web.becomes_healthy(within=20)
        yield put, web


def test_a_person_logs_in_and_pays_and_a_forged_request_does_not(served: tuple[Release, Running]) -> None:
    person = Client(served[1].client.socket)
    assert person.get("/").headers["location"] == "/login?next=/"
    log_in(person)
    page = person.get("/").text
    assert "<h1>Dashboard</h1>" in page
    assert 'data-release="release-v1.0.0"' in page
    values = {"amount": 700, "idempotency_key": "by-hand"}
    assert person.post("/api/payments", values).status == 403
    assert person.post("/api/payments", values, {"X-CSRFToken": form_token(page)}).status == 201
    assert person.get("/api/payments").json["payments"][0]["amount"] == 700
    assert person.get("/analytics").status == 200
    assert person.get("/api/analytics").json["payments"] == {"count": 1, "amount": 700, "executed": 1}


def log_in(person: Client) -> None:
    token = form_token(person.get("/login").text)
    form = urlencode({"username": "demo", "password": PASSWORD, "csrfmiddlewaretoken": token}).encode()
    # As a front proxy with TLS would pass it on: the page's own origin is https then, and must be believed.
    headers = {
        "Content-Type": "application/x-www-form-urlencoded",
        "Origin": "https://localhost",
        "X-Forwarded-Proto": "https",
    }
    assert person.request("POST", "/login", form, headers, 10).headers["location"] == "/"


def form_token(page: str) -> str:
    found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
    assert found
    return found[1]


def test_a_script_gets_a_token_and_proves_a_number(served: tuple[Release, Running], gateway: str) -> None:
    script = Client(served[1].client.socket)
    script.token = script.post("/api/token", {"username": "demo", "password": PASSWORD}).json["token"]
    number = script.post("/api/verifications", {"phone": PHONE}).json
    assert number["status"] == "sent"
    with urlopen(f"{gateway}/messages?to={quote(PHONE)}", timeout=5) as answer:  # noqa: S310  the gateway that this test started
        code = json.load(answer)["messages"][-1]["text"][-6:]
    path = f"/api/verifications/{number['id']}/check"
    assert script.post(path, {"code": "x"}).status == 403
    assert script.post(path, {"code": code}).json["status"] == "verified"
    assert script.get("/api/analytics").json["verifications"] == {"sent": 1, "verified": 1}


def test_pages_name_hashed_files_that_may_be_kept_for_ever(served: tuple[Release, Running]) -> None:
    client = served[1].client
    names = re.findall(r'"(/static/[^"]+)"', client.get("/login").text)
    assert [re.sub(r"\.[0-9a-f]{12}\.", ".", name) for name in names] == [
        "/static/css/app.css",
        "/static/js/error-handler.js",
        "/static/js/loading-skeleton.js",
        "/static/js/offline.js",
    ]
    for name in names:
        assert re.search(r"\.[0-9a-f]{12}\.", name)
        assert "immutable" in client.get(name).headers["cache-control"]
    worker = client.get("/sw.js").text
    assert names[1] in worker
    assert client.get("/offline").status == 200


def test_the_worker_runs_each_job_once_and_ends_when_told(served: tuple[Release, Running]) -> None:
    put, web = served
    for number in range(20):
        assert web.client.post("/api/payments", {"amount": 5, "idempotency_key": f"k{number}"}).status == 201
    second = put.folder.parent / "second.log"
    with put.worker() as one, put.service("{bin}/python manage.py worker --poll 0.1", second.stem) as two:
        assert wait_for(lambda: web.client.get("/api/jobs").json["done"] == 20, within=20)
        assert [one.stop(), two.stop()] == [0, 0]
    found = web.client.get("/api/jobs").json
    assert (found["pending"], found["done"]) == (0, 20)
    assert len({run["id"] for run in found["runs"]}) == 20
    assert {run["release"] for run in found["runs"]} == {"release-v1.0.0"}
    workers = web.client.get("/api/workers").json["workers"]
    assert len(workers) == 2
    assert all(worker["ended_at"] for worker in workers)


def test_health_says_so_when_the_database_goes_away(release: Releaser) -> None:
    put = release("dashboard", "v1.0.0", database="postgresql://postgres@/app?host=/nonexistent")
    with put.web() as web:
        answer = wait_for(lambda: web.answers(seconds=3), within=20)  # its pool waits two seconds for a connection
        assert answer
        assert (answer.status, answer.json["status"], answer.json["error"]) == (503, "unavailable", "database")
        assert "database_up 0.0" in web.client.get("/metrics").text


def test_without_the_address_of_a_database_it_silently_takes_a_file(release: Releaser) -> None:
    """The trap that the sample keeps for whoever releases it."""
    put = release("dashboard", "v1.0.0", DATABASE_URL="")
    assert put.run("migrate").returncode == 0
    assert (put.folder / "db.sqlite3").exists()
