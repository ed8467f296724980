"""Is a variable that the controller does not have an error where an inventory looks it up, and never an empty text?"""

from __future__ import annotations

import getpass
import grp
import os
from pathlib import Path
from typing import Any

import pytest

from tests.support.playing import play

FORMS = (
    "lookup('env', 'APP_SECRET')",
    "lookup('ansible.builtin.env', 'APP_SECRET')",
    "query('env', 'APP_SECRET') | first",
    "q('ansible.builtin.env', 'HOME', 'APP_SECRET') | last",
    "lookup(['ansible', 'builtin', 'env'] | join('.'), 'APP_SECRET')",
)
ELSE = {
    "lookup('env', 'APP_SECRET') | default('said', true)": "said",
    "lookup('ansible.builtin.env', 'APP_SECRET', default='said')": "said",
    "lookup('env', 'APP_SECRET') is defined": "False",
}
# Ansible forgets what it has loaded where a role brings plugins.
ROLE = {"name": "Role", "ansible.builtin.include_role": {"name": "application"}}
VARIABLES: dict[str, Any] = {
    "namaskah_app": "shop",
    "namaskah_environment": "production",
    "namaskah_repository": "unused",
    "namaskah_services": {"web": {"command": ["true"]}},
}
GOOD = 'SECRET_KEY="good"\n'


def _asked(forms: list[str]) -> list[dict[str, Any]]:
    return [
        {"name": form, "ansible.builtin.debug": {"msg": "<{{ " + form + " }}>"}, "ignore_errors": True}
        for form in forms
    ]


@pytest.mark.parametrize("environ", [{}, {"APP_SECRET": ""}], ids=["missing", "empty"])
def test_every_way_to_look_it_up(tmp_path: Path, environ: dict[str, str]) -> None:
    later = [f"'later' ~ {form}" for form in FORMS]
    tasks = [*_asked([*FORMS, *ELSE]), ROLE, *_asked(later)]
    answers = dict(play(tasks, tmp_path, variables=VARIABLES, env=environ).answers)
    for form in [*FORMS, *later]:
        assert "namaskah_pass_on: [APP_SECRET]" in answers[form]["msg"]
        assert "Traceback" not in answers[form]["msg"]
    assert {form: answers[form]["msg"] for form in ELSE} == {form: f"<{value}>" for form, value in ELSE.items()}


def test_what_is_there_is_given(tmp_path: Path) -> None:
    played = play(_asked(list(FORMS)), tmp_path, env={"APP_SECRET": "there"})
    assert [answer["msg"] for _, answer in played.answers] == ["<there>"] * len(FORMS)


WRITE = {"name": "Write", "ansible.builtin.include_role": {"name": "provision", "tasks_from": "environment"}}


@pytest.fixture
def environment_file(tmp_path: Path) -> dict[str, Any]:
    """Variables with which the file at `namaskah_env_file` is written, and such a file."""
    file = tmp_path / "env"
    file.write_text(GOOD)
    return {
        **VARIABLES,
        "namaskah_env_file": str(file),
        "namaskah_deploy_user": getpass.getuser(),
        "namaskah_app_user": grp.getgrgid(os.getgid()).gr_name,
    }


@pytest.mark.fault("environment of the controller", ends="refused", where="a value that is empty")
def test_no_empty_value_is_written_over_a_good_one(tmp_path: Path, environment_file: dict[str, Any]) -> None:
    given = {"A": "{{ lookup('pipe', 'echo $APP_SECRET') }}", "B": "{{ nothing | default('') }}", "C": None, "D": " \n",
             "E": "", "F": 0, "G": False, "H": "Zqother"}  # fmt: skip
    variables = {**environment_file, "provision_environment": given, "provision_empty_names": ["E"]}
    played = play([WRITE], tmp_path, variables=variables)
    assert played.status != 0
    assert "A, B, C, D of provision_environment" in " ".join(played.output.split())
    assert "provision_empty_names: [A, B, C, D]" in " ".join(played.output.split())
    assert "Zqother" not in played.output
    assert Path(environment_file["namaskah_env_file"]).read_text() == GOOD


@pytest.mark.fault("environment of the controller", ends="refused")
def test_a_good_secret_on_a_host_is_not_overwritten(tmp_path: Path, environment_file: dict[str, Any]) -> None:
    """The task that writes is silent, for there are secrets in it; what is missing is said all the same."""
    file = Path(environment_file["namaskah_env_file"])
    variables = {
        **environment_file,
        "provision_environment": {"SECRET_KEY": "{{ lookup('env', 'APP_SECRET') }}", "OTHER": "Zqother"},
    }
    played = play([WRITE], tmp_path, variables=variables)
    assert played.status != 0
    assert "namaskah_pass_on: [APP_SECRET]" in " ".join(played.output.split())
    assert "Zqother" not in played.output
    assert file.read_text() == GOOD
    played = play([WRITE], tmp_path, variables=variables, env={"APP_SECRET": "better"})
    assert played.status == 0, played.output
    assert 'SECRET_KEY="better"' in file.read_text()
