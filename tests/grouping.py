"""Which tests share a worker when suites run beside each other?

A fleet of lab hosts takes a minute to make, so the tests of one fleet are kept together: a worker of pytest-xdist
(`--dist loadgroup`) gets whole groups. Without workers the groups mean nothing.
"""

from __future__ import annotations

import pytest

# Fixtures that each cost more than any test of theirs, the longest group first: what begins last ends last.
FLEETS = ("samples", "dashboard", "guarded", "fleet", "pm2_fleet", "lab")
# The tests of these fleets are too long for one worker: each file is a group, and a worker makes a fleet once.
BY_FILE = ("dashboard",)
# Suites whose session fixtures are shared by all of their files.
WHOLE = ("tests/examples", "tests/packaging")


def group(items: list[pytest.Item]) -> None:
    """Name the group of each item, and put the groups that take longest first."""
    places = {item: _place(item) for item in items}
    for item, (_, name) in places.items():
        item.add_marker(pytest.mark.xdist_group(name))
    items.sort(key=lambda item: places[item][0])


def without_group(nodeid: str) -> str:
    """Return a test's name as it is without workers: pytest-xdist puts `@group` behind it."""
    name, mark, group_name = nodeid.rpartition("@")
    return name if mark and not {"]", ":"} & set(group_name) else nodeid


def _place(item: pytest.Item) -> tuple[int, str]:
    """Return the rank and the name of an item's group: its suite, its fleet or its file."""
    path = item.nodeid.partition("::")[0]
    for folder in WHOLE:
        if path.startswith(f"{folder}/"):
            return len(FLEETS), folder
    for rank, fleet in enumerate(FLEETS):
        if fleet in getattr(item, "fixturenames", ()):
            return rank, f"{fleet}{_kind(item, fleet)}" if fleet not in BY_FILE else path
    return len(FLEETS), path


def _kind(item: pytest.Item, fleet: str) -> str:
    """Return what tells fleets of one fixture apart: its parameter."""
    call = getattr(item, "callspec", None)
    return f"-{call.params[fleet]}" if call and fleet in call.params else ""
