"""Requests with a forbidden word do not exist."""

from __future__ import annotations

from typing import Any

import pytest

from namaskah_deploy.errors import Refused
from namaskah_deploy.request import CHANGING, SWITCHING, Kind, Request


@pytest.mark.parametrize(
    "words",
    [
        {"environment": "Production"},
        {"ref": "a b"},
        {"tag": "{{x}}"},
        {"limit": ("web1", "-x")},
        {"allow": ("Drift",)},
        {"reason": "{{x}}"},
    ],
)
def test_no_request_exists_with_a_word_that_is_not_allowed(words: dict[str, Any]) -> None:
    with pytest.raises(Refused):
        Request(**{"kind": Kind.DEPLOY, "environment": "production", **words})


@pytest.mark.parametrize("words", [{"reverse_migrations": True}, {"limit": ("web1",)}])
def test_the_database_goes_back_alone_and_for_every_host(words: dict[str, Any]) -> None:
    Request(kind=Kind.ROLLBACK, environment="production", **words)
    with pytest.raises(Refused, match="--restore-database"):
        Request(kind=Kind.ROLLBACK, environment="production", restore_database=True, **words)


def test_what_switches_also_changes() -> None:
    assert SWITCHING < CHANGING
    assert not CHANGING & {Kind.STATUS, Kind.PLAN, Kind.VERIFY, Kind.RELEASES, Kind.BACKUPS}
