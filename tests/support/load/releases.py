"""Which release answered, and when did that change? Judged by the time a request began, not by when it ended."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.support.load.profiles import Profile
    from tests.support.load.wire import Response

MAX_SWITCHES = 2_000


@dataclass
class ReleaseTrack:
    """The releases seen, in order.

    A request that began before the present release was first seen may still be answered by the one before: that is
    the draining of the old instance, not a step back. Begun after it, it is a switch (a rollback, or a split fleet).
    """

    switches: list[tuple[float, str]] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    dropped: int = 0

    def seen(self, release: str, began: float, ended: float) -> None:
        """Note that a request sent at `began` was answered by `release` at `ended`."""
        self.counts[release] = self.counts.get(release, 0) + 1
        if self.switches and (self.switches[-1][1] == release or began < self.switches[-1][0]):
            return
        if len(self.switches) >= MAX_SWITCHES:
            self.dropped += 1
            return
        self.switches.append((ended, release))

    @property
    def current(self) -> str:
        """The release seen last; empty before the first."""
        return self.switches[-1][1] if self.switches else ""


def release_of(response: Response, path: str, profile: Profile) -> str:
    """Return the release that an answer names, by header or by a member of its JSON; empty if none."""
    header = response.headers.get(profile.release_header.lower(), "")
    if header or path not in (profile.health_path, profile.payment_path, profile.slow_path):
        return header
    try:
        document: Any = json.loads(response.body)
    except ValueError:
        return ""
    value = document.get(profile.release_key, "") if isinstance(document, dict) else ""
    return str(value)
