"""Do hosts that end badly bring all back, or not, exactly as the policy of their class says?"""

from __future__ import annotations

import pytest
from ansible.module_utils.namaskah_waves.verdict import CLASSES, Trouble, needed, read, weigh

FLEET = ["a", "b", "c", "d"]
RETURN = dict.fromkeys(CLASSES, "return")
QUORUM = dict.fromkeys(CLASSES, "quorum")
ASK = dict.fromkeys(CLASSES, "ask")


def troubles(*hosts: str, kind: str = "failed") -> list[Trouble]:
    return [Trouble(host, kind, "a reason") for host in hosts]


def test_without_trouble_the_waves_go_on() -> None:
    verdict = weigh([], FLEET, RETURN, "100%")
    assert (verdict.action, verdict.left_out, verdict.standing) == ("go", (), tuple(FLEET))


@pytest.mark.parametrize("kind", CLASSES)
def test_by_default_one_host_of_any_class_brings_all_back(kind: str) -> None:
    verdict = weigh(troubles("b", kind=kind), FLEET, {}, "1")
    assert (verdict.action, verdict.left_out) == ("return", ())
    assert "b" in verdict.why
    assert "a reason" in verdict.why


def test_the_quorum_goes_on_without_a_host_and_no_further() -> None:
    verdict = weigh(troubles("b"), FLEET, QUORUM, "75%")
    assert (verdict.action, verdict.left_out, verdict.standing) == ("go", ("b",), ("a", "c", "d"))
    verdict = weigh(troubles("b", "c"), FLEET, QUORUM, "75%")
    assert verdict.action == "return"
    assert "2 of 4 hosts can stand, the quorum is 3" in verdict.why


def test_the_strictest_policy_decides() -> None:
    mixed = QUORUM | {"unhealthy": "return", "unreachable": "ask"}
    assert weigh(troubles("a") + troubles("b", kind="unhealthy"), FLEET, mixed, "1").action == "return"
    assert weigh(troubles("a") + troubles("b", kind="unreachable"), FLEET, mixed, "1").action == "ask"


def test_no_release_stands_on_no_host() -> None:
    for policies, accepted in ((QUORUM, []), (ASK, FLEET)):
        assert weigh(troubles(*FLEET), FLEET, policies, "1", accepted).action == "return"


def test_an_answer_counts_for_the_hosts_that_were_asked_about() -> None:
    asked = weigh(troubles("b"), FLEET, ASK, "100%")
    assert (asked.action, asked.asked) == ("ask", ("b",))
    assert weigh(troubles("b"), FLEET, ASK, "100%", ["b"]).action == "go"
    again = weigh(troubles("b", "c"), FLEET, ASK, "100%", ["b"])
    assert (again.action, again.asked) == ("ask", ("c",))
    assert weigh(troubles("b"), FLEET, ASK, "100%", refused=True).action == "return"


@pytest.mark.parametrize(
    ("noted", "kind"),
    [
        ({"class": "failed"}, "failed"),
        ({"class": "unhealthy"}, "unhealthy"),
        ({"class": "timeout"}, "timed_out"),
        ({"class": "failed", "timed_out": True}, "timed_out"),
        ({"class": "unhealthy", "unreachable": True}, "unreachable"),
        ({"class": "refused"}, "failed"),
        ({}, "failed"),
    ],
)
def test_what_a_wave_noted_has_one_class(noted: dict[str, object], kind: str) -> None:
    assert read("a", noted).kind == kind


def test_silent_hosts_and_a_sick_release_are_told_apart() -> None:
    verdict = weigh(troubles("a", kind="timed_out") + troubles("b", kind="unhealthy"), FLEET, RETURN, "1")
    assert verdict.silent == ("a",)
    assert verdict.bad
    assert not weigh(troubles("a"), FLEET, RETURN, "1").bad


@pytest.mark.parametrize(
    ("quorum", "hosts", "least"), [("3", 4, 3), ("9", 4, 4), ("75%", 4, 3), ("51%", 3, 2), ("100%", 7, 7), ("0%", 5, 0)]
)
def test_a_quorum_is_a_number_or_a_share_rounded_up(quorum: str, hosts: int, least: int) -> None:
    assert needed(quorum, hosts) == least


@pytest.mark.parametrize("words", ["", "0", "-1", "101%", "half", "50 %", "{{ 1 }}"])
def test_other_words_are_no_quorum(words: str) -> None:
    with pytest.raises(ValueError, match="namaskah_quorum"):
        needed(words, 4)
