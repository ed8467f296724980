"""What do the tests of a host stand on? A host made of a folder, without any release."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible.module_utils.namaskah_host import ingredients

from tests.support.folder_host import FolderHost


@pytest.fixture(autouse=True)
def no_index_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have no release read what pip is configured with here: an index of large files would be looked through each time.

    pip itself reads it. A test that is about it names files of its own.
    """
    own = [name for name in ingredients.CONFIGURATIONS if not name.startswith("/etc/")]
    monkeypatch.setattr(ingredients, "CONFIGURATIONS", own)
    for name in ("PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL", "PIP_INDEX_URL"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def host(tmp_path: Path) -> Iterator[FolderHost]:
    """A host without any release."""
    with tempfile.TemporaryDirectory(prefix="ns-", dir="/tmp") as runtime:
        made = FolderHost(tmp_path, Path(runtime))
        try:
            yield made
        finally:
            made.end()
