"""Do folders and files have their owners and modes, so that only the deploy user changes code?"""

from __future__ import annotations

from typing import Any

import pytest
from testinfra.host import Host

from .facts import INSTANCES, Live, output, stats

two_users = pytest.mark.applies(when=lambda contract: contract["app_user"] != contract["deploy_user"])


def test_folders_of_code_belong_to_the_deploy_user(host: Host, contract: dict[str, Any], live: Live) -> None:
    """And nobody else may write to them."""
    root = contract["root"]
    folders = (root, f"{root}/releases", f"{root}/venvs", f"{root}/instances", f"{root}/host", live.folder, live.venv)
    for stat in stats(host, *folders).values():
        stat.must_be("directory", contract["deploy_user"], 0o022)


@two_users
def test_the_application_owns_and_writes_nothing_of_its_code(host: Host, contract: dict[str, Any], live: Live) -> None:
    """Neither in the release nor in its virtualenv, links aside: they lead to what it may write."""
    find = "find %s %s -maxdepth 3 ! -type l ( -user %s -o -perm /022 ) -print -quit"
    found = output(host, find.replace("(", r"\(").replace(")", r"\)"), live.folder, live.venv, contract["app_user"])
    assert found == "", f"{found} can be written by others than {contract['deploy_user']}"


@pytest.mark.applies(when=lambda contract: bool(contract["env_file"]))
def test_the_environment_file_is_kept_from_others(host: Host, contract: dict[str, Any]) -> None:
    """It holds secrets: 640 is right, with the application's group."""
    (stat,) = stats(host, contract["env_file"]).values()
    stat.must_be("regular file", contract["deploy_user"], 0o027)


@pytest.mark.applies(when=lambda contract: bool(contract["migrate_env_file"]))
def test_the_owner_roles_address_is_kept_from_the_application(host: Host, contract: dict[str, Any]) -> None:
    """Only migrations use it: 600 is right."""
    (stat,) = stats(host, contract["migrate_env_file"]).values()
    stat.must_be("regular file", contract["deploy_user"], 0o077)


def test_folders_of_sockets_belong_to_the_application(host: Host, contract: dict[str, Any]) -> None:
    """Nobody else can put a socket there."""
    for stat in stats(host, *(f"{contract['runtime']}/{instance}" for instance in INSTANCES)).values():
        stat.must_be("directory", contract["app_user"], 0o002)


@pytest.mark.applies(when=lambda contract: bool(contract["shared_paths"]))
def test_shared_folders_belong_to_the_application(host: Host, contract: dict[str, Any], live: Live) -> None:
    """And the release leads to them."""
    for entry in contract["shared_paths"]:
        shared, led = f"{contract['root']}/shared/{entry}", f"{live.folder}/{entry}"
        assert output(host, "readlink -f -- %s", led) == output(host, "readlink -f -- %s", shared)
        assert output(host, "stat -L --format=%s -- %s", "%U", shared) == contract["app_user"], f"{shared}: wrong owner"


def test_the_host_can_return_by_itself(host: Host, contract: dict[str, Any]) -> None:
    """The program that watches a switch is there with what it reads."""
    files = (f"{contract['root']}/host/{name}" for name in ("namaskah_host.pyz", "contract.json"))
    for stat in stats(host, *files).values():
        stat.must_be("regular file", contract["deploy_user"], 0o022)
