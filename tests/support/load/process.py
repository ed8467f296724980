"""How does a test put load on a site beside its own work? `Load` runs it in a process of its own."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Self

from tests.support.load.report import Report
from tests.support.project import ROOT

if TYPE_CHECKING:
    from types import TracebackType

    from tests.support.load.settings import Settings

READY_TIMEOUT = 30.0
LEDGER_BOUND = 90.0


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
        process = self._process = subprocess.Popen(
            # -P: the current folder may hold another package of the same name.
            [sys.executable, "-P", "-m", f"{__package__}.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )
        self._readers = [
            threading.Thread(target=self._read_output, args=(process.stdout,), daemon=True),
            threading.Thread(target=self._read_errors, args=(process.stderr,), daemon=True),
        ]
        for thread in self._readers:
            thread.start()
        self._tell(self.settings.to_json())
        ready = self._ready.wait(READY_TIMEOUT)
        if process.poll() is not None and self.report is None:
            self._close()
            raise LoadError(f"the load's process ended at once: {self._error_text()}")
        if expect_good and (not ready or self.progress.get("failed")):
            report = self.stop()
            raise LoadError(f"the site is not good before the test begins (ready: {ready}):\n{report}")
        return self

    @property
    def pid(self) -> int | None:
        """Return the number of the load's process; None before the start."""
        return self._process.pid if self._process else None

    def mark(self, name: str) -> None:
        """Begin a new window in the report, e.g. "deploy 3"."""
        self._tell("mark " + " ".join(name.split()))

    def stop(self) -> Report:
        """End the load, wait for what is under way, and return the report.

        Raises LoadError if there is none, or if the load ended before: then it did not cover what the test did.
        """
        report = self._finish()
        if report.ended_by == "time":
            raise LoadError(
                f"the load ended by itself after {self.settings.seconds:g} s, before the test did: {report}"
            )
        return report

    def wait(self) -> Report:
        """Wait until the load has ended by its own time, and return the report. Raises LoadError if there is none."""
        if self._process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(self.settings.seconds + self._drain_bound())
        return self._finish()

    def _finish(self) -> Report:
        process = self._process
        if process is None:
            raise LoadError("the load was not started")
        if process.stdin is not None and not process.stdin.closed:
            self._end(process)
        if self.report is None:
            raise LoadError(f"the load's process ended with {process.returncode} and no report: {self._error_text()}")
        return self.report

    def _end(self, process: subprocess.Popen[str]) -> None:
        self._tell("stop")
        try:
            process.wait(self._drain_bound())
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        self._close()

    def __enter__(self) -> Self:
        """Start, on a good site."""
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop; `report` then holds the finding. An error of the test itself is not covered up by one of the load."""
        try:
            self.stop()
        except LoadError:
            if error is None:
                raise

    def _close(self) -> None:
        """Read what is left to read, and close the pipes."""
        for thread in self._readers:
            thread.join(5)
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr) if self._process else ():
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()

    def _tell(self, line: str) -> None:
        if self._process is None or self._process.stdin is None:
            raise LoadError("the load was not started")
        try:
            self._process.stdin.write(line + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            return  # it has ended; `stop` says how

    def _read_output(self, output: IO[str]) -> None:
        for line in output:
            message = json.loads(line)
            if "report" in message:
                self.report = Report.from_dict(message["report"])
            self.progress = message.get("progress", self.progress)
            if message.get("ready"):
                self._ready.set()
        self._ready.set()

    def _read_errors(self, errors: IO[str]) -> None:
        self._errors.extend(errors)

    def _error_text(self) -> str:
        return "".join(self._errors[-20:]).strip() or "it said nothing"

    def _drain_bound(self) -> float:
        """Return more than everything that the worker itself bounds after `stop`, in seconds."""
        return self.settings.drain_requests() + self.settings.drain_websockets() + LEDGER_BOUND


def _module_root() -> Path:
    """Return the folder from which this package is imported under its present name."""
    assert __package__
    return ROOT
