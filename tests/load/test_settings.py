"""Are loads out of bounds refused, and do settings survive the way to the load's process?"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.support.load import DASHBOARD, PLAIN, Rates, Settings, SettingsError, StaticFile, resolve_target

TARGET = resolve_target("http://127.0.0.1:1")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"seconds": 0}, "seconds"),
        ({"seconds": float("nan")}, "seconds"),
        ({"seconds": 1e6}, "seconds"),
        ({"rates": Rates(get=-1)}, "rate of get"),
        ({"rates": Rates(static=5000)}, "rate of static"),
        ({"rates": Rates(get=900), "seconds": 20_000}, "exceed"),
        ({"websockets": 501}, "websockets"),
        ({"rates": Rates(0, 0, 0, 0, 0), "websockets": 0}, "nothing to do"),
        ({"profile": replace(DASHBOARD, get_paths=("/a b",))}, "path"),
        ({"profile": replace(DASHBOARD, slow_path="/x\r\nX: y")}, "path"),
        ({"profile": replace(DASHBOARD, static=(StaticFile("static/x"),))}, "path"),
        ({"target": replace(TARGET, host_header="a\r\nX: y")}, "host header"),
    ],
)
def test_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        Settings(**{"target": TARGET, "profile": DASHBOARD, **changes})


def test_json_and_back() -> None:
    profile = replace(DASHBOARD, static=(StaticFile("/static/a", "00"),), get_paths=("/a", "/b"))
    wanted = Settings(target=TARGET, profile=profile, token="secret", rates=Rates.of_total(20), websockets=3)  # noqa: S106 - a sentinel
    assert Settings.from_json(wanted.to_json()) == wanted


def test_the_token_is_not_shown() -> None:
    wanted = Settings(target=TARGET, profile=DASHBOARD, token="sentinel")  # noqa: S106 - a sentinel
    assert "sentinel" not in repr(wanted)
    assert wanted.auth() == {"Authorization": "Bearer sentinel"}


def test_a_total_is_shared() -> None:
    assert Rates.of_total(60).total() == pytest.approx(60)


def test_a_profile_without_a_path_switches_its_client_off() -> None:
    wanted = Settings(target=TARGET, profile=PLAIN)
    assert wanted.rate_of("payment") == wanted.rate_of("slow") == wanted.rate_of("static") == 0
    assert wanted.websocket_clients() == 0
    assert wanted.rate_of("get") > 0
