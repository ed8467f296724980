"""Which checks are made on which host? Those that its contract asks for; others are not collected, so none is skipped.

`--contracts FILE` names the contracts of the hosts (inventory name -> resolved variables), which the role writes.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from testinfra.host import Host

from .facts import Live, find_live

LIVE: pytest.StashKey[dict[str, Live]] = pytest.StashKey()
CONTRACTS: pytest.StashKey[dict[str, dict[str, Any]]] = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Offer the one option."""
    parser.addoption("--contracts", required=True, type=Path, help="JSON file: inventory name -> contract")


def pytest_configure(config: pytest.Config) -> None:
    """Read the contracts once."""
    config.stash[LIVE] = {}
    config.stash[CONTRACTS] = json.loads(config.getoption("contracts").read_text(encoding="utf-8"))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what does not apply, and note host and group of each check for the report."""
    kept: list[pytest.Item] = []
    left: list[pytest.Item] = []
    for item in items:
        name = _host_of(item)
        conditions = [mark.kwargs["when"] for mark in item.iter_markers("applies")]
        (kept if all(when(config.stash[CONTRACTS][name]) for when in conditions) else left).append(item)
        item.user_properties += [("host", name), ("group", item.path.stem.removeprefix("test_"))]
    if left:
        config.hook.pytest_deselected(items=left)
        items[:] = kept


def _host_of(item: pytest.Item) -> str:
    assert isinstance(item, pytest.Function)
    params: dict[str, Any] = item.callspec.params
    name: str = params["_testinfra_host"].backend.get_hostname()
    return name


@pytest.fixture(scope="module")
def contract(host: Host, request: pytest.FixtureRequest) -> dict[str, Any]:
    """The contract of the host."""
    return request.config.stash[CONTRACTS][host.backend.get_hostname()]


@pytest.fixture(scope="module")
def live(host: Host, contract: dict[str, Any], request: pytest.FixtureRequest) -> Live:
    """What `current` names on the host, looked up once a run."""
    known, name = request.config.stash[LIVE], host.backend.get_hostname()
    if name not in known:
        known[name] = find_live(host, contract)
    return known[name]
