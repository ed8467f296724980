"""How does a test speak to a server on a unix socket: HTTP with the cookies of a browser, and WebSockets?"""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, unix_connect

HOST = "localhost"
SECONDS = 10.0


class UnixConnection(http.client.HTTPConnection):
    """A connection that goes to a socket's path instead of to the host that it names."""

    def __init__(self, path: Path, seconds: float) -> None:
        super().__init__(HOST, timeout=seconds)
        self.path = path

    def connect(self) -> None:
        """Open the socket."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self.path))


@dataclass(frozen=True)
class Answer:
    """A complete answer; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def json(self) -> Any:
        """Return the body as JSON."""
        return json.loads(self.text)


@dataclass
class Client:
    """One visitor or script; `token` is sent as its bearer token, cookies are kept."""

    socket: Path
    token: str = ""
    cookies: dict[str, str] = field(default_factory=dict)

    def get(self, path: str, *, seconds: float = SECONDS) -> Answer:
        """Ask for a page or for data."""
        return self.request("GET", path, b"", {}, seconds)

    def post(self, path: str, values: object, headers: Mapping[str, str] | None = None) -> Answer:
        """Send JSON."""
        sent = {"Content-Type": "application/json", **(headers or {})}
        return self.request("POST", path, json.dumps(values).encode(), sent, SECONDS)

    def request(self, method: str, path: str, body: bytes, headers: Mapping[str, str], seconds: float) -> Answer:
        """Send one request on a connection of its own; raises OSError when nobody answers in time."""
        sent = {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items()), **headers}
        if self.token:
            sent["Authorization"] = f"Bearer {self.token}"
        connection = UnixConnection(self.socket, seconds)
        try:
            connection.request(method, path, body, {name: value for name, value in sent.items() if value})
            response = connection.getresponse()
            for header in response.headers.get_all("Set-Cookie") or []:
                self.cookies.update({name: morsel.value for name, morsel in SimpleCookie(header).items()})
            lower = {name.lower(): value for name, value in response.headers.items()}
            return Answer(response.status, lower, response.read().decode())
        finally:
            connection.close()

    def websocket(self, origin: str | None = None) -> ClientConnection:
        """Open the notification socket; raises websockets.exceptions.InvalidStatus when it is refused."""
        address = f"ws://{HOST}/ws/notifications"
        # A proxy of this machine has no business with a unix socket.
        return unix_connect(str(self.socket), address, origin=origin, proxy=None, open_timeout=SECONDS)
