"""What does the default run run, which is that of `make test`, and has this run collected all of it?"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.support.faults.plugin import kinds_of

NOT_BY_DEFAULT = ("soak", "bench")
"""Marks of the tests that have commands of their own."""
INJECTED = pytest.StashKey[set[str]]()
"""The kinds of faults that the default run injects; it is there where this run has collected every test."""
_FEWER = ("lf", "ignore", "ignore_glob", "pyargs")
"""Options by which less is collected than is named."""


def belongs(item: pytest.Item) -> bool:
    """Whether a test is one of the default run."""
    return not any(item.get_closest_marker(mark) for mark in NOT_BY_DEFAULT)


def collects_all(config: pytest.Config) -> bool:
    """Whether a run collects every test, whichever of them it then leaves out by their names or marks.

    A worker of pytest-xdist is given as words what its controller read from the settings, so the words are compared.
    """
    roots = {config.rootpath, *(config.rootpath / path for path in config.getini("testpaths"))}
    named = {Path(config.invocation_params.dir, word).resolve() for word in config.args}
    return bool(named & roots) and not any(config.getoption(name, default=None) for name in _FEWER)


def note_kinds(config: pytest.Config, items: Iterable[pytest.Item]) -> None:
    """Keep which kinds of faults the default run injects, by the markers of all tests that were collected."""
    if collects_all(config):
        config.stash[INJECTED] = {kind for item in items if belongs(item) for kind in kinds_of(item)}
