"""How does a failure speak to the operator? What failed, where, why, and what to do next."""

from __future__ import annotations

from typing import Any

from .foreign import visible

Complaint = tuple[str, str, str]  # of a check: the name by which it can be allowed, what is wrong, what to do


class Failure(Exception):  # noqa: N818 - an operator reads the word
    """An expected failure of a release step.

    `kind` is one of refused, unreachable, failed, unhealthy, timeout: policies decide by it, never by the text.
    Whatever a program or an application said in it is shown, and never acts.
    """

    def __init__(self, kind: str, what: str, where: str, why: str, next_step: str) -> None:
        self.kind = kind
        self.what, self.where, self.why, self.next_step = map(visible, (what, where, why, next_step))
        super().__init__(f"{self.what} ({self.where}): {self.why}")
        self.result: dict[str, Any] = {}  # what was found out before it failed, for the report

    def as_dict(self) -> dict[str, str]:
        """Return the failure as modules report it."""
        return {"class": self.kind, "what": self.what, "where": self.where, "why": self.why, "next": self.next_step}
