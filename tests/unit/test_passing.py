"""What of the operator's environment a run gets, and what it never gets."""

from __future__ import annotations

from pathlib import Path

import pytest

from namaskah_deploy import passing
from namaskah_deploy.errors import Refused

HERE = Path("/home/ada/app")
WHERE = HERE / "inventory/production"
OURS = {
    "ANSIBLE_CALLBACK_PLUGINS": "/content/roles/application/callback_plugins",
    "ANSIBLE_CONFIG": "/content/ansible.cfg",
    "ANSIBLE_HOST_KEY_CHECKING": "True",
    "LC_ALL": "C.UTF-8",
    "PATH": "/venv/bin:/usr/bin",
    "PYTHONUNBUFFERED": "1",
}
"""What a run insists on, whatever the operator's environment says."""
NEVER = {
    "ANSIBLE_CALLBACK_PLUGINS": "/home/ada/callbacks",
    "ANSIBLE_CONFIG": "/home/ada/evil.cfg",
    "ANSIBLE_HOST_KEY_CHECKING": "False",
    "ANSIBLE_LIBRARY": "/home/ada/modules",
    "ANSIBLE_STDOUT_CALLBACK": "json",
    "ANSIBLE_STRATEGY": "free",
    "DB_PASSWORD": "hunter22",
    "GIT_DIR": "/home/ada/other",
    "LC_ALL": "C",
    "LD_PRELOAD": "/home/ada/evil.so",
    "PYTHONPATH": "/home/ada",
    "SSH_ASKPASS": "/home/ada/ask",
}


def _child(environ: dict[str, str], *further: str) -> dict[str, str]:
    configuration = Path("/content/ansible.cfg")
    given = {"PATH": "/usr/bin", **environ}
    return passing.environment(given, further, programs=Path("/venv/bin"), configuration=configuration, folder=HERE)


def test_the_child_sees_an_allow_list() -> None:
    usual = {"HOME": "/home/ada", "SSH_AUTH_SOCK": "/run/agent", "TMPDIR": "/scratch", "ANSIBLE_FORKS": "50"}
    assert _child({**usual, **NEVER}) == {**usual, **OURS}


def test_and_the_vaults_file_from_where_the_operator_stands() -> None:
    child = _child({"ANSIBLE_VAULT_PASSWORD_FILE": "secrets/vault", "ANSIBLE_VAULT_IDENTITY_LIST": "prod@one,dev@two"})
    assert child["ANSIBLE_VAULT_PASSWORD_FILE"] == str(HERE / "secrets/vault")
    assert child["ANSIBLE_VAULT_IDENTITY_LIST"] == "prod@one,dev@two"


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy", "http_proxy", "NO_PROXY", "no_proxy", "ALL_PROXY"])
def test_proxies_are_passed_on(name: str) -> None:
    assert _child({name: "http://proxy:3128"})[name] == "http://proxy:3128"


def test_a_declared_name_is_passed_on_where_it_says_something() -> None:
    assert _child({"APP_SECRET": "hunter22", "OTHER": "x"}, "APP_SECRET") == {"APP_SECRET": "hunter22", **OURS}
    assert _child({"APP_SECRET": ""}, "APP_SECRET") == OURS


@pytest.mark.parametrize("forks", ["abc", "0", "-1", "1e9"])
def test_a_number_of_forks_that_is_none_is_refused(forks: str) -> None:
    with pytest.raises(Refused, match="ANSIBLE_FORKS is no number"):
        _child({"ANSIBLE_FORKS": forks})


@pytest.mark.parametrize(
    "name", [*sorted(set(NEVER) - {"DB_PASSWORD"}), "PYTHONSTARTUP", "LD_LIBRARY_PATH", "BASH_ENV"]
)
def test_what_changes_the_code_or_the_trust_of_a_run_cannot_be_declared(name: str) -> None:
    with pytest.raises(Refused, match=f"names {name}, which is never passed on") as refusal:
        passing.declared([name], WHERE)
    assert str(WHERE) in str(refusal.value)


@pytest.mark.parametrize("name", ["GITHUB_TOKEN", "GITLAB_TOKEN", "VAULT_TOKEN", "AWS_PROFILE", "HTTPS_PROXY"])
def test_other_names_can(name: str) -> None:
    assert passing.declared([name, name], WHERE) == (name,)


@pytest.mark.parametrize("names", ["APP_SECRET", [1], ["A B"], {"A": 1}, ["{{ names }}"], True, ["A=b"]])
def test_what_is_no_list_of_names_is_refused(names: object) -> None:
    with pytest.raises(Refused, match="namaskah_pass_on is no list of names"):
        passing.declared(names, WHERE)


def test_nothing_declared_is_nothing() -> None:
    assert passing.declared(None, WHERE) == ()
