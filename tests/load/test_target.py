"""Is everything but loopback and explicitly allowed private networks refused, with a text that helps?"""

from __future__ import annotations

import pytest

from tests.support.load import TargetError, resolve_target


@pytest.mark.parametrize(
    ("url", "allow"),
    [
        ("http://127.0.0.1", ()),
        ("http://127.7.7.7:8080", ()),
        ("http://[::1]:8080", ()),
        ("http://localhost:8080", ()),
        ("https://10.213.1.2", ("10.213.0.0/16",)),
        ("http://192.168.7.7", ("10.213.0.0/16", "192.168.7.0/24")),
        ("http://[fd00::7]", ("fd00::/64",)),
    ],
)
def test_allowed(url: str, allow: tuple[str, ...]) -> None:
    assert resolve_target(url, allow=allow).port in (80, 443, 8080)


@pytest.mark.parametrize(
    ("url", "allow", "said"),
    [
        ("http://93.184.216.34", (), "only loopback"),
        ("http://10.213.1.2", (), "--allow"),
        ("http://10.214.1.2", ("10.213.0.0/16",), "--allow"),
        ("http://93.184.216.34", ("93.184.216.0/24",), "may be allowed"),
        ("http://10.0.0.1", ("0.0.0.0/0",), "may be allowed"),
        ("http://10.0.0.1", ("10.0.0.0/7",), "may be allowed"),
        ("http://10.0.0.1", ("::/0",), "may be allowed"),
        ("http://10.0.0.1", ("lab",), "expected a network"),
        ("http://[::ffff:93.184.216.34]", (), "only loopback"),
        ("http://0.0.0.0", (), "only loopback"),
        ("http://2130706433.invalid", (), "has no address"),
        ("ftp://127.0.0.1", (), "expected http"),
        ("127.0.0.1:80", (), "expected http"),
        ("http://127.0.0.1/path", (), "paths belong"),
        ("http://user@127.0.0.1", (), "scheme, address and port"),
        ("http://127.0.0.1:99999", (), "ort"),
    ],
)
def test_refused(url: str, allow: tuple[str, ...], said: str) -> None:
    with pytest.raises(TargetError, match=said):
        resolve_target(url, allow=allow)


def test_a_name_is_pinned_to_its_address() -> None:
    target = resolve_target("http://localhost:8080", "app.example")
    assert target.address in ("127.0.0.1", "::1")
    assert target.host_header == "app.example"
