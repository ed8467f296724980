"""Who uses the application while it is released? The tests' own load, one for each host's front."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from demo.errors import DemoError
from demo.hosts import Host
from tests.support.load import DASHBOARD, Load, LoadError, Rates, Report, Settings, resolve_target

# Enough to see every lost request, little enough for a laptop that builds releases at the same time.
RATES = Rates(get=2.5, keepalive=2.5, payment=2.0, slow=0.2, static=1.0)
WEBSOCKETS = 3
SECONDS = 900.0


@dataclass(frozen=True)
class Traffic:
    """The running loads."""

    loads: tuple[Load, ...]

    def mark(self, name: str) -> None:
        """Begin a new section of the reports."""
        for load in self.loads:
            load.mark(name)

    def stop(self) -> list[Report]:
        """End the loads and return what each found; raises DemoError."""
        try:
            return [load.stop() for load in self.loads]
        except LoadError as error:
            raise DemoError(f"The load ended without a report: {error}") from None


def start(hosts: Sequence[Host], token: str) -> Traffic:
    """Put load on every front; raises DemoError when the first answers are not good. It ends with this process."""
    loads = tuple(
        Load(
            Settings(
                target=resolve_target(host.url),
                profile=DASHBOARD,
                seconds=SECONDS,
                rates=RATES,
                websockets=WEBSOCKETS,
                token=token,
            )
        )
        for host in hosts
    )
    try:
        for load in loads:
            load.start()
    except LoadError as error:
        raise DemoError(f"The application does not answer well: {error}") from None
    return Traffic(loads)
