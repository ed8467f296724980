"""Does the installed tool work through a link, with an almost empty PATH, from any folder, without the checkout?"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.installed import Installed, run
from tests.support.project import ROOT

INVENTORY = """
all:
  vars:
    namaskah_environment: local
    namaskah_app: nothing
    namaskah_root: {root}
    namaskah_runtime: {root}/run
    namaskah_repository: {root}/origin.git
    namaskah_services: {{web: {{command: ["true"]}}}}
    ansible_connection: local
    ansible_python_interpreter: {python}
  children:
    app: {{hosts: {{here: {{}}}}}}
"""


@pytest.fixture
def project(installed: Installed, tmp_path: Path) -> Path:
    folder = tmp_path / "inventory" / "local"
    folder.mkdir(parents=True)
    (folder / "hosts.yml").write_text(INVENTORY.format(root=tmp_path / "srv", python=installed.python))
    return tmp_path


def test_help_answers(installed: Installed, tmp_path: Path) -> None:
    done = installed.run("-h", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "rollback" in done.stdout


def test_content_is_the_installed_one(installed: Installed, tmp_path: Path) -> None:
    code = "from namaskah_deploy import content; print(content.find().root)"
    done = run([str(installed.python), "-c", code], cwd=tmp_path, home=installed.home, timeout=60)
    assert Path(done.stdout.strip()).is_relative_to(installed.environment), done.stderr
    assert str(ROOT) not in done.stdout


def test_an_undeclared_environment_is_refused_by_name(installed: Installed, project: Path) -> None:
    done = installed.run("locale", cwd=project)
    assert done.returncode != 0
    assert "did you mean 'local'" in done.stderr + done.stdout
    assert "Traceback" not in done.stderr


def test_a_playbook_runs_on_a_host(installed: Installed, project: Path) -> None:
    done = installed.run("status", "local", "--json", cwd=project)
    assert done.returncode == 0, done.stdout + done.stderr
    answer = json.loads(done.stdout)
    assert "here" in json.dumps(answer)
