"""`python -m demo`: the demo, as an ordinary user; `--clean` only ends and removes what an earlier run left."""

from __future__ import annotations

import argparse
import signal
import sys
from types import FrameType

from demo import guard, leftovers, user
from demo.errors import DemoError

INTERRUPTED = 130


def main() -> int:
    """Read the arguments, run, and return the exit code."""
    about = "A release, a broken one and a rollback, on one machine."
    parser = argparse.ArgumentParser(prog="make demo", description=about)
    parser.add_argument("--clean", action="store_true", help="only end and remove what an earlier run left")
    parser.add_argument("--embedded", action="store_true", help="take the packaged PostgreSQL in any case")
    options = parser.parse_args()
    try:
        user.become_ordinary(sys.argv[1:])
    except DemoError as error:
        print(error, file=sys.stderr)
        return 1
    return guard.guarded(lambda: run(clean=options.clean, embedded=options.embedded))


def run(*, clean: bool, embedded: bool) -> int:
    """Do it and return the exit code; an error is one message."""
    signal.signal(signal.SIGTERM, _end)
    try:
        if clean:
            with leftovers.clean_folder():
                return 0
        from demo import story  # noqa: PLC0415 - its libraries cost time that `--clean` need not pay

        return story.tell(lambda text: print(text, flush=True), embedded=embedded)
    except DemoError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nstopped; what the demo started is ended", file=sys.stderr)
        return INTERRUPTED


def _end(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
