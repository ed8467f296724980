"""Does a unit test start Ansible? Then it fails: what needs a real run stands in tests/command_line."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.programs import Starts


@pytest.fixture(scope="session")
def _starts() -> Iterator[Starts]:
    made = Starts(r"ansible(-[a-z]+)?")
    yield made
    made.end()


@pytest.fixture(autouse=True)
def ansible_starts(_starts: Starts) -> Iterator[Starts]:
    """What of Ansible the test has started so far; whatever is left there fails it."""
    _starts.taken()
    _starts.noting = True
    yield _starts
    _starts.noting = False
    if started := _starts.taken():
        pytest.fail(f"a unit test starts no Ansible (tests/command_line does): {started}", pytrace=False)
