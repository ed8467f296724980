"""Where may the load go? One front address, and only a loopback or an explicitly allowed private one."""

from __future__ import annotations

import ipaddress
import socket
import ssl
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import urlsplit

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

LOOPBACK: tuple[Network, ...] = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))
# RFC 1918 and RFC 4193 alone: `is_private` of the standard library also accepts ranges of other meaning.
PRIVATE: tuple[Network, ...] = tuple(
    ipaddress.ip_network(text) for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")
)


class TargetError(ValueError):
    """The address is none that this program may load, or cannot be understood; the text says what to change."""


@dataclass(frozen=True)
class Target:
    """A front to load: a checked address, and the name by which the site is asked for.

    `address` is a literal IP address, looked up once, so that no later answer of a resolver can move the load.
    """

    address: str
    port: int
    host_header: str
    tls: bool = False
    cafile: str | None = None

    @property
    def origin(self) -> str:
        """The origin that a browser on this site would name, for WebSocket handshakes."""
        return f"{'https' if self.tls else 'http'}://{self.host_header}"

    def tls_context(self) -> ssl.SSLContext | None:
        """Return a verifying context for https, trusting `cafile` where given; None for plain http."""
        return _verifying_context(self.cafile) if self.tls else None

    @property
    def server_name(self) -> str | None:
        """The name that the certificate must carry; None for plain http."""
        return urlsplit(f"//{self.host_header}").hostname if self.tls else None


@lru_cache(maxsize=8)
def _verifying_context(cafile: str | None) -> ssl.SSLContext:
    # Kept: reading the trusted certificates anew for each connection would disturb the rate.
    return ssl.create_default_context(cafile=cafile)


def resolve_target(
    url: str, host_header: str | None = None, allow: tuple[str, ...] = (), cafile: str | None = None
) -> Target:
    """Check `url` (scheme, host and port alone) and pin its address.

    `allow` lists private networks, in CIDR notation, that belong to the lab. Raises TargetError.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise TargetError(f"target {url!r}: expected http://ADDRESS[:PORT] or https://ADDRESS[:PORT]")
    if parts.path.strip("/") or parts.query or parts.username:
        raise TargetError(f"target {url!r}: give scheme, address and port only; paths belong to the profile")
    try:
        port = parts.port
    except ValueError as error:
        raise TargetError(f"target {url!r}: {error}") from None
    tls = parts.scheme == "https"
    address = _checked_address(parts.hostname, url, tuple(_lab_network(text) for text in allow))
    return Target(address, port or (443 if tls else 80), host_header or parts.netloc, tls, cafile)


def _lab_network(text: str) -> Network:
    try:
        network = ipaddress.ip_network(text)
    except ValueError as error:
        raise TargetError(f"--allow {text}: {error}; expected a network such as 10.213.0.0/16") from None
    if not any(_within(network, private) for private in (*PRIVATE, *LOOPBACK)):
        raise TargetError(f"--allow {text}: only networks inside {', '.join(map(str, PRIVATE))} may be allowed")
    return network


def _within(inner: Network, outer: Network) -> bool:
    if isinstance(inner, ipaddress.IPv4Network):
        return isinstance(outer, ipaddress.IPv4Network) and inner.subnet_of(outer)
    return isinstance(outer, ipaddress.IPv6Network) and inner.subnet_of(outer)


def _checked_address(host: str, url: str, allowed: tuple[Network, ...]) -> str:
    addresses = _addresses(host, url)
    for address in addresses:
        if not any(address in network for network in (*LOOPBACK, *allowed)):
            named = "" if str(address) == host else f" (it is {address})"
            raise TargetError(
                f"target {url!r}{named} is refused: only loopback, or a private network of the lab given with "
                f"--allow NETWORK, may be put under load"
            )
    return str(addresses[0])


def _addresses(host: str, url: str) -> list[Address]:
    try:
        return [ipaddress.ip_address(host)]
    except ValueError:
        pass
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError as error:
        raise TargetError(f"target {url!r}: {host} has no address ({error}); give an IP address") from None
    # IPv4 first: test servers on `localhost` seldom listen on both families.
    return sorted({ipaddress.ip_address(str(entry[4][0])) for entry in found}, key=lambda one: (one.version, str(one)))
