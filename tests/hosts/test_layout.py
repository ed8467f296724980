"""Do folders and files have their owners and modes, so that only the deploy user changes code?"""

from __future__ import annotations

from typing import Any

import pytest
from testinfra.host import Host

from .facts import INSTANCES, Live, output

WRITABLE_BY_OTHERS = 0o022
ANY_ACCESS_OF_OTHERS = 0o007
two_users = pytest.mark.applies(when=lambda contract: contract["app_user"] != contract["deploy_user"])


def test_folders_of_code_belong_to_the_deploy_user(host: Host, contract: dict[str, Any], live: Live) -> None:
    """And nobody else may write to them."""
    root = contract["root"]
    for path in (
        root,
        f"{root}/releases",
        f"{root}/venvs",
        f"{root}/instances",
        f"{root}/host",
        live.folder,
        live.venv,
    ):
        folder = host.file(path)
        assert folder.is_directory, f"{path} is missing"
        assert folder.user == contract["deploy_user"], f"{path} belongs to {folder.user}"
        assert folder.mode & WRITABLE_BY_OTHERS == 0, f"{path} has mode {folder.mode:o}: others may write to it"


@two_users
def test_the_application_owns_and_writes_nothing_of_its_code(host: Host, contract: dict[str, Any], live: Live) -> None:
    """Neither in the release nor in its virtualenv, links aside: they lead to what it may write."""
    find = "find %s %s -maxdepth 3 ! -type l ( -user %s -o -perm /022 ) -print -quit"
    found = output(host, find.replace("(", r"\(").replace(")", r"\)"), live.folder, live.venv, contract["app_user"])
    assert found == "", f"{found} can be written by others than {contract['deploy_user']}"


@pytest.mark.applies(when=lambda contract: bool(contract["env_file"]))
def test_the_environment_file_is_kept_from_others(host: Host, contract: dict[str, Any]) -> None:
    """It holds secrets."""
    file = host.file(contract["env_file"])
    assert file.is_file, f"{file.path} is missing"
    assert file.user == contract["deploy_user"], f"{file.path} belongs to {file.user}"
    assert file.mode & (ANY_ACCESS_OF_OTHERS | 0o020) == 0, f"{file.path} has mode {file.mode:o}, 640 is right"


@pytest.mark.applies(when=lambda contract: bool(contract["migrate_env_file"]))
def test_the_owner_roles_address_is_kept_from_the_application(host: Host, contract: dict[str, Any]) -> None:
    """Only migrations use it."""
    file = host.file(contract["migrate_env_file"])
    assert file.user == contract["deploy_user"], f"{file.path} belongs to {file.user}"
    assert file.mode & 0o077 == 0, f"{file.path} has mode {file.mode:o}, 600 is right"


def test_folders_of_sockets_belong_to_the_application(host: Host, contract: dict[str, Any]) -> None:
    """Nobody else can put a socket there."""
    for instance in INSTANCES:
        folder = host.file(f"{contract['runtime']}/{instance}")
        assert folder.is_directory, f"{folder.path} is missing"
        assert folder.user == contract["app_user"], f"{folder.path} belongs to {folder.user}"
        assert folder.mode & 0o002 == 0, f"{folder.path} has mode {folder.mode:o}: everybody may write to it"


@pytest.mark.applies(when=lambda contract: bool(contract["shared_paths"]))
def test_shared_folders_belong_to_the_application(host: Host, contract: dict[str, Any], live: Live) -> None:
    """And the release leads to them."""
    for entry in contract["shared_paths"]:
        place = f"{contract['root']}/shared/{entry}"
        assert host.file(place).user == contract["app_user"], f"{place} belongs to {host.file(place).user}"
        assert output(host, "readlink -f -- %s", f"{live.folder}/{entry}") == output(host, "readlink -f -- %s", place)


def test_the_host_can_return_by_itself(host: Host, contract: dict[str, Any]) -> None:
    """The program that watches a switch is there with what it reads."""
    for name in ("namaskah_host.pyz", "contract.json"):
        file = host.file(f"{contract['root']}/host/{name}")
        assert file.is_file, f"{file.path} is missing"
        assert file.user == contract["deploy_user"]
