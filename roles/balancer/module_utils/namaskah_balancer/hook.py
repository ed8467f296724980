"""How is any other balancer told? By three commands of the operator's: leave, return and state."""

from __future__ import annotations

from dataclasses import dataclass

from ansible.module_utils.namaskah_host.commands import run
from ansible.module_utils.namaskah_host.failure import Failure

from .view import View

STATES = ("healthy", "draining", "drained", "starting", "unhealthy")
OUT = ("draining", "drained")


@dataclass(frozen=True)
class Hook:
    """The commands of one server; `{server}` and `{backend}` are filled in already. `timeout` bounds each, seconds."""

    leave: tuple[str, ...]
    come_back: tuple[str, ...]
    state: tuple[str, ...]
    server: str
    timeout: float

    def see(self) -> View:
        """Return what the state command's first word says."""
        said = self._run(self.state, "ask the balancer").split()
        word = said[0] if said else ""
        if word not in STATES:
            raise Failure(
                "failed",
                "ask the balancer",
                self.server,
                f"balancer_state_command printed {word[:80]!r} first",
                f"let it print one of {', '.join(STATES)}",
            )
        return View(
            wanted=word not in OUT,
            healthy=word == "healthy",
            sessions=int(word == "draining"),
            others=None,
            words=" ".join(said)[:200],
            faulty=word == "unhealthy",
        )

    def take_out(self) -> None:
        """Run the leave command."""
        self._run(self.leave, "leave the balancer")

    def put_back(self) -> None:
        """Run the return command."""
        self._run(self.come_back, "come back to the balancer")

    def _run(self, argv: tuple[str, ...], what: str) -> str:
        return run(argv, what=what, timeout=self.timeout, next_step="try the command by hand on the balancer's host")
