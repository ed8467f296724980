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
    "a\\b", "v1\u200b", "v\u0456", "x" * 101, "a\x00b", "@", "@{1}", "@{-1}", "@@x", "@/x", "@.x", "@" + "x" * 100,
    "!unsafe", "#x", "'x'", '"x"',
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
    "v1.2.3+build.5",
    "pkg@1.2.3",
    "@scope/pkg@1.2.3",
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
        assert set(word) <= set("aZ09._/-+@")
        assert ".." not in word
        assert not word.startswith(("-", ".", "/"))
    assert passed > 100, "the words were too wild to prove that good ones pass"


@pytest.mark.parametrize("address", [
    "ssh://git@git.example/team/app.git", "https://git.example/app", "git@git.example:team/app.git",
    "git://127.0.0.1:9418/app.git", "/srv/git/app.git", "file:///srv/git/app.git", "ssh://git@[fd00::1]:22/app.git",
    "git@ssh.git.example:v3/org/My%20Project/repo", "https://git@git.example/app.git", "git@[fd00::1]:app.git",
    "git@git.example:team/app@v2.git", "https://git.example/org/My%20Project/_git/repo", "host-alias:app.git",
    "/srv/a:b@c/app.git", "host-alias:team/app@v2.git", "host-alias:team/sub/app@v2.git",
])  # fmt: skip
def test_address_is_allowed(address: str) -> None:
    assert check_repository(address) == address


@pytest.mark.parametrize("address", [
    "", "-oProxyCommand=id", "ext::sh -c id", "fd::7", "--upload-pack=id", "relative/path", "ssh://-oProxyCommand=id/x",
    "https://git.example/a b", "transport::https://git.example/x", "https://git.example/$(id)", "git.example:-x;id",
    "ssh://-oX/app.git", "ssh://git@-oX/app.git", "git@-oX:app.git", "https://git.example/app.git?x=1",
])  # fmt: skip
def test_address_is_refused(address: str) -> None:
    with pytest.raises(Failure) as caught:
        check_repository(address)
    assert caught.value.kind == "refused"


SECRET = [
    "https://deploy:sentinel@git.example/app.git", "https://sentinel@git.example/app.git", "http://sentinel@h/x.git",
    "https://git:sentinel@git.example/app.git", "https://sentinel:x-oauth-basic@git.example/app.git",
    "HTTPS://sentinel@git.example/app.git", "https://x:sen/sentinel@git.example/app.git",
    "https://x:a#sentinel?b@git.example/app.git", "https:/x:sentinel@git.example/app.git",
    "x:sentinel@git.example:app.git", "x:sent/sentinel@git.example/app.git", "git@h:sentinel@git.example/app.git",
    "sentinel:x@git.example:app.git", "ssh://x:sentinel@git.example/app.git", "git://sentinel@git.example/app.git",
    "https://x:sen tinel\nsentinel@git.example/app.git", "https://sentinel%3Ax@git.example/app.git",
    "x:sent/sentinel@git.example", "x:sentinel@app.git", "x:a/sentinel@b@app.git", "x:a/sentinel@git.example:app.git",
    "x:a/sentinel@git.example/app@v2.git", "x:a/sentinel@.git", "ftp://x:sentinel@git.example/app.git", "git+https://sentinel@git.example/app.git",
]  # fmt: skip


@pytest.mark.parametrize("address", SECRET)
def test_a_secret_in_an_address_is_refused_and_not_repeated(address: str) -> None:
    with pytest.raises(Failure) as caught:
        check_repository(address)
    assert "sentinel" not in str(caught.value.as_dict())
    assert caught.value.kind == "refused"
    assert "ssh key or a git credential helper" in caught.value.next_step


def check_addresses(count: int) -> None:
    """No address brings a forbidden character or a secret through, and no error repeats what stands before an @."""
    chance = random.Random(33)  # noqa: S311 - a repeatable choice, no secret
    parts = ["https://", "ssh://", "git@", "sentinel", "sentinel@", ":", "@", "/", "h.example", "app.git", "%20", "#",
             "?", " ", "\n", "-", "[::1]", "::", "\u2028", "$(id)"]  # fmt: skip
    passed, told = 0, []
    for _ in range(count):
        address = "".join(chance.choices(parts, k=chance.randint(1, 7)))
        try:
            check_repository(address)
        except Failure as failure:
            told.append((address, failure))
        else:
            passed += 1
            assert address.startswith("/") or not set(address) & set(" \n#?$\u2028")
            assert not address.startswith("https://sentinel@")
    assert all("@" not in address or "sentinel" not in error.where.partition("@")[0] for address, error in told)
    assert not any("sentinel" in error.why for _, error in told)
    assert passed > count / 100


def test_made_up_addresses() -> None:
    check_addresses(300)


@pytest.mark.soak
def test_many_made_up_addresses() -> None:
    check_addresses(10_000)
