"""Which tests share a worker when suites run beside each other, and which begin first?

A fleet of lab hosts takes a minute to make, so the tests of one fleet are kept together: a worker of pytest-xdist gets
whole groups. A group is a file, unless files share a fleet or another costly fixture. Without workers nothing of this
matters. (xdist's own `--dist loadgroup` changes names in a way that pytest 9.2 no longer sees.)
"""

from __future__ import annotations

import re

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

# Names of tests -> their group ("": each file is one), the longest first: what begins last ends last.
GROUPS = {
    r"tests/lab/test_outcomes\.py::.*\[systemd": "outcomes on systemd",
    r"tests/lab/test_outcomes\.py::.*\[pm2": "outcomes on pm2",
    r"tests/lab/test_(faults|ports|left_at_work)\.py": "one fleet",
    r"tests/lab/test_(release|drift|restore|waves)\.py": "another fleet",
    r"tests/lab/test_(refusals|secrets)\.py": "guarded",
    r"tests/lab/test_controller\.py": "controller",
    r"tests/lab/provision/(?!test_pm2)": "provisioned",
    r"tests/lab/(?!test_(host|lab|serving)\.py)": "",
    r"tests/lab/": "lab",
    r"tests/examples/": "examples",
    r"tests/packaging/": "packaging",
}
# Of the product of samples, broken tags and process managers the default run takes one of each phase, of the phases at
# which a host is rebooted the one that leaves most behind, of the waves those that all return, and changes by hand all
# at once; the soak has all, each by itself.
LEFT_TO_SOAK = re.compile(
    r"tests/lab/test_outcomes\.py::.*\["
    r"(?!systemd-dashboard-broken-(migration|health-500|websocket)\]|pm2-ledger-broken-start\])"
    r"|tests/lab/test_faults\.py::test_a_host_rebooted\w*\[(?!switched\])"
    r"|tests/lab/test_drift\.py::test_a_change_by_hand\w*\["
    r"|tests/lab/test_waves\.py::test_a_quorum"
)
_GROUPS = [(re.compile(pattern), group) for pattern, group in GROUPS.items()]


def group_of(nodeid: str) -> str:
    """Return the name of a test's group."""
    return _place(nodeid)[1]


def rank_of(nodeid: str) -> int:
    """Return how early a test's group begins."""
    return _place(nodeid)[0]


def _place(nodeid: str) -> tuple[int, str]:
    file = nodeid.partition("::")[0]
    found = ((rank, group or file) for rank, (pattern, group) in enumerate(_GROUPS) if pattern.match(nodeid))
    return next(found, (len(_GROUPS), file))


def left_to_soak(nodeid: str) -> bool:
    """Whether a test is one of a large product, of which the default run takes a part."""
    return LEFT_TO_SOAK.match(nodeid) is not None


def order(items: list[pytest.Item]) -> None:
    """Put the groups that take longest first; tests of a group keep their order."""
    items.sort(key=lambda item: rank_of(item.nodeid))


class GroupScheduling(LoadScopeScheduling):  # type: ignore[misc] # xdist brings no types
    """Hands whole groups to workers."""

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)


def scheduler(config: pytest.Config, log: Producer) -> GroupScheduling:
    """Return what hands out tests in the order of their collection."""
    config.option.loadscopereorder = False
    return GroupScheduling(config, log)
