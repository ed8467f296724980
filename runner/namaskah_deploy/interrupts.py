"""What does the operator's Ctrl-C ask of a running play? Counts signals while it is entered, and gives them back.

The first Ctrl-C asks to stop where it is safe, the second to stop at once. SIGTERM and SIGHUP, which a CI system or a
closed terminal sends, ask to stop at once: a kill may follow within seconds.
"""

import enum
import signal
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Self

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stop(enum.IntEnum):
    """How soon a play has to stop."""

    NO = 0
    WHEN_SAFE = 1
    NOW = 2


class Interrupts:
    """Turns signals into a wish to stop, from entering on until leaving.

    Use it as a context manager in the main thread. Handlers only count, for they may interrupt a write; the operator is
    answered by the next call of `wish`.
    """

    def __init__(self) -> None:
        self._before: dict[int, object] = {}
        self.begin(lambda _: None)

    def begin(self, said: Callable[[Stop], None]) -> None:
        """Begin to count anew, for a further run; `said` is called with each new wish."""
        self._said = said
        self._stop = self._answered = Stop.NO

    def wish(self) -> Stop:
        """Return how soon to stop, after having answered the operator."""
        stop = self._stop
        if stop is not self._answered:
            self._answered = stop
            self._said(stop)
        return stop

    def __enter__(self) -> Self:
        """Take the signals over."""
        for number in _SIGNALS:
            self._before[number] = signal.signal(number, self._count)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give the signals back to whoever had them."""
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]  # what signal() itself returned

    def _count(self, number: int, _frame: FrameType | None) -> None:
        self._stop = Stop.WHEN_SAFE if number == signal.SIGINT and self._stop is Stop.NO else Stop.NOW
