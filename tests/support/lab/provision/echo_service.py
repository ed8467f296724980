"""A service that tells what reached it: the smallest thing that a front and a process manager can be tried with.

It stands alone, for it runs on hosts. NAMASKAH_INSTANCE says which instance it is, NAMASKAH_PORT or the name of the
program where it listens: <runtime>/<instance>/<name>.sock. It answers every request with what it saw of it.
"""

import json
import os
import socketserver
import sys
import time
from http.server import BaseHTTPRequestHandler
from pathlib import Path

INSTANCE = os.environ["NAMASKAH_INSTANCE"]
NAME = Path(sys.argv[0]).name
PORTS = {"blue": 8101, "green": 8102}


class Echo(BaseHTTPRequestHandler):
    """Answers with the request, its origin and this process; /slow waits; an upgrade is accepted and echoed."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Tell what was asked."""
        if self.headers.get("Upgrade") == "websocket":
            return self.echo_bytes()
        if self.path == "/slow":
            time.sleep(3)
        length = int(self.headers.get("Content-Length", 0))
        told = {
            "instance": INSTANCE,
            "service": NAME,
            "pid": os.getpid(),
            "path": self.path,
            "body": len(self.rfile.read(length)),
            "headers": {name.lower(): value for name, value in self.headers.items()},
            "writable": {path: os.access(path, os.W_OK) for path in ("/srv", "/etc", "/usr", "/home", "/var/lib")},
        }
        answer = json.dumps(told).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)
        return None

    do_POST = do_GET  # noqa: N815 - the name that the library calls

    def echo_bytes(self) -> None:
        """Switch protocols and send back what comes, until the other side ends."""
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "upgrade")
        self.end_headers()
        self.close_connection = True
        while data := self.connection.recv(4096):
            self.connection.sendall(data)

    def address_string(self) -> str:
        """A unix socket has no address of its own."""
        return "front"


def server() -> socketserver.BaseServer:
    """Listen on the port or the socket of this instance."""
    if NAME == "api":
        return socketserver.ThreadingTCPServer(("127.0.0.1", PORTS[INSTANCE]), Echo)
    path = Path(f"/run/dashboard/{INSTANCE}/{NAME}.sock")
    path.unlink(missing_ok=True)
    return socketserver.ThreadingUnixStreamServer(str(path), Echo)


def main() -> None:
    """Serve for ever."""
    socketserver.TCPServer.allow_reuse_address = True
    with server() as listening:
        listening.serve_forever()


if __name__ == "__main__":
    main()
