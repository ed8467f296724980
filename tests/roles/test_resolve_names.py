"""Which words may reach git? Allowed ones pass unchanged, and nothing that git or a shell would read passes."""

from __future__ import annotations

import random

import pytest
from ansible.module_utils.namaskah_git.names import check_ref, check_repository
from ansible.module_utils.namaskah_host.failure import Failure

REFUSED = [
    "", "v1;id", "v1$(id)", "v1`id`", "v1|id", "v1&&id", "v1 x", "v1\n", "$IFS", "-v", "--upload-pack=touch x",
    "{{lookup('pipe','id')}}", "{%x%}", "HEAD", "refs/remotes/origin/HEAD", "HEAD/x", "main@{1}", "a..b", "a.lock",
    "a.lock/b", "/a", "a/", "a//b", ".a", "a/.b", "a.", "a./b", "a/-b", "v1^{}", "v1~1", "a:b", "a*", "a?", "a[b",
    "a\\b", "v1\u200b", "v\u0456", "x" * 101, "a\x00b", "@", "!unsafe", "#x", "'x'", '"x"',
]  # fmt: skip
ALLOWED = [
    "main",
    "v1.4.0",
    "feature/a-b_c",
    "refs/heads/main",
    "refs/tags/v1",
    "0" * 40,
    "x" * 100,
    "HEADLINE",
    "2026-11",
]


@pytest.mark.parametrize("word", REFUSED)
def test_word_is_refused(word: str) -> None:
    with pytest.raises(Failure) as caught:
        check_ref(word)
    assert caught.value.kind == "refused"


@pytest.mark.parametrize("word", ALLOWED)
def test_word_is_allowed(word: str) -> None:
    assert check_ref(word) == word


def test_no_made_up_word_brings_a_forbidden_character_through() -> None:
    chance = random.Random(2)  # noqa: S311 - a repeatable choice, no secret
    alphabet = "aZ09._/-" * 6 + "{}$`;|&<>()'\"\\ \n\t\0@^~:*?[]!#%=,+\u200b\u202eé"
    passed = 0
    for _ in range(10_000):
        word = "".join(chance.choices(alphabet, k=chance.randint(1, 12)))
        try:
            check_ref(word)
        except Failure:
            continue
        passed += 1
        assert set(word) <= set("aZ09._/-")
        assert ".." not in word
        assert not word.startswith(("-", ".", "/"))
    assert passed > 100, "the words were too wild to prove that good ones pass"


@pytest.mark.parametrize("address", [
    "ssh://git@git.example/team/app.git", "https://git.example/app", "git@git.example:team/app.git",
    "git://127.0.0.1:9418/app.git", "/srv/git/app.git", "file:///srv/git/app.git", "ssh://git@[fd00::1]:22/app.git",
])  # fmt: skip
def test_address_is_allowed(address: str) -> None:
    assert check_repository(address) == address


@pytest.mark.parametrize("address", [
    "", "-oProxyCommand=id", "ext::sh -c id", "fd::7", "--upload-pack=id", "relative/path", "ssh://-oProxyCommand=id/x",
    "https://git.example/a b", "transport::https://git.example/x", "https://git.example/$(id)", "git.example:-x;id",
])  # fmt: skip
def test_address_is_refused(address: str) -> None:
    with pytest.raises(Failure) as caught:
        check_repository(address)
    assert caught.value.kind == "refused"


def test_password_in_an_address_is_refused_and_not_repeated() -> None:
    with pytest.raises(Failure) as caught:
        check_repository("https://deploy:sentinel-3141@git.example/app.git")
    assert "sentinel-3141" not in str(caught.value.as_dict())
