"""How far is it, for somebody who reads lines? Plain text with times in a pipe, JSON lines for programs."""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Protocol, TextIO

from namaskah_deploy import record
from namaskah_deploy.events import Event, HostResult, Other, Retry, TaskStarted
from namaskah_deploy.phases import Phase, Phases


class Display(Protocol):
    """Shows a run while it goes on."""

    def event(self, event: Event, phases: Phases) -> None:
        """Show that `event` happened; `phases` holds it already."""

    def tick(self) -> None:
        """Do what time alone asks for; called a few times a second."""

    def say(self, text: str) -> None:
        """Tell the operator something in between."""

    def close(self) -> None:
        """End; the last picture stays."""


class Unfailing:
    """Shows a run by another display, and goes on without it when that fails: a closed pipe or terminal.

    Whatever happens to the screen, the hosts have still to be brought back.
    """

    def __init__(self, display: Display) -> None:
        self._display: Display = display

    def event(self, event: Event, phases: Phases) -> None:
        """Show the event where that is possible."""
        self._try(lambda: self._display.event(event, phases))

    def tick(self) -> None:
        """Let time pass where that is possible."""
        self._try(self._display.tick)

    def say(self, text: str) -> None:
        """Say the text where that is possible."""
        self._try(lambda: self._display.say(text))

    def close(self) -> None:
        """Close the display where that is possible."""
        self._try(self._display.close)

    def _try(self, show: Callable[[], None]) -> None:
        try:
            show()
        except (OSError, ValueError):  # ValueError: the stream was closed
            self._display = Silent()


class Silent:
    """Shows nothing: for commands whose result is all that matters."""

    def event(self, event: Event, phases: Phases) -> None:
        """Ignore the event."""

    def tick(self) -> None:
        """Do nothing."""

    def say(self, text: str) -> None:
        """Ignore the text."""

    def close(self) -> None:
        """Do nothing."""


class Lines:
    """A line when a phase begins and one when it ends, at once for each failure; with `verbose` one for each task."""

    def __init__(self, stream: TextIO, *, verbose: bool = False) -> None:
        self._stream = stream
        self._verbose = verbose
        self._shown: Phase | None = None

    def event(self, event: Event, phases: Phases) -> None:
        """Write the lines that `event` is worth."""
        for text in self._lines(event, phases):
            self._write(event.at, text)

    def tick(self) -> None:
        """Do nothing: a pipe has no picture to redraw."""

    def say(self, text: str) -> None:
        """Write the text as a line."""
        self._stream.write(f"{text}\n")
        self._stream.flush()

    def close(self) -> None:
        """Write how the last phase ended."""
        if self._shown is not None:
            self._write(self._shown.ended, ended(self._shown))
            self._shown = None

    def _lines(self, event: Event, phases: Phases) -> Iterator[str]:
        if isinstance(event, HostResult) and phases.echoes(event):
            return
        if isinstance(event, TaskStarted) and phases.current is not self._shown and phases.current is not None:
            if self._shown is not None:
                yield ended(self._shown)
            self._shown = phases.current
            yield f"{phases.current.name}{' again' if phases.current.rounds > 1 else ''} ..."
        if isinstance(event, Retry) and event.action != "async_status":  # asking for news is no further try
            yield f"  {event.host}: {event.task}: try {event.attempt + 1}{event.why and f': {event.why}'}"
        if isinstance(event, HostResult):
            yield from self._of_host(event)

    def _of_host(self, event: HostResult) -> Iterator[str]:
        if event.failure is not None and not event.ignored:
            yield f"  {event.host}: {event.status.upper()}: {event.failure.what}: {_first_line(event.failure.why)}"
        elif self._verbose and event.status != "skipped":
            yield f"  {event.host}: {event.status}: {event.task} ({event.seconds:.1f} s)"

    def _write(self, at: datetime, text: str) -> None:
        self.say(f"{at:%H:%M:%S} {text}")


class JsonLines:
    """One JSON object a line for each event."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def event(self, event: Event, phases: Phases) -> None:  # noqa: ARG002 - the protocol's form
        """Write the event."""
        if not isinstance(event, Other):
            self._stream.write(record.line(event) + "\n")
            self._stream.flush()

    def tick(self) -> None:
        """Do nothing."""

    def say(self, text: str) -> None:
        """Ignore the text: a program reads here."""

    def close(self) -> None:
        """Do nothing: each line was written when it happened."""


def ended(phase: Phase) -> str:
    """Return the line that says how a phase ended on which hosts."""
    by_status: dict[str, list[str]] = {}
    for name, host in phase.hosts.items():
        by_status.setdefault(host.status, []).append(name)
    hosts = "; ".join(f"{status}: {', '.join(sorted(names))}" for status, names in sorted(by_status.items()))
    return f"{phase.name} {'FAILED' if phase.failed else 'done'} in {phase.seconds:.1f} s ({hosts or 'no host'})"


def _first_line(text: str) -> str:
    return text.strip().splitlines()[0] if text.strip() else "no reason was given"
