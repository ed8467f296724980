"""What does a balancer show of a server? One shape for every kind of balancer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class View:
    """A server as its balancer shows it at one moment.

    `wanted`: it is not taken out. `healthy`: it is wanted and gets requests. `sessions`: what is still open to it.
    `others`: further servers that are wanted and healthy, None where the balancer does not tell. `words`: the
    balancer's own. `faulty`: it was asked, and answered badly.
    """

    wanted: bool
    healthy: bool
    sessions: int
    others: int | None
    words: str
    faulty: bool = False

    @property
    def drained(self) -> bool:
        """Whether it is taken out and nothing is open to it any more."""
        return not self.wanted and self.sessions == 0


class Balancer(Protocol):
    """A balancer, seen from one server; each method raises Failure when the balancer does not do as it is told."""

    def see(self) -> View:
        """Return what the balancer shows now."""

    def take_out(self) -> None:
        """Let it send no new request to the server; what is under way goes on."""

    def put_back(self) -> None:
        """Let it send requests to the server again, as soon as it finds it healthy."""
