"""How a setting is read from the environment: as text, as a list, as yes or no."""

import os

POOLED = "DATABASE_POOL"
"""Whether database connections are shared by the requests of a process; a command needs its one alone."""
TRUE = {"1", "true", "yes", "on"}


def text(name: str, default: str = "") -> str:
    """Return the variable, or the default when it is unset or empty."""
    return os.environ.get(name) or default


def items(name: str) -> list[str]:
    """Return a comma-separated variable as a list without empty entries."""
    return [item.strip() for item in text(name).split(",") if item.strip()]


def flag(name: str) -> bool:
    """Return whether the variable says yes."""
    return text(name).lower() in TRUE
