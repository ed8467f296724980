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
    r"tests/lab/test_(release|drift|restore|waves)\.py": "another fleet",
    r"tests/lab/test_(faults|left_at_work|every_record)\.py": "one fleet",
    r"tests/lab/test_outcomes\.py::.*\[systemd": "outcomes on systemd",
    r"tests/lab/test_outcomes\.py::.*\[pm2": "outcomes on pm2",
    r"tests/lab/test_(refusals|secrets|backups)\.py": "guarded",
    r"tests/lab/test_controller\.py": "controller",
    r"tests/lab/provision/(?!test_pm2)": "provisioned",
    r"tests/lab/(?!test_(host|lab|serving)\.py)": "",
    r"tests/lab/": "lab",
    r"tests/museum/test_museum\.py": "museum",
}
# The same of what has no fleet and takes long: it begins from the other end, so that what ends last is short.
OTHERS = {
    r"tests/(host/test_guard|roles/restore/test_rollback_database)\.py": "",
    r"tests/packaging/": "packaging",
    r"tests/(command_line|playbooks)/": "",
    r"tests/examples/": "examples",
    r"tests/demo/": "",
    r"tests/host/test_activation\.py": "",
    r"tests/faults/": "",
}
# What does a fault again, elsewhere or otherwise, is the soak's.
_MORE = (
    # of samples, broken tags and process managers: each kind once, under pm2, for systemd carries all other tests
    r"tests/lab/test_outcomes\.py::test_a_broken\w*\[(systemd|pm2-ledger-broken-(?!lifespan|migration|build))",
    r"tests/lab/test_outcomes\.py::test_a_broken\w*\[pm2-dashboard-broken-(?!collectstatic|worker)",
    # a slow start: of a folder, with the same words (host/test_activation)
    r"tests/lab/test_outcomes\.py::test_a_slow_start",
    r"tests/lab/test_outcomes\.py::test_versions_follow_each_other",
    # a host that is lost after the first switch: a whole network that is, of real hosts; one of four, of folders
    r"tests/lab/test_release\.py::test_a_host_lost",
    # how a host ends in a wave, of four folders: of verdicts that are judged alike (roles/test_waves_verdict) one each
    r"tests/playbooks/test_waves\.py::test_how_a_host_ends\w*\[(all well|a quorum without|below the quorum|nobody)",
    # of phases at which a host is rebooted: the one that leaves most behind
    r"tests/lab/test_faults\.py::test_a_host_rebooted\w*\[(?!switched\])",
    # each change by hand by itself: all at once; hosts that differ: folders that do
    r"tests/lab/test_drift\.py::(test_a_change_by_hand|test_hosts_that_differ)",
    # hosts that end badly in their wave, on real hosts: of folders; and a host that is lost (test_faults)
    r"tests/lab/test_waves\.py::",
    # a restart without an instance beside the old one: the load generator sees it (tests/load, lab/test_serving)
    r"tests/lab/test_release\.py::test_a_plain_restart",
    # what the lease keeps a restore from, in all ways: on hosts, the one that an operator holds
    r"tests/roles/restore/test_rollback_database\.py::test_a_fleet_that_is_held",
    # a rollback with its database: on hosts, the one that fails and the one that goes well
    r"tests/lab/test_restore\.py::test_killed",
    r"tests/roles/restore/test_rollback_database\.py::test_(killed|where)",
    # provisioning once more: without changes, under systemd
    r"tests/lab/provision/test_fresh_host\.py::test_dry_run",
    r"tests/lab/provision/test_pm2\.py::test_second_run",
    # work left behind, on hosts: in folders
    r"tests/lab/test_left_at_work\.py",
    # a commit that cannot be built, by plain ansible-playbook: by the command line; a release after all refusals: of
    # test_secrets, on the same fleet
    r"tests/lab/test_refusals\.py::(test_a_commit_that_cannot_be_built\[plain|test_after_all)",
    # a backup that fails in a release: one that cannot be proved
    r"tests/lab/test_refusals\.py::test_a_backup_that_fails_after_preflight\[killed_dump\]",
    # what an older version left in the middle: the state that hosts have to end by themselves
    r"tests/museum/test_museum\.py::test_a_run_that_died\w*(_finished\[|\[(?!\w+-provisional\]))",
    r"tests/museum/test_museum\.py::test_a_split_fleet",
    # points at which a module is killed: the first, one in the middle, the last
    r"tests/host/test_activation\.py::test_killed_at_any_point\w*\[[23567]\]",
)
LEFT_TO_SOAK = re.compile("|".join(_MORE))
_FIRST, _LAST = ([(re.compile(pattern), group) for pattern, group in some.items()] for some in (GROUPS, OTHERS))


def group_of(nodeid: str) -> str:
    """Return the name of a test's group."""
    return _place(nodeid)[1]


def rank_of(nodeid: str) -> int:
    """Return how early a test's group begins."""
    return _place(nodeid)[0]


def _place(nodeid: str) -> tuple[int, str]:
    file, between = nodeid.partition("::")[0], len(_FIRST)
    ranked = [*enumerate(_FIRST), *enumerate(_LAST, start=between + 1)]
    found = ((rank, group or file) for rank, (pattern, group) in ranked if pattern.match(nodeid))
    return next(found, (between, file))


def left_to_soak(nodeid: str) -> bool:
    """Whether a test is one of a large product, of which the default run takes a part."""
    return LEFT_TO_SOAK.match(nodeid) is not None


def order(items: list[pytest.Item]) -> None:
    """Put fleets first, and the longest of all else last; tests of a group keep their order."""
    items.sort(key=lambda item: rank_of(item.nodeid))


class GroupScheduling(LoadScopeScheduling):  # type: ignore[misc] # xdist brings no types
    """Hands whole groups to workers: to every other one the first that is left, to the rest the last.

    So fleets, which keep processors busy, run beside tests that mostly wait, and not all fleets at once.
    """

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)

    def _assign_work_unit(self, node: object) -> None:
        if self.nodes.index(node) % 2:
            self.workqueue.move_to_end(next(reversed(self.workqueue)), last=False)
        super()._assign_work_unit(node)


def scheduler(config: pytest.Config, log: Producer) -> GroupScheduling:
    """Return what hands out tests in the order of their collection."""
    config.option.loadscopereorder = False
    return GroupScheduling(config, log)
