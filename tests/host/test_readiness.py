"""Is a contract that a release could not work with refused before anything changes, by the name of what is wrong?"""

from __future__ import annotations

from typing import Any

from ansible.module_utils.namaskah_host import readiness
from ansible.module_utils.namaskah_host.contract import Contract

from tests.support.contracts import HERE, contract


def told(**entries: Any) -> list[tuple[str, str, str]]:
    web = {"command": ["web"], "listen": "socket", **entries.pop("web", {})}
    agreed = Contract(contract(HERE, services={"web": web}, **entries))
    return [*readiness.words(agreed), *readiness.unknown_words(agreed)]


def test_what_is_right_is_no_complaint() -> None:
    assert told() == []


def test_a_misspelt_word_of_a_health_check_is_named() -> None:
    (found,) = told(web={"health": {"pat": "/up"}})
    assert found[:2] == ("words", "namaskah_services.web.health has the unknown word 'pat'")
    assert "path" in found[2]
    (found,) = told(health_defaults={"stats": 200})
    assert "namaskah_health_defaults" in found[1]
