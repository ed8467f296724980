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
    """Turns signals into a wish to stop; `said` is called with each new wish.

    Use it as a context manager in the main thread. Handlers only count: everything else is done by whoever asks.
    """

    def __init__(self, said: Callable[[Stop], None]) -> None:
        self._said = said
        self._before: dict[int, object] = {}
        self.stop = Stop.NO

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
        wish = Stop.WHEN_SAFE if number == signal.SIGINT and self.stop is Stop.NO else Stop.NOW
        if wish is not self.stop:
            self.stop = wish
            self._said(wish)
