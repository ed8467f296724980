"""One lab for all exhibits of a commit."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.lab.lab import Lab
from tests.support.museum.exhibits import PLACE, Wing
from tests.support.museum.thaw import Hall

WINGS = sorted(path.parent.name for path in PLACE.glob("*/wing.json"))


@pytest.fixture(scope="session", params=WINGS)
def wing(request: pytest.FixtureRequest) -> Wing:
    """The exhibits of one commit."""
    return Wing.load(request.param)


@pytest.fixture(scope="session")
def hall(wing: Wing, lab_machine: None) -> Iterator[Hall]:  # noqa: ARG001 - asked for its effect
    """Hosts on which its exhibits are shown, one after the other."""
    with Lab.create() as lab:
        yield Hall.open(lab, wing)
