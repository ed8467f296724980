"""How far is it, for somebody at a terminal? A table of phases and hosts that is redrawn in place."""

from datetime import UTC, datetime

from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from namaskah_deploy.events import Event, HostResult
from namaskah_deploy.phases import HostState, Phase, Phases

_MARKS = {"waiting": ("·", "dim"), "skipped": ("-", "dim"), "ok": ("✓", "green"), "changed": ("✓", "yellow")} | {
    "failed": ("✗", "bold red"),
    "unreachable": ("✗", "bold red"),
}
_PLAIN_MARKS = {"waiting": ".", "skipped": "-", "ok": "ok", "changed": "ok", "failed": "FAILED", "unreachable": "LOST"}


class Waiting:
    """A turning sign while hosts are asked, gone when they have answered."""

    def __init__(self, console: Console, text: str) -> None:
        self._console = console
        self._status = console.status(Text(text))
        self._status.start()

    def event(self, event: Event, phases: Phases) -> None:
        """Ignore the event: the answer is shown at the end."""

    def tick(self) -> None:
        """Do nothing: rich redraws in a thread of its own."""

    def say(self, text: str) -> None:
        """Write a line above the sign."""
        self._console.print(text, markup=False, highlight=False, emoji=False)

    def close(self) -> None:
        """Take the sign away."""
        self._status.stop()


class LiveTable:
    """The phases of a run with their hosts, redrawn four times a second; the last picture stays on the screen."""

    def __init__(self, console: Console, title: str) -> None:
        self._console = console
        self._title = title
        self._phases = Phases()
        self._signs = (console.encoding or "").lower().startswith("utf")
        self._spinner = Spinner("dots" if self._signs else "line")
        self._live = Live(console=console, get_renderable=self._table, refresh_per_second=4, transient=False)
        self._live.start()

    def event(self, event: Event, phases: Phases) -> None:
        """Take the new state; a failure is also written above the table, where it stays."""
        self._phases = phases
        if isinstance(event, HostResult) and event.failure is not None and not event.ignored:
            if phases.echoes(event):
                return
            self.say(f"{event.host}: {event.failure.what}: {event.failure.why}")

    def tick(self) -> None:
        """Do nothing: rich redraws in a thread of its own."""

    def say(self, text: str) -> None:
        """Write a line above the table."""
        self._console.print(text, markup=False, highlight=False, emoji=False)

    def close(self) -> None:
        """Draw the last picture and leave it."""
        self._phases.current = None
        self._live.stop()

    def _table(self) -> Table:
        title = Text(self._title, style="bold")
        table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
        for name in ("", "phase", "seconds", "hosts"):
            table.add_column(
                name, justify="right" if name == "seconds" else "left", style="dim" if name == "seconds" else ""
            )
        for phase in list(self._phases.known.values()):
            running = phase is self._phases.current
            table.add_row(
                self._spinner if running else self._mark(_worst(phase)),
                Text(phase.name),
                f"{_seconds(phase, running=running):.1f}",
                self._hosts(phase),
            )
        return table

    def _hosts(self, phase: Phase) -> Text:
        text = Text()
        for name, host in sorted(phase.hosts.items()):
            text.append("  " if text else "")
            text.append_text(self._mark(host.status))
            text.append(f" {name}")
            if host.busy:
                text.append(f" {host.task}{f' ({host.note})' if host.note else ''}", style="dim")
        return text

    def _mark(self, status: str) -> Text:
        sign, style = _MARKS[status]
        return Text(sign if self._signs else _PLAIN_MARKS[status], style=style)


def _worst(phase: Phase) -> str:
    order = list(_MARKS)
    return max((host.status for host in phase.hosts.values()), key=order.index, default=HostState().status)


def _seconds(phase: Phase, *, running: bool) -> float:
    return phase.seconds + max(0.0, (datetime.now(UTC) - phase.ended).total_seconds()) if running else phase.seconds
