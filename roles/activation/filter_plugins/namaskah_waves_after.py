"""How many waves come after that of a host? Ansible knows, but tells a play only the hosts of the wave under way."""

from __future__ import annotations

from collections.abc import Sequence

from ansible.utils.helpers import pct_to_int


def waves_after(fleet: Sequence[str], host: str | None, waves: int | str | Sequence[int | str]) -> int:
    """Return how many waves follow that of `host`, or without a host how many there are.

    `waves` has the meaning of a play's `serial`: numbers or percents of the fleet, of which the last one is repeated,
    and zero or an empty list takes all that are left. Preflight has refused what is neither.
    """
    position = -1 if host is None else fleet.index(host)
    sizes = [waves] if isinstance(waves, (int, str)) else list(waves) or [0]
    later = begin = number = 0
    while begin < len(fleet):
        size = pct_to_int(sizes[min(number, len(sizes) - 1)], len(fleet))
        later += begin > position
        begin = begin + size if size > 0 else len(fleet)
        number += 1
    return later


class FilterModule:
    """The filters of this role."""

    def filters(self) -> dict[str, object]:
        """Return them by their names."""
        return {"namaskah_waves_after": waves_after}
