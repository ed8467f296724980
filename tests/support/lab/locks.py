"""How concurrent runs on one machine take turns: a kernel lock that no dead process can keep."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Hold an exclusive flock on `path` (created if missing) for the length of the block; waits for it."""
    with _locked(path, fcntl.LOCK_EX):
        yield


@contextmanager
def shared(path: Path) -> Iterator[None]:
    """Hold a flock on `path` that others may share, for the length of the block; waits for who has it alone."""
    with _locked(path, fcntl.LOCK_SH):
        yield


@contextmanager
def idle(path: Path) -> Iterator[bool]:
    """Hold an exclusive flock for the block where nobody has one now, and say whether it is held; waits for nobody."""
    try:
        with _locked(path, fcntl.LOCK_EX | fcntl.LOCK_NB):
            yield True
    except BlockingIOError:
        yield False


@contextmanager
def _locked(path: Path, how: int) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as handle:
        fcntl.flock(handle, how)
        yield
