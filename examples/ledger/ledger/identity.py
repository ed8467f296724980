"""Which release, commit and instance does this process belong to? The launcher says so by environment."""

import os

from ledger import VERSION

VARIABLES = ("release", "commit", "instance", "service")


def identity() -> dict[str, str | int]:
    """Return this process's identity; unset variables are empty strings, never guesses."""
    named = {name: os.environ.get(f"NAMASKAH_{name.upper()}", "") for name in VARIABLES}
    return {"version": VERSION, **named, "pid": os.getpid()}
