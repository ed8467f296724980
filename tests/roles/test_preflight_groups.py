"""Is an inventory refused whose groups promise what no release would do?"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.playing import play

PREFLIGHT = {"name": "Check", "ansible.builtin.include_role": {"name": "preflight"}}
VARIABLES = {
    "namaskah_app": "shop",
    "namaskah_environment": "production",
    "namaskah_repository": "unused",
    "namaskah_services": {"web": {"command": ["true"]}},
    "namaskah_waves": "no number",  # what is looked at next, so that nothing more is asked of a host
}


@pytest.mark.fault("wrong inventory", ends="refused")
def test_archived_files_on_a_host_that_no_release_comes_to(tmp_path: Path) -> None:
    played = play([PREFLIGHT], tmp_path, variables=VARIABLES, groups=["app", "files"], further="[files]\nfilestore\n")
    assert played.status != 0
    said = " ".join(played.output.split())
    assert "The group files names filestore, which is neither in app nor in database." in said
    played = play([PREFLIGHT], tmp_path, variables=VARIABLES, groups=["app", "files"])
    assert "filestore" not in played.output
    assert "namaskah_waves and namaskah_quorum are a number" in " ".join(played.output.split())
