"""Which words pass the allow-lists, and which do not."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from namaskah_deploy import words
from namaskah_deploy.errors import Refused

HOSTILE = [
    "{{lookup('pipe','id')}}",
    "v1;id",
    "v1 v2",
    "$(id)",
    "`id`",
    "-rf",
    "--exec=id",
    "a\nb",
    "a\x00b",
    "{%raw%}",
    "",
    "ünïcode",
    "a'b",
    'a"b',
    "a|b",
    "a&b",
    "~root",
    "../../etc",
]


@pytest.mark.parametrize("word", HOSTILE)
@pytest.mark.parametrize("check", [words.environment, words.ref, words.override, words.host_pattern])
def test_a_word_with_marks_of_a_shell_an_option_or_a_template_is_refused(
    check: Callable[[str], str], word: str
) -> None:
    with pytest.raises(Refused):
        check(word)


@pytest.mark.parametrize(
    "word", ["main", "v1.2.3", "feature/login", "release-2026_11", "pkg@1.0", "0" * 40, "v1.2.3+build.5"]
)
def test_names_that_teams_use_are_refs(word: str) -> None:
    assert words.ref(word) == word


@pytest.mark.parametrize("word", ["a..b", "a//b", "a/", "a.", "x.lock", "a/.b", "a" * 101, "HEAD", "a/-b"])
def test_what_git_itself_refuses_is_no_ref(word: str) -> None:
    with pytest.raises(Refused, match="is not allowed"):
        words.ref(word)


@pytest.mark.parametrize("word", ["production", "eu-west-1", "qa_2", "0"])
def test_environment_names(word: str) -> None:
    assert words.environment(word) == word


@pytest.mark.parametrize("word", ["web1", "!web1", "web*", "web1.example.org", "*", "10.0.0.1"])
def test_host_patterns(word: str) -> None:
    assert words.host_pattern(word) == word


@pytest.mark.parametrize("text", ["hot fix: it's due", "Größe, 100 %", "", "a { b }"])
def test_a_reason_is_free_text(text: str) -> None:
    assert words.reason(text) == text


@pytest.mark.parametrize("text", ["a\nb", "{{ 1 }}", "{% x %}", "{# x #}", "x" * 201, "\x1b[31m"])
def test_a_reason_is_one_line_without_template_marks(text: str) -> None:
    with pytest.raises(Refused):
        words.reason(text)


@pytest.mark.parametrize(("word", "meant"), [("prodution", "production"), ("stagin", "staging"), ("xyz", "")])
def test_the_nearest_known_word_is_offered(word: str, meant: str) -> None:
    assert words.nearest(word, ["production", "staging", "demo"]) == meant
