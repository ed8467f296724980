#!/usr/bin/env python3
"""Where do text messages go when nobody should get one? Here: a gateway that keeps them for whoever asks.

POST /messages {"to": "+234...", "text": "..."}  takes a message
GET  /messages?to=+234...                        returns the messages to that number, oldest first
GET  /healthz                                    says that it runs
"""

import argparse
import json
import threading
from collections import deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

KEPT = 10_000
LONGEST_BODY = 10_000


class Gateway(ThreadingHTTPServer):
    """The server and the messages it took; the oldest are dropped after 10,000."""

    daemon_threads = True

    def __init__(self, address: tuple[str, int]) -> None:
        super().__init__(address, Handler)
        self.messages: deque[dict[str, str]] = deque(maxlen=KEPT)
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        """Return what belongs into SMS_GATEWAY_URL."""
        return f"http://{self.server_address[0]!s}:{self.server_address[1]}"

    def take(self, message: dict[str, str]) -> None:
        """Keep one message."""
        with self.lock:
            self.messages.append(message)

    def sent_to(self, number: str) -> list[dict[str, str]]:
        """Return what a number got, oldest first."""
        with self.lock:
            return [message for message in self.messages if message["to"] == number]


class Handler(BaseHTTPRequestHandler):
    """One request."""

    server: Gateway
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer a look at the messages, or at the health."""
        address = urlsplit(self.path)
        if address.path == "/healthz":
            self.answer(200, {"status": "ok"})
        elif address.path == "/messages":
            # A plus sign in an address means a space, unless the client wrote %2B; no number has a space.
            number = parse_qs(address.query).get("to", [""])[0].replace(" ", "+")
            self.answer(200, {"messages": self.server.sent_to(number)})
        else:
            self.answer(404, {"error": f"there is no {address.path}"})

    def do_POST(self) -> None:
        """Take a message."""
        content = self.rfile.read(min(int(self.headers.get("Content-Length") or 0), LONGEST_BODY))
        if self.path != "/messages":
            self.answer(404, {"error": f"there is no {self.path}"})
            return
        try:
            values = json.loads(content)
            message = {"to": str(values["to"]), "text": str(values["text"])}
        except (ValueError, KeyError, TypeError):
            self.answer(400, {"error": "send a JSON object with 'to' and 'text'"})
            return
        self.server.take(message)
        self.answer(202, {"status": "accepted"})

    def answer(self, status: int, values: dict[str, object]) -> None:
        """Send JSON."""
        content = json.dumps(values).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the name of the overridden one
        """Say nothing: a code does not belong into a log."""


def main() -> None:
    """Serve until interrupted; the first line printed is the URL."""
    parser = argparse.ArgumentParser(description="A fake SMS gateway.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    options = parser.parse_args()
    gateway = Gateway((options.host, options.port))
    print(gateway.url, flush=True)
    try:
        gateway.serve_forever()
    except KeyboardInterrupt:
        gateway.server_close()


if __name__ == "__main__":
    main()
