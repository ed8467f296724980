"""Which release, commit and instance does this process belong to? The launcher says so by environment."""

import os
from typing import TypedDict

from dashboard import VERSION


class Identity(TypedDict):
    """What every health answer, WebSocket answer and log line says about the process."""

    version: str
    release: str
    commit: str
    instance: str
    service: str
    pid: int


def identity() -> Identity:
    """Return this process's identity; unset variables are empty strings, never guesses."""
    return {
        "version": VERSION,
        "release": os.environ.get("NAMASKAH_RELEASE", ""),
        "commit": os.environ.get("NAMASKAH_COMMIT", ""),
        "instance": os.environ.get("NAMASKAH_INSTANCE", ""),
        "service": os.environ.get("NAMASKAH_SERVICE", ""),
        "pid": os.getpid(),
    }
