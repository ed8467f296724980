"""Do the good versions follow each other as their history says: new files, a new package, two kinds of migrations?"""

from __future__ import annotations

import re

import pytest

from tests.support.samples.http_client import Client
from tests.support.samples.making import Releaser
from tests.support.samples.process import Running
from tests.support.samples.sample import Release

SAMPLES = ("dashboard", "ledger")
BACK = {
    "dashboard": ["{bin}/python", "manage.py", "migrate", "payments", "0002"],
    "ledger": ["{bin}/alembic", "downgrade", "0002_note"],
}
TABLE = {"dashboard": "payments_payment", "ledger": "payments"}


def pay(web: Running, key: str, **more: object) -> int:
    web.becomes_healthy(within=20)
    return web.client.post("/api/payments", {"amount": 12500, "idempotency_key": key, **more}).status


@pytest.mark.parametrize("sample", SAMPLES)
def test_the_second_version_looks_different_and_needs_no_migration(sample: str, release: Releaser) -> None:
    first, second = release(sample, "v1.0.0"), release(sample, "v1.1.0")
    first.do("build")
    second.do("build")
    with first.web() as one, second.web() as two:
        seen = [served_script(web, "websocket-client") for web in (one, two)]
        versions = [web.becomes_healthy(within=20).json["version"] for web in (one, two)]
        # Both run on the database at once, as they do during a release.
        assert [pay(one, "a"), pay(two, "b"), pay(two, "a")] == [201, 201, 200]
    assert versions == ["1.0.0", "1.1.0"]
    assert ["lost, reconnecting" in text for _, text in seen] == [False, True]
    if sample == "dashboard":
        assert seen[0][0] != seen[1][0]


def served_script(web: Running, name: str) -> tuple[str, str]:
    """Return the address and text of a script; the dashboard's is found by its collected, hashed name."""
    web.becomes_healthy(within=20)
    folder = web.log.parent / web.log.name.removesuffix(".web.log") / "static" / "js"
    hashed = [path.name for path in folder.iterdir() if re.fullmatch(rf"{name}(\.[0-9a-f]{{12}})\.js", path.name)]
    path = f"/static/js/{hashed[0] if hashed else f'{name}.js'}"
    return path, web.client.get(path).text


@pytest.mark.parametrize("sample", SAMPLES)
def test_the_third_version_needs_one_more_package(sample: str, release: Releaser) -> None:
    lines = [
        set((release(sample, tag).folder / "requirements.txt").read_text().splitlines()) for tag in ("v1.1.0", "v1.2.0")
    ]
    assert lines[1] - lines[0] == {"humanize==4.17.0"}
    put = release(sample, "v1.3.0")
    put.do("migrate")
    with put.web() as web:
        assert pay(web, "a", note="for the roof") == 201
        answer = web.client.post("/api/payments", {"amount": 12500, "idempotency_key": "a"}).json
    assert (answer["amount_text"], answer["note"]) == ("12,500", "for the roof")


@pytest.mark.parametrize("sample", SAMPLES)
def test_the_old_code_works_on_the_compatible_schema(sample: str, release: Releaser) -> None:
    old, new = release(sample, "v1.2.0"), release(sample, "v1.3.0")
    with old.web() as web:
        assert pay(web, "before") == 201
        new.do("migrate")
        assert [pay(web, "after"), pay(web, "before")] == [201, 200]
        with new.web() as other:
            assert [pay(other, "after"), pay(other, "new", note="x")] == [200, 201]
        assert pay(web, "new") == 200


@pytest.mark.parametrize("sample", SAMPLES)
def test_the_old_code_fails_on_the_breaking_schema_and_works_after_its_reversal(sample: str, release: Releaser) -> None:
    old, new = release(sample, "v1.3.0"), release(sample, "v2.0.0")
    old.do("migrate")
    with old.web() as web:
        assert pay(web, "before") == 201
        new.do("migrate")
        assert pay(web, "after") == 500
        assert Client(web.client.socket).get("/healthz").status == 200
        with new.web() as other:
            assert [pay(other, "before"), pay(other, "after")] == [200, 201]
        reverse(new)
        assert [pay(web, "after"), pay(web, "again")] == [200, 201]


def reverse(put: Release) -> None:
    ended = put.run_words([word.format(bin=put.sample.environment / "bin") for word in BACK[put.sample.name]])
    assert ended.returncode == 0, ended.stdout


@pytest.mark.parametrize("sample", SAMPLES)
def test_its_own_tests_pass_for_each_version(sample: str, release: Releaser) -> None:
    for tag in ("v1.0.0", "v2.0.0"):
        ended = release(sample, tag).run("test")
        assert ended.returncode == 0, f"{tag}:\n{ended.stdout}"
        assert re.search(r"Ran [1-9]\d* tests", ended.stdout)


def test_the_ledger_refuses_to_do_anything_without_a_database(release: Releaser) -> None:
    put = release("ledger", "v1.0.0", DATABASE_URL="")
    ended = put.run("migrate")
    assert ended.returncode != 0
    assert "DATABASE_URL is not set" in ended.stdout
