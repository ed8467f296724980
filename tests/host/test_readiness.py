"""Is a contract that a release could not work with refused before anything changes, by the name of what is wrong?"""

from __future__ import annotations

from typing import Any

import pytest
from ansible.module_utils.namaskah_host import front_checks, readiness
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


def published(shared_urls: dict[str, str] | None = None, **entries: Any) -> list[tuple[str, str, str]]:
    return list(front_checks.published(Contract(contract(HERE, **entries)), shared_urls or {}))


@pytest.mark.parametrize("url", ["/static/", "/", "/a/b.c/~x/", "/_next/static/", "/-/"])
def test_a_prefix_that_begins_and_ends_with_a_slash_is_right(url: str) -> None:
    assert published(static_url=url, shared_urls={url: "media"}) == []


@pytest.mark.parametrize(
    "url",
    ["/static", "static/", "static", "", "/static..", "/static/../", "/./", "//", "/a b/", "/a;/", "/s/\n", "/é/"],
)
def test_a_prefix_that_would_publish_its_neighbours_is_refused(url: str) -> None:
    """`location ^~ /static` answers /static../settings.py with a file of the release."""
    (static,) = published(static_url=url)
    (shared,) = published(shared_urls={url: "media"})
    assert static[0] == shared[0] == "front"
    assert "namaskah_static_url: /" in static[2]
    assert ": media in provision_shared_urls" in shared[2]
    assert published(static_url=url, static_root="") == [], "nothing is served by it"


def test_the_line_to_write_is_what_was_meant() -> None:
    assert "write namaskah_static_url: /assets/v1/," in published(static_url="assets/v1")[0][2]
    assert "write /media/: media in" in published(shared_urls={"/media": "media"})[0][2]


@pytest.mark.parametrize("folder", [".", "..", "../x", "/etc", "a/../..", "a//b", "", "a b", "a;"])
def test_a_folder_that_is_not_below_its_own_is_refused(folder: str) -> None:
    assert len(published(shared_urls={"/media/": folder})) == 1
    assert len(published(static_root=folder)) == (1 if folder else 0)
