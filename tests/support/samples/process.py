"""How is a command of a release started, watched and ended, as a launcher would do it?"""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from tests.support.samples.http_client import Answer, Client

T = TypeVar("T")
STOP_SECONDS = 15.0


@dataclass(frozen=True)
class Running:
    """A service that was started; what it says stands in its log."""

    process: subprocess.Popen[bytes]
    log: Path
    client: Client

    def said(self) -> str:
        """Return what it has said so far."""
        return self.log.read_text(errors="replace")

    def answers(self, seconds: float = 1) -> Answer | None:
        """Return the health answer, or None while there is none."""
        with contextlib.suppress(OSError, ConnectionError):
            return self.client.get("/healthz", seconds=seconds)
        return None

    def becomes_healthy(self, within: float) -> Answer:
        """Return the first good health answer; an AssertionError shows the log when there is none in time."""

        def healthy() -> Answer | None:
            assert self.process.poll() is None, f"it ended with {self.process.returncode}:\n{self.said()}"
            answer = self.answers()
            return answer if answer and answer.status == 200 else None

        found = wait_for(healthy, within)
        assert found, f"not healthy within {within} s:\n{self.said()}"
        return found

    def stop(self) -> int:
        """Ask it to end, and return its exit status; an AssertionError when it does not."""
        self.process.terminate()
        try:
            return self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"SIGTERM did not end it in {STOP_SECONDS} s:\n{self.said()}") from None


@contextmanager
def started(command: list[str], folder: Path, environment: Mapping[str, str], log: Path) -> Iterator[Running]:
    """Run a command in a release's folder until the end of the block."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=folder, env=dict(environment), stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
    running = Running(process, log, Client(Path(environment["NAMASKAH_SOCKET"]), environment["API_TOKEN"]))
    try:
        yield running
    finally:
        if process.poll() is None:
            running.stop()


def wait_for(question: Callable[[], T], within: float, every: float = 0.1) -> T:
    """Ask until the answer is yes or the seconds are over; return the last answer."""
    end = time.monotonic() + within
    while not (answer := question()) and time.monotonic() < end:
        time.sleep(every)
    return answer
