"""Two hosts that are folders, for each test that breaks them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.faults.fleet import Fleet, fleet_in


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    """Two hosts without any release."""
    with fleet_in(tmp_path) as made:
        yield made
