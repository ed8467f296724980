"""Does each broken tag break what it says, where it says, and leave the rest good?"""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from tests.support.samples.databases import Databases
from tests.support.samples.making import Releaser
from tests.support.samples.process import Running, wait_for
from tests.support.samples.sample import EXAMPLES, SERVERS, Release
from tests.support.waiting import is_gone

EXPECTED: dict[str, dict[str, Any]] = {
    sample: json.loads((EXAMPLES / sample / "history" / "expected.json").read_text())
    for sample in ("dashboard", "ledger")
}
BASE = "v1.1.0"
APPLIED = {
    "dashboard": "SELECT name FROM django_migrations WHERE app = 'payments' ORDER BY id",
    "ledger": "SELECT version_num FROM alembic_version",
}
GOOD_ONE = {"dashboard": ["0001_initial", "0002_payment_note"], "ledger": ["0002_note"]}

# Which test proves which tag; a tag that nobody proves fails the last test of this file.
PROVED = {
    "broken-start", "broken-lifespan", "broken-health-500", "broken-after-5s", "broken-websocket", "slow-start",
    "broken-worker", "broken-migration", "broken-collectstatic", "broken-build", "broken-requirement",
}  # fmt: skip


def having(*tags: str) -> list[tuple[str, str]]:
    """Return every sample with each of these tags that it has."""
    return [(sample, tag) for sample, known in EXPECTED.items() for tag in tags if tag in known]


# Two supervising parents, which treat a child's end differently. daphne is left out: it has neither children
# nor, for lifespan, the protocol by which an application says that it cannot start.
SUPERVISED = [(sample, server) for sample, servers in SERVERS.items() for server in servers if server != "daphne"]


def never_healthy(web: Running, seconds: float) -> bool:
    """Return whether it gave no good health answer during all that time."""
    answer = wait_for(lambda: (found := web.answers()) and found.status == 200, within=seconds)
    return not answer


@pytest.mark.parametrize(("sample", "server"), SUPERVISED)
def test_start_fails_at_import(sample: str, server: str, release: Releaser) -> None:
    put = release(sample, "broken-start")
    with put.web(server) as web:
        assert wait_for(lambda: EXPECTED[sample]["broken-start"]["log"] in web.said(), within=15), web.said()
        assert never_healthy(web, 2)


@pytest.mark.parametrize(("sample", "server"), SUPERVISED)
def test_lifespan_fails_while_the_parent_lives(sample: str, server: str, release: Releaser) -> None:
    put = release(sample, "broken-lifespan")
    with put.web(server) as web:
        said = EXPECTED[sample]["broken-lifespan"]["log"]
        assert wait_for(lambda: web.said().count(said) >= 3, within=20), web.said()
        assert never_healthy(web, 2)
        assert web.process.poll() is None, web.said()


@pytest.mark.parametrize(("sample", "tag"), having("broken-health-500"))
def test_health_says_500_and_all_else_works(sample: str, tag: str, release: Releaser) -> None:
    put = release(sample, tag)
    with put.web() as web:
        answer = wait_for(web.answers, within=20)
        assert answer
        assert (answer.status, answer.json["error"]) == (500, "the cache is cold")
        assert web.client.get("/api/ledger").status == 200


@pytest.mark.parametrize(("sample", "server"), SUPERVISED)
def test_life_ends_after_five_seconds(sample: str, server: str, release: Releaser) -> None:
    put = release(sample, "broken-after-5s")
    with put.web(server) as web:
        first = web.becomes_healthy(within=20).json["pid"]
        seen = time.monotonic()
        # uvicorn's parent may take five seconds more to collect what has ended, while it asks its other child.
        assert wait_for(lambda: is_gone(first) or web.process.poll() is not None, within=8)
        assert time.monotonic() - seen > 2


@pytest.mark.parametrize(("sample", "tag"), having("broken-websocket"))
def test_handshakes_are_refused_and_all_else_works(sample: str, tag: str, release: Releaser) -> None:
    put = release(sample, tag)
    with put.web() as web:
        web.becomes_healthy(within=20)
        with pytest.raises(InvalidStatus, match=EXPECTED[sample][tag]["log"]), web.client.websocket():
            pass
        assert web.client.get("/api/ledger").status == 200


@pytest.mark.parametrize(("sample", "tag"), having("slow-start"))
def test_a_slow_start_is_good_in_the_end(sample: str, tag: str, release: Releaser) -> None:
    put = release(sample, tag)
    begun = time.monotonic()
    with put.web() as web:
        web.becomes_healthy(within=30)
        assert time.monotonic() - begun > EXPECTED[sample][tag]["starts_after"]
        with web.client.websocket() as socket:
            assert json.loads(socket.recv(timeout=5))["type"] == "status"


@pytest.mark.parametrize(("sample", "tag"), having("broken-worker"))
def test_the_worker_ends_and_the_web_is_good(sample: str, tag: str, release: Releaser) -> None:
    put = release(sample, tag)
    with put.web() as web, put.worker() as worker:
        assert worker.process.wait(20) != 0
        assert EXPECTED[sample][tag]["log"] in worker.said()
        web.becomes_healthy(within=20)


@pytest.mark.parametrize(("sample", "tag"), having("broken-migration"))
def test_the_first_migration_stays_and_the_old_code_works_with_it(
    sample: str, tag: str, release: Releaser, postgres: Databases
) -> None:
    old, new, mended = (release(sample, name) for name in (BASE, tag, "v1.3.0"))
    with old.web() as web:
        web.becomes_healthy(within=20)
        ended = new.run("migrate")
        assert ended.returncode != 0
        assert EXPECTED[sample][tag]["log"] in ended.stdout
        assert postgres.query(APPLIED[sample], new.settings["DATABASE_URL"]).split() == GOOD_ONE[sample]
        assert web.client.post("/api/payments", {"amount": 5, "idempotency_key": "k"}).status == 201
        mended.do("migrate")


def test_the_ledgers_old_commands_are_lost_until_the_broken_release_takes_its_migration_back(release: Releaser) -> None:
    old, broken = release("ledger", BASE), release("ledger", "broken-migration")
    assert broken.run("migrate").returncode != 0
    lost = old.run("migrate")
    assert lost.returncode != 0
    assert "Can't locate revision identified by '0002_note'" in lost.stdout
    back = broken.run_words([*broken.words("{bin}/alembic downgrade"), "0001"])
    assert back.returncode == 0, back.stdout
    old.do("migrate")


def build(put: Release) -> subprocess.CompletedProcess[str]:
    return put.run("build")


def install(put: Release) -> subprocess.CompletedProcess[str]:
    """Install the requirements, without touching the environment that the other tests use."""
    words = f"{put.sample.environment}/bin/pip install --dry-run --disable-pip-version-check -r requirements.txt"
    return put.run_words(words.split())


PREPARING: dict[str, Callable[[Release], subprocess.CompletedProcess[str]]] = {
    "broken-collectstatic": build,
    "broken-build": build,
    "broken-requirement": install,
}


@pytest.mark.parametrize(("sample", "tag"), having(*PREPARING))
def test_preparing_fails_and_names_the_cause(sample: str, tag: str, release: Releaser) -> None:
    good, broken = (PREPARING[tag](release(sample, name)) for name in (BASE, tag))
    assert good.returncode == 0, good.stdout
    assert broken.returncode != 0
    assert EXPECTED[sample][tag]["log"] in broken.stdout


@pytest.mark.parametrize("sample", EXPECTED)
def test_every_tag_that_is_not_a_plain_version_is_proved_here(sample: str) -> None:
    special = {tag for tag in EXPECTED[sample] if not tag.startswith("v")}
    assert special <= PROVED
