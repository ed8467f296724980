"""How is a question over HTTP bounded? By one deadline for connection, head and body, which no peer can stretch.

A time-out of a socket counts from the last byte: who answers one byte a second would be waited for without end. And
it is asked only where there is nothing to read: who never pauses would be read without end.
"""

from __future__ import annotations

import http.client
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class BoundedSocket(socket.socket):
    """A stream that is over at one deadline: `end` of the clock `time.monotonic`, else `seconds` from now."""

    def __init__(self, family: int, seconds: float, end: float | None = None) -> None:
        super().__init__(family, socket.SOCK_STREAM)
        self._seconds = seconds
        self._end = time.monotonic() + seconds if end is None else end

    def connect(self, address: Any) -> None:
        """Connect in time."""
        with self._in_time():
            super().connect(address)

    def sendall(self, *words: Any) -> None:
        """Send all in time."""
        with self._in_time():
            super().sendall(*words)

    def recv(self, *words: Any) -> bytes:
        """Wait for some bytes, in time."""
        with self._in_time():
            return super().recv(*words)

    def recv_into(self, *words: Any) -> int:
        """Wait for some bytes, in time; what reads it as a file comes here as well."""
        with self._in_time():
            return super().recv_into(*words)

    @contextmanager
    def _in_time(self) -> Iterator[None]:
        """Wait no longer than what is left, and say the whole when that is over: it may have been many waits."""
        try:
            self.settimeout(left(self._end))
            yield
        except TimeoutError:
            raise TimeoutError(f"timed out: no complete answer within {self._seconds:g} s") from None


class BoundedConnection(http.client.HTTPConnection):
    """HTTP to a unix socket at `path`, or where that is "" to a host; `timeout` is that of the whole answer."""

    def __init__(self, address: str, timeout: float, *, path: str = "") -> None:
        super().__init__(address, timeout=timeout)
        self.seconds = timeout
        self.path = path

    def connect(self) -> None:
        """Connect; of the addresses of a name, the first that answers. One deadline for all of them."""
        end = time.monotonic() + self.seconds
        if self.path:
            self.sock = _connected(socket.AF_UNIX, self.path, self.seconds, end)
            return
        why: OSError = OSError(f"{self.host} has no address")
        for family, place in addresses(self.host, self.port, end):
            try:
                self.sock = _connected(family, place, self.seconds, end)
            except OSError as error:
                why = error
            else:
                return
        raise why


def left(end: float) -> float:
    """Return the seconds until `end`. Raises TimeoutError when it is over, for a socket's own 0 would mean no wait."""
    seconds = end - time.monotonic()
    if seconds <= 0:
        raise TimeoutError("timed out")
    return seconds


def addresses(host: str, port: int, end: float) -> list[tuple[int, Any]]:
    """Return family and place of each address of a name, found before `end`. Raises OSError.

    The system's own search has no bound: a silent name server keeps it for as long as resolv.conf says.
    """
    found: list[tuple[int, Any]] = []
    wrong: list[OSError] = []

    def search() -> None:
        try:
            for family, _, _, _, place in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
                found.append((family, place))
        except OSError as error:
            wrong.append(error)
        except ValueError as error:  # a name that cannot be encoded
            wrong.append(OSError(f"{host!r} is no name of a host: {error}"))

    searching = threading.Thread(target=search, daemon=True)
    searching.start()
    searching.join(left(end))
    if searching.is_alive():
        raise TimeoutError(f"the name {host} was not found in time; look at the name servers of this machine")
    if wrong:
        raise wrong[0]
    return found


def _connected(family: int, place: Any, seconds: float, end: float) -> BoundedSocket:
    made = BoundedSocket(family, seconds, end)
    try:
        made.connect(place)
    except BaseException:
        made.close()
        raise
    return made
