"""Groups, ranges and foreign tags of inventory files."""

from __future__ import annotations

from pathlib import Path

import pytest

from namaskah_deploy import inventory
from namaskah_deploy.errors import Refused


@pytest.mark.parametrize(
    ("name", "hosts"),
    [
        ("web", ["web"]),
        ("web[1:3]", ["web1", "web2", "web3"]),
        ("web[08:10].lan", ["web08.lan", "web09.lan", "web10.lan"]),
        ("web[0:6:3]", ["web0", "web3", "web6"]),
        ("db-[a:c]", ["db-a", "db-b", "db-c"]),
        ("r[1:2]n[1:2]", ["r1n1", "r1n2", "r2n1", "r2n2"]),
    ],
)
def test_ranges_of_hosts(name: str, hosts: list[str]) -> None:
    assert inventory.expand(name) == hosts


def test_groups_hold_the_hosts_of_their_children() -> None:
    data = {
        "all": {
            "children": {
                "app": {"children": {"europe": {"hosts": {"e[1:2]": None}}, "asia": {"hosts": {"a1": {}}}}},
                "database": {"hosts": {"db1": None}},
            },
            "hosts": {"lonely": None},
        },
        "app": {"hosts": {"extra": None}},
    }
    found = inventory.groups(data)
    assert set(found["app"]) == {"extra", "e1", "e2", "a1"}
    assert found["database"] == ("db1",)
    assert set(found["all"]) == {"lonely", "extra", "e1", "e2", "a1", "db1"}


def test_a_group_may_name_itself_among_its_children() -> None:
    data = {"app": {"children": {"web": {"children": {"app": None}, "hosts": {"w1": None}}}}}
    assert inventory.groups(data)["app"] == ("w1",)


def test_vaulted_and_unsafe_values_are_passed_over(tmp_path: Path) -> None:
    file = tmp_path / "hosts.yml"
    file.write_text("all:\n  vars:\n    a: !vault |\n      $ANSIBLE_VAULT;1.1\n      6162\n    b: !unsafe '{{x}}'\n")
    assert set(inventory.read(file)["all"]["vars"]) == {"a", "b"}


@pytest.mark.parametrize("text", ["a: [", "- a", "just text", "a: b: c"])
def test_a_broken_file_is_named(tmp_path: Path, text: str) -> None:
    file = tmp_path / "hosts.yml"
    file.write_text(text)
    with pytest.raises(Refused, match=r"hosts\.yml cannot be read"):
        inventory.read(file)


def test_an_empty_file_is_an_empty_mapping(tmp_path: Path) -> None:
    file = tmp_path / "hosts.yml"
    file.touch()
    assert inventory.read(file) == {}
