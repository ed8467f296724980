"""How are bytes exchanged within a bound of time? One deadline for the whole, which a slow peer cannot stretch."""

from __future__ import annotations

import io
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Self
from urllib.parse import urlsplit

from ansible.module_utils.namaskah_host.bounded import addresses, left

from .outcome import CheckFailed

DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class Address:
    """Where to connect and what to call it there.

    `name` is the Host header and, with TLS, the name that the certificate must carry. `unix` is the path of a socket
    and takes the place of `host` and `port`. `ca_file` names further authorities ("" = the system's own).
    """

    scheme: str
    host: str
    port: int
    name: str
    unix: str = ""
    ca_file: str = ""

    def __str__(self) -> str:
        """How an operator would write it."""
        return f"unix:{self.unix}" if self.unix else f"{self.scheme}://{self.host}:{self.port}"

    def named(self, name: str) -> Address:
        """The same place, asked for under another name."""
        return Address(self.scheme, self.host, self.port, name or self.name, self.unix, self.ca_file)


def parse_address(url: str, name: str = "", ca_file: str = "") -> Address:
    """Read `http://host[:port]` or `https://host[:port]`. Raises CheckFailed for anything else."""
    parts = urlsplit(url)
    try:
        port = parts.port or DEFAULT_PORTS.get(parts.scheme, 0)
    except ValueError:
        port = 0
    good = parts.scheme in DEFAULT_PORTS and port and parts.hostname and "@" not in parts.netloc
    if not good or parts.path not in ("", "/") or parts.query:
        raise CheckFailed(f"{url!r} is not an address such as http://127.0.0.1:80 or https://shop.example")
    return Address(parts.scheme, parts.hostname or "", port, name or parts.netloc, ca_file=ca_file)


def certificate_name(name: str) -> str:
    """The name in a Host header without its port and brackets."""
    return urlsplit(f"//{name}").hostname or name


class Stream:
    """A connection whose every wait ends at one deadline. Use it as a context manager."""

    def __init__(self, address: Address, seconds: float) -> None:
        self._deadline = time.monotonic() + seconds
        self._seconds = seconds
        with self._in_time():
            self._socket = self._connect(address)

    def __enter__(self) -> Self:
        """Nothing more to do: the connection is open."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connection."""
        self._socket.close()

    def hurry(self, seconds: float) -> None:
        """Allow at most `seconds` from now on."""
        self._deadline = min(self._deadline, time.monotonic() + seconds)

    def send(self, data: bytes) -> None:
        """Send all of `data`."""
        with self._in_time():
            self._socket.settimeout(self._left())
            self._socket.sendall(data)

    def receive_into(self, buffer: memoryview) -> int:
        """Wait for some bytes; 0 means that the peer ended."""
        with self._in_time():
            self._socket.settimeout(self._left())
            return self._socket.recv_into(buffer)

    def makefile(self, _mode: str = "rb") -> io.BufferedReader:
        """Return a buffered reader over the connection, as http.client wants it."""
        return io.BufferedReader(_Raw(self))

    def _connect(self, address: Address) -> socket.socket:
        if address.unix:
            return self._connected(socket.AF_UNIX, address.unix)
        plain = self._first(address)
        if address.scheme == "http":
            return plain
        with _closing_on_error(plain):
            context = _context(address.ca_file)
            plain.settimeout(self._left())
            return context.wrap_socket(plain, server_hostname=certificate_name(address.name))

    def _first(self, address: Address) -> socket.socket:
        """Connect to the first address of the name that answers."""
        why = OSError(f"{address.host} has no address")
        for family, place in addresses(address.host, address.port, self._deadline):
            try:
                return self._connected(family, place)
            except OSError as error:
                why = error
        raise why

    def _connected(self, family: int, place: object) -> socket.socket:
        plain = socket.socket(family, socket.SOCK_STREAM)
        with _closing_on_error(plain):
            plain.settimeout(self._left())
            plain.connect(place)  # type: ignore[arg-type]  # a path or the tuple of getaddrinfo
        return plain

    def _left(self) -> float:
        """Seconds until the deadline. Raises TimeoutError past it: a peer that never pauses is over as well."""
        return left(self._deadline)

    @contextmanager
    def _in_time(self) -> Iterator[None]:
        """Say in the whole's words when a wait is over, for it may have been the last of many."""
        try:
            yield
        except TimeoutError as error:
            raise TimeoutError(f"no complete answer within {self._seconds:g} s") from error


def _context(ca_file: str) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file or None)
    except OSError as error:
        raise CheckFailed(f"the authority's file {ca_file} cannot be read ({error.strerror or error})") from error


@contextmanager
def _closing_on_error(opened: socket.socket) -> Iterator[None]:
    try:
        yield
    except BaseException:
        opened.close()
        raise


class _Raw(io.RawIOBase):
    """The reading half of a stream."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Fill some of `buffer`."""
        return self._stream.receive_into(buffer)
