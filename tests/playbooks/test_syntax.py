"""Does every playbook parse, with every role and module that it names?"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.project import ROOT

PLAYBOOKS = sorted((ROOT / "playbooks").glob("*.yml"))
INVENTORY = """
all:
  children:
    app: {hosts: {app1: {}, app2: {}}}
    database: {hosts: {database1: {}}}
"""


@pytest.fixture(scope="module")
def inventory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("inventory") / "hosts.yml"
    path.write_text(INVENTORY)
    return path


def syntax_check(inventory: Path, *playbooks: Path) -> subprocess.CompletedProcess[str]:
    """Have Ansible read playbooks, all in one process: its start costs more than most of them."""
    ansible = Path(sys.executable).parent / "ansible-playbook"
    return subprocess.run(
        [ansible, "--syntax-check", "--inventory", inventory, *playbooks],
        cwd=ROOT,
        env={**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "LC_ALL": "C.UTF-8"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_there_are_playbooks() -> None:
    assert {path.stem for path in PLAYBOOKS} >= {"deploy", "rollback", "recover", "backup", "verify", "provision"}


def test_every_playbook_parses(inventory: Path) -> None:
    done = syntax_check(inventory, *PLAYBOOKS)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "WARNING" not in done.stderr, done.stderr
    read = [line.removeprefix("playbook: ") for line in done.stdout.splitlines() if line.startswith("playbook: ")]
    assert read == [str(path) for path in PLAYBOOKS]


def test_a_misspelt_module_is_found(tmp_path: Path, inventory: Path) -> None:
    broken = tmp_path / "broken.yml"
    broken.write_text("- hosts: app\n  tasks: [{name: Misspell, namaskah_actvate: {}}]\n")
    assert syntax_check(inventory, *PLAYBOOKS[:1], broken).returncode != 0
