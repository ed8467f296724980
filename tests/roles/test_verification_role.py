"""Does the role verify a host and the public address in a play, with the reasons shown and no secret told?"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.playing import Played, play
from tests.support.verification.host import SmallHost, running_host
from tests.support.verification.server import STATIC, TcpServer, on_tcp, serving

SECRET = "sentinel-5f1e7b2c90"  # noqa: S105 - must appear nowhere
ROLE = [{"name": "Verify", "ansible.builtin.include_role": {"name": "verification"}}]


@pytest.fixture(scope="module")
def host() -> Iterator[SmallHost]:
    with running_host() as made:
        made.go_live(made.prepare("good"))
        yield made


@pytest.fixture
def front(monkeypatch: pytest.MonkeyPatch) -> Iterator[TcpServer]:
    """A front that serves the release's only static file."""
    monkeypatch.setitem(STATIC, "app.js", b"console.log('good')")
    with serving(on_tcp()) as server:
        assert isinstance(server, TcpServer)
        yield server


def verify(host: SmallHost, front: TcpServer, folder: Path, verbosity: str = "0", **variables: Any) -> Played:
    given: dict[str, Any] = {
        **host.variables,
        "namaskah_settle": 1,
        "verification_front_url": f"http://127.0.0.1:{front.port}",
        "verification_http": [{"name": "health", "path": "/ok", "json": {"status": "ok"}}],
        "verification_patience": 0.5,
        "verification_timeout": 2,
        **variables,
    }
    return play(ROLE, folder, variables=given, env={"ANSIBLE_VERBOSITY": verbosity})


def test_a_host_and_the_public_address(host: SmallHost, front: TcpServer, tmp_path: Path) -> None:
    public = f"http://localhost:{front.port}"
    played = verify(host, front, tmp_path, verification_public_url=public)
    result = played.result("Verify the release on this host")
    names = [check["name"] for check in result["checks"]]
    assert {"running code of web", "own socket of web", "http health (front)", "static files (front)"} <= set(names)
    assert (result["failed"], result["passed"]) == (0, len(names))
    result = played.result("Verify the public address")
    assert [check["name"] for check in result["checks"]] == ["http health (public)", "static files (public)"]
    assert public in result["checks"][0]["detail"]


def test_the_first_bad_check_and_all_others_are_told(host: SmallHost, front: TcpServer, tmp_path: Path) -> None:
    front.spoiled = {"app.js": "bytes"}
    checks = [{"name": "home", "path": "/moved"}, {"name": "page", "path": "/bad-gateway"}]
    failure = verify(host, front, tmp_path, verification_http=checks).failure()
    assert (failure["class"], failure["what"], failure["where"]) == ("unhealthy", "verify: http home (front)", "here")
    assert "answered 301 Moved Permanently and sends to https://shop.example/moved/" in failure["why"]
    assert "also http page (front): " in failure["why"]
    assert "also static files (front): of 1 files, /static/app.js: other bytes" in failure["why"]


@pytest.mark.fault("front: unreachable", ends="found")
def test_a_front_that_cannot_be_reached(host: SmallHost, front: TcpServer, tmp_path: Path) -> None:
    failure = verify(host, front, tmp_path, verification_front_url="http://127.0.0.1:9").failure()
    assert "cannot connect (Connection refused)" in failure["why"]


def test_secrets_are_told_to_nobody(host: SmallHost, front: TcpServer, tmp_path: Path) -> None:
    sockets = [
        {"name": "login", "path": "/ws/echo", "message": {"token": SECRET}, "expect_json": {"type": "welcome"}},
        {"name": "cookie", "path": "/ws/wrong-reply", "message": SECRET, "expect": "x", "headers": {"Cookie": SECRET}},
    ]
    played = verify(host, front, tmp_path, verbosity="4", verification_websockets=sockets)
    assert "EXEC" in played.output, "so much is told at this verbosity"
    failure = played.failure()
    assert failure["what"] == "verify: websocket login (front)"
    assert "in which 'type' is not as expected" in failure["why"]
    assert SECRET not in played.output
    assert any(SECRET in headers.get("cookie", "") for _, headers in front.seen), "it was really sent"
    left = [path for path in tmp_path.rglob("*") if path.name != "play.yml" and path.is_file()]
    assert left
    assert not [path for path in left if SECRET in path.read_text(errors="replace")]


def test_a_misspelt_word_is_refused(host: SmallHost, front: TcpServer, tmp_path: Path) -> None:
    played = verify(host, front, tmp_path, verification_http=[{"name": "x", "path": "/", "stauts": 200}])
    assert played.status != 0
    assert "stauts" in played.output
    assert "Traceback" not in played.output


CHECK = [{"name": "Check", "ansible.builtin.include_role": {"name": "verification", "tasks_from": "check"}}]


def test_words_are_understood_before_anything_is_asked(host: SmallHost, tmp_path: Path) -> None:
    played = play(CHECK, tmp_path, variables={**host.variables, "verification_front_url": "http://127.0.0.1:9"})
    assert played.result("Understand what is going to be asked") == {"questions": 1}


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        ({"verification_front_url": "127.0.0.1:80"}, "'127.0.0.1:80' is not an address such as"),
        ({"verification_http": [{"name": "x", "path": "/", "headers": {"A": 1}}]}, "entry 1: headers: its values"),
        ({"verification_websockets": [{"name": "x", "path": "/", "expect": "y", "replies": 0}]}, "replies must be 1"),
    ],
)
def test_a_wrong_word_is_found_before(host: SmallHost, tmp_path: Path, variables: dict[str, Any], told: str) -> None:
    failure = play(CHECK, tmp_path, variables={**host.variables, **variables}).failure()
    assert (failure["class"], failure["what"]) == ("refused", "read the checks of this environment")
    assert told in failure["why"]


def test_no_check_at_all_is_a_failure(host: SmallHost, front: TcpServer, tmp_path: Path) -> None:
    nothing: dict[str, Any] = {"verification_http": [], "verification_websockets": [], "namaskah_static_root": ""}
    public = f"http://localhost:{front.port}"
    played = verify(host, front, tmp_path, verification_public_url=public, **nothing)
    failure = played.failure()
    assert (failure["class"], failure["why"]) == ("refused", "no check was made, and no check proves nothing")
