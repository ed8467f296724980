"""Where playbooks and roles are found: in a wheel, in a checkout, and nowhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from namaskah_deploy import content
from namaskah_deploy.errors import Refused


def _tree(root: Path) -> Path:
    (root / "playbooks").mkdir(parents=True)
    (root / "roles").mkdir()
    (root / "playbooks" / "deploy.yml").touch()
    return root


def test_the_wheel_brings_its_content_inside_the_package(tmp_path: Path) -> None:
    package = tmp_path / "site-packages" / "namaskah_deploy"
    installed = _tree(package / "content")
    assert content.find(package).root == installed


def test_in_a_checkout_it_stands_two_levels_up(tmp_path: Path) -> None:
    package = _tree(tmp_path) / "runner" / "namaskah_deploy"
    package.mkdir(parents=True)
    assert content.find(package).root == tmp_path


def test_the_installed_content_wins_over_what_happens_to_lie_above_it(tmp_path: Path) -> None:
    package = _tree(tmp_path) / "lib" / "namaskah_deploy"
    assert content.find(_tree(package / "content").parent).root == package / "content"


def test_without_content_both_places_are_named(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="no playbooks") as refusal:
        content.find(tmp_path / "a" / "b" / "namaskah_deploy")
    assert str(tmp_path / "a") in str(refusal.value)


def test_a_playbook_that_this_version_lacks_is_refused(tmp_path: Path) -> None:
    found = content.Content(_tree(tmp_path))
    assert found.playbook("deploy").is_file()
    with pytest.raises(Refused, match=r"rollback\.yml is missing"):
        found.playbook("rollback")


def test_this_package_finds_the_content_of_the_repository() -> None:
    assert (content.find().root / "playbooks" / "recover.yml").is_file()
