"""How long does something take, and how many rows of the measured tables make a megabyte?"""

from __future__ import annotations

import time
from collections.abc import Callable

ROWS_A_MEGABYTE = 4700


def timed(work: Callable[[], object]) -> float:
    started = time.monotonic()
    work()
    return time.monotonic() - started
