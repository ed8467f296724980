"""How is a question over HTTP bounded? By one deadline for connection, head and body, which no peer can stretch.

A time-out of a socket counts from the last byte: who answers one byte a second would be waited for without end.
"""

from __future__ import annotations

import http.client
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class BoundedSocket(socket.socket):
    """A stream whose every wait ends at one deadline."""

    def __init__(self, family: int, seconds: float) -> None:
        super().__init__(family, socket.SOCK_STREAM)
        self._seconds = seconds
        self._end = time.monotonic() + seconds

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
        left = self._end - time.monotonic()
        try:
            self.settimeout(max(left, 0.001))  # 0 would mean not to wait and not to fail
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
        """Connect; of the addresses of a name, the first that answers."""
        if self.path:
            self.sock = _connected(socket.AF_UNIX, self.path, self.seconds)
            return
        for family, _, _, _, place in socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM):
            try:
                self.sock = _connected(family, place, self.seconds)
            except OSError as error:
                why = error
            else:
                return
        raise why


def _connected(family: int, place: Any, seconds: float) -> BoundedSocket:
    made = BoundedSocket(family, seconds)
    try:
        made.connect(place)
    except BaseException:
        made.close()
        raise
    return made
