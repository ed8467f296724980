"""Does the wheel hold all that a release needs, and nothing else?"""

from __future__ import annotations

import subprocess
import zipfile
from pathlib import Path

from tests.support.project import ROOT

CARRIED = ("playbooks/", "roles/", "ansible.cfg")


def expected_files() -> set[str]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--", *CARRIED, "runner/"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split("\0")
    files = {name for name in listed if name and (ROOT / name).is_file()}
    return {
        name.removeprefix("runner/") if name.startswith("runner/") else f"namaskah_deploy/content/{name}"
        for name in files
    }


def packed_files(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return {name for name in archive.namelist() if ".dist-info/" not in name}


def test_every_tracked_file_is_in_the_wheel(wheel: Path) -> None:
    missing = expected_files() - packed_files(wheel)
    assert missing == set()


def test_nothing_but_package_and_content_is_in_the_wheel(wheel: Path) -> None:
    packed = packed_files(wheel)
    assert {name.split("/")[0] for name in packed} == {"namaskah_deploy"}
    assert [name for name in packed if name.endswith((".pyc", ".pyo", "~"))] == []
    assert {name.split("/")[2] for name in packed if name.startswith("namaskah_deploy/content/")} == {
        "playbooks",
        "roles",
        "ansible.cfg",
    }


def test_the_wheel_declares_command_licence_and_types(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        information = {
            name.split("/")[1]: archive.read(name).decode() for name in archive.namelist() if "dist-info" in name
        }
        assert "namaskah_deploy/py.typed" in archive.namelist()
    assert "namaskah-deploy = namaskah_deploy.cli:main" in information["entry_points.txt"]
    assert "License-Expression: Apache-2.0" in information["METADATA"]
    assert "Requires-Python: >=3.11" in information["METADATA"]
