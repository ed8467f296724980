"""What do the tests of a host stand on? A host made of a folder, without any release."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.folder_host import FolderHost


@pytest.fixture
def host(tmp_path: Path) -> Iterator[FolderHost]:
    """A host without any release."""
    with tempfile.TemporaryDirectory(prefix="ns-", dir="/tmp") as runtime:
        made = FolderHost(tmp_path, Path(runtime))
        try:
            yield made
        finally:
            made.end()
