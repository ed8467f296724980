"""How does a failure speak to the operator? What failed, where, why, and what to do next."""

from __future__ import annotations

from typing import Any

Complaint = tuple[str, str, str]  # of a check: the name by which it can be allowed, what is wrong, what to do


class Failure(Exception):  # noqa: N818 - an operator reads the word
    """An expected failure of a release step.

    `kind` is one of refused, unreachable, failed, unhealthy, timeout: policies decide by it, never by the text.
    """

    def __init__(self, kind: str, what: str, where: str, why: str, next_step: str) -> None:
        super().__init__(f"{what} ({where}): {why}")
        self.kind = kind
        self.what = what
        self.where = where
        self.why = why
        self.next_step = next_step
        self.result: dict[str, Any] = {}  # what was found out before it failed, for the report

    def as_dict(self) -> dict[str, str]:
        """Return the failure as modules report it."""
        return {"class": self.kind, "what": self.what, "where": self.where, "why": self.why, "next": self.next_step}
