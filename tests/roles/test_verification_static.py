"""Does the static check see one wrong byte, and choose the same files every time?"""

from __future__ import annotations

import hashlib

import pytest
from ansible.module_utils.namaskah_checks.outcome import CheckFailed
from ansible.module_utils.namaskah_checks.static import StaticFiles, sample, static_check

from tests.support.verification.address import address_of
from tests.support.verification.server import STATIC, on_tcp, serving

SUMS = {name: hashlib.sha256(content).hexdigest() for name, content in STATIC.items()}
MANY = {f"f{number}.js": "0" * 64 for number in range(1000)}


def ask(spoiled: dict[str, str], sums: dict[str, str] | None = None) -> str:
    with serving(on_tcp()) as server:
        server.spoiled = spoiled
        files = StaticFiles("/static/", SUMS if sums is None else sums, total=9)
        return static_check(files, address_of(server), 0.5, "front").ask()


def test_equal_files_pass() -> None:
    assert "3 of 9 files equal by sha256 at http://127.0.0.1:" in ask({})


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("bytes", "/static/img/a%20b.png: other bytes (70000 bytes, sha256 "),
        ("missing", "/static/img/a%20b.png: answered 404"),
        ("login", "/static/img/a%20b.png: answered 302 and sends to /login/"),
        ("truncated", "the answer was cut off after 9 bytes"),
    ],
)
@pytest.mark.fault("front: static file wrong", ends="found")
def test_one_wrong_file_fails(kind: str, reason: str) -> None:
    with pytest.raises(CheckFailed) as caught:
        ask({"img/a b.png": kind})
    assert str(caught.value).startswith("of 3 files, /static/img/")
    assert reason in str(caught.value)


def test_no_file_at_all_fails() -> None:
    with pytest.raises(CheckFailed, match="the release has no static files"):
        ask({}, sums={})


def test_all_are_chosen_up_to_the_bound() -> None:
    assert sample(SUMS, 3, [], "r") == SUMS


def test_the_choice_is_stable_and_changes_with_the_release() -> None:
    first = sample(MANY, 50, [], "one")
    assert len(first) == 50
    assert first == sample(dict(reversed(MANY.items())), 50, [], "one")
    assert first != sample(MANY, 50, [], "two")


def test_named_files_are_always_chosen() -> None:
    always = ["f1.js", "f999.js"]
    chosen = sample(MANY, 10, always, "one")
    assert len(chosen) == 10
    assert set(always) <= set(chosen)
    assert set(sample(MANY, 1, always, "one")) == set(always)


def test_a_name_that_the_release_lacks_is_an_error() -> None:
    with pytest.raises(CheckFailed, match=r"verification_static_names: gone\.js is not among"):
        sample(MANY, 10, ["gone.js"], "one")
