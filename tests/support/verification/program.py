"""The program that released services of tests run: workers behind a parent, on a socket, good or failing as told.

The file `mode` of the release says how: good, lies (names another release), workers-replaced SECONDS (the parent starts
new ones), and after so many good answers of all workers: fails-after COUNT, workers-end COUNT (the parent lives on,
alone), sick-after COUNT (status 500).
"""

from __future__ import annotations

import http.server
import json
import mmap
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

WORKERS = 2
ANSWERS = mmap.mmap(-1, 4)  # shared by parent and workers


def answers(more: int = 0) -> int:
    """Count the answers that all workers have given; good enough for questions that come one after another."""
    count = int.from_bytes(ANSWERS[:4], "big") + more
    ANSWERS[:4] = count.to_bytes(4, "big")
    return count


def end_when(reached: Callable[[], bool], status: int) -> None:
    """End this process at once when that is so."""

    def watch() -> None:
        while not reached():
            time.sleep(0.02)
        os._exit(status)

    threading.Thread(target=watch, daemon=True).start()


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers the health path."""

    def do_GET(self) -> None:
        word, number = mode()
        sick = word == "sick-after" and answers() >= number
        release = "another" if word == "lies" else os.environ["NAMASKAH_RELEASE"]
        body = json.dumps({"release": release, "pid": os.getpid()}).encode()
        self.send_response(500 if sick else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        answers(1)

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def address_string(self) -> str:
        return "unix"


def mode() -> tuple[str, float]:
    """What the release's file says."""
    word, _, number = Path("mode").read_text(encoding="ascii").strip().partition(" ")
    return word, float(number or 0)


def work(listener: socket.socket) -> None:
    """Be a worker until the time is up."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    word, number = mode()
    parent, born = os.getppid(), time.monotonic()
    end_when(lambda: os.getppid() != parent, 0)  # as servers do, so that no orphan keeps the socket
    if word == "workers-replaced":
        end_when(lambda: time.monotonic() - born > number, 1)
    if word == "workers-end":
        end_when(lambda: answers() >= number, 1)
    while True:
        connected, _ = listener.accept()
        Handler(connected, ("unix", 0), None)  # type: ignore[arg-type]
        connected.close()


def start(listener: socket.socket) -> None:
    """Start a worker."""
    if os.fork() == 0:
        work(listener)


def main() -> None:
    """Serve on the socket, or just live where there is none."""
    word, number = mode()
    if word == "fails-after":
        end_when(lambda: answers() >= number, 3)
    path = os.environ.get("NAMASKAH_SOCKET")
    if not path:
        signal.pause()
        return
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(64)
    for _ in range(WORKERS):
        start(listener)

    def stop(*_: object) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        os.killpg(0, signal.SIGTERM)  # also a worker that has been made this moment
        sys.exit(0)

    signal.signal(signal.SIGTERM, stop)
    while True:
        try:
            os.wait()
        except ChildProcessError:
            signal.pause()
            continue
        if word == "workers-replaced":
            start(listener)


if __name__ == "__main__":
    main()
