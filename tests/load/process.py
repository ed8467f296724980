"""How does a test put load on a site beside its own work? `Load` runs it in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from .engine import DRAIN_MARGIN
from .report import Report
from .settings import Settings

READY_TIMEOUT = 30.0


class LoadError(RuntimeError):
    """The load could not be made, or its process ended without a report."""


class Load:
    """A load in a process of its own, so that the test's work does not disturb its timing.

    `with Load(settings) as load: ...` and afterwards `load.report`; or `start()` and `stop()`. The process ends when
    this one does, even by kill -9, and at the latest after `settings.seconds` and the draining.
    """

    def __init__(self, settings: Settings) -> None:
        """Nothing is started yet."""
        self.settings = settings
        self.report: Report | None = None
        self.progress: dict[str, Any] = {}
        self._process: subprocess.Popen[str] | None = None
        self._ready = threading.Event()
        self._readers: list[threading.Thread] = []
        self._errors: list[str] = []

    def start(self, expect_good: bool = True) -> Self:
        """Start, and return when each kind of client has had its first result.

        With `expect_good`, raises LoadError if something failed by then: a test about a switch is worth nothing on a
        site that does not work before it.
        """
        root, environment = _module_root(), dict(os.environ)
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, (str(root), environment.get("PYTHONPATH"))))
        self._process = subprocess.Popen(
            [sys.executable, "-m", f"{__package__}.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )
        self._readers = [threading.Thread(target=read, daemon=True) for read in (self._read_output, self._read_errors)]
        for thread in self._readers:
            thread.start()
        self._tell(self.settings.to_json())
        ready = self._ready.wait(READY_TIMEOUT)
        if self._process.poll() is not None and self.report is None:
            raise LoadError(f"the load's process ended at once: {self._error_text()}")
        if expect_good and (not ready or self.progress.get("failed")):
            report = self.stop()
            raise LoadError(f"the site is not good before the test begins (ready: {ready}):\n{report}")
        return self

    def mark(self, name: str) -> None:
        """Begin a new window in the report, e.g. "deploy 3"."""
        self._tell("mark " + " ".join(name.split()))

    def stop(self) -> Report:
        """End the load, wait for what is under way, and return the report. Raises LoadError if there is none."""
        process = self._process
        if process is None:
            raise LoadError("the load was not started")
        if self.report is None:
            self._tell("stop")
            try:
                process.wait(self._drain_bound())
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for thread in self._readers:
            thread.join(5)
        if process.stdin:
            process.stdin.close()
        if self.report is None:
            raise LoadError(f"the load's process ended with {process.returncode} and no report: {self._error_text()}")
        return self.report

    def __enter__(self) -> Self:
        """Start, on a good site."""
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop; `report` then holds the finding."""
        self.stop()

    def _tell(self, line: str) -> None:
        assert self._process is not None and self._process.stdin is not None, "the load was not started"
        try:
            self._process.stdin.write(line + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            return  # it has ended; `stop` says how

    def _read_output(self) -> None:
        assert self._process is not None and self._process.stdout is not None
        for line in self._process.stdout:
            message = json.loads(line)
            if "report" in message:
                self.report = Report.from_dict(message["report"])
            self.progress = message.get("progress", self.progress)
            if message.get("ready"):
                self._ready.set()
        self._ready.set()

    def _read_errors(self) -> None:
        assert self._process is not None and self._process.stderr is not None
        self._errors.extend(self._process.stderr)

    def _error_text(self) -> str:
        return "".join(self._errors[-20:]).strip() or "it said nothing"

    def _drain_bound(self) -> float:
        """Longer than everything that the worker itself bounds after `stop`, the reading of the ledger included."""
        one = self.settings
        requests = one.request_timeout + one.profile.slow_seconds + DRAIN_MARGIN
        sockets = one.back_within + 3 * one.websocket_timeout + DRAIN_MARGIN
        return requests + sockets + 90.0


def _module_root() -> Path:
    """The folder from which this package is imported under its present name."""
    assert __package__
    return Path(__file__).resolve().parents[len(__package__.split("."))]
