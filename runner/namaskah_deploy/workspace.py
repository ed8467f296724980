"""Where may a run keep its files? A private folder in memory where there is one, gone when the run is over.

ansible-runner writes the child's environment and the variables of a run in clear; they must not outlive it.
"""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

_PREFIX = "namaskah-run-"
_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - the folder made in it is private (mkdtemp: 0700)


@contextlib.contextmanager
def private_folder(environ: Mapping[str, str]) -> Iterator[Path]:
    """Give a new folder of mode 0700 and remove it afterwards, with those that killed runs left behind."""
    base = _memory(environ)
    _sweep(base)
    path = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=base))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
        if path.exists():  # a process that was just killed may still have been writing
            shutil.rmtree(path)


def _memory(environ: Mapping[str, str]) -> Path:
    for name in (environ.get("XDG_RUNTIME_DIR"), _SHARED_MEMORY):
        if name and Path(name).is_dir() and os.access(name, os.W_OK | os.X_OK):
            return Path(name)
    return Path(tempfile.gettempdir())


def _sweep(base: Path) -> None:
    """Remove the folders of our own runs whose process is dead."""
    for path in base.glob(f"{_PREFIX}*-*"):
        pid = path.name.removeprefix(_PREFIX).partition("-")[0]
        with contextlib.suppress(OSError):
            if pid.isdigit() and not Path(f"/proc/{pid}").exists() and path.lstat().st_uid == os.getuid():
                shutil.rmtree(path)
