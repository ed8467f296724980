"""Is what the museum keeps small, what it says, and free of secrets and of the machine that it was made on?"""

from __future__ import annotations

import json
import re
import tarfile
from fnmatch import fnmatch
from typing import Any

import pytest

from tests.support.museum.exhibits import APP_HOSTS, DATABASE_HOST, DATABASES, HOSTS, Exhibit, Wing

MEBIBYTES = 4  # of all that is kept of one commit
# A lab's own addresses and folders, private keys, and mirrors.
NOT_KEPT = re.compile(rb"10\.213\.|namaskah-lab|PRIVATE KEY-----|/tmp/|https?://[\w.-]*(?:pypi|npmjs|debian\.org)")
BROUGHT = re.compile(r"/(site-packages|node_modules|__pycache__)(/|$)|\.pyc$|authorized_keys$|id_\w+$")
# The application says where its own packages come from, and pm2 and systemd name folders of their own.
INNOCENT = re.compile(r"(^|/)(requirements\.txt|.*\.md)$")


def test_it_is_small(wing: Wing) -> None:
    size = sum(path.stat().st_size for path in wing.folder.rglob("*") if path.is_file())
    assert size < MEBIBYTES * 1024 * 1024


def test_every_exhibit_has_every_host_and_every_virtualenv_its_requirements(wing: Wing) -> None:
    assert {"held", "provisional", "leased", "prepared", "migrated", "swapped", "split"} <= set(wing.names())
    for exhibit in map(wing.exhibit, wing.names()):
        assert set(exhibit.expected["live"]) == set(APP_HOSTS)
        assert all(exhibit.archive(host).is_file() for host in HOSTS)
        assert all(wing.requirements(venv).is_file() for found in exhibit.facts["venvs"].values() for venv in found)


@pytest.mark.parametrize("host", HOSTS)
def test_nothing_of_a_machine_or_of_a_package_is_in_it(wing: Wing, host: str) -> None:
    for exhibit in map(wing.exhibit, wing.names()):
        assert found(exhibit, host) == []


def found(exhibit: Exhibit, host: str) -> list[str]:
    """Return what should not be in an archive."""
    wrong = []
    with tarfile.open(exhibit.archive(host)) as archive:
        for member in archive:
            if BROUGHT.search(f"/{member.name}"):
                wrong.append(f"{member.name} was brought by others")
            stream = archive.extractfile(member) if member.isreg() and not INNOCENT.search(member.name) else None
            if stream and (said := NOT_KEPT.search(stream.read())):
                wrong.append(f"{member.name} holds {said[0]!r}")
    return wrong


class Shown:
    """What the archives of an exhibit hold, to be looked at."""

    def __init__(self, exhibit: Exhibit) -> None:
        self.exhibit = exhibit

    def texts(self, host: str, pattern: str) -> list[str]:
        """Return the content of the files whose names fit, in the order of the names."""
        with tarfile.open(self.exhibit.archive(host)) as archive:
            fitting = [member for member in archive if member.isreg() and fnmatch(member.name, pattern)]
            streams = [archive.extractfile(member) for member in fitting]
            return [stream.read().decode() for stream in streams if stream]

    def all(self, pattern: str) -> list[Any]:
        """Return the JSON files of each application host whose names fit, without those that a host lacks."""
        return [json.loads(text) for host in APP_HOSTS for text in self.texts(host, pattern)]

    def states(self, tag: str) -> set[str]:
        """Return the states of the releases of a tag."""
        return {one["state"] for one in self.all("srv/ledger/releases/*/.release.json") if one["tag"] == tag}

    @property
    def phases(self) -> list[str]:
        """The phase of the unfinished switch of each application host that has one."""
        return [one["phase"] for one in self.all("srv/ledger/switch.json")]

    @property
    def holders(self) -> set[str]:
        """The runs that have the lease."""
        return {one["run"] for one in self.all("srv/ledger/lease.json")}

    @property
    def databases(self) -> str:
        """What the database server held, as SQL."""
        return self.texts(DATABASE_HOST, DATABASES)[0]


@pytest.fixture
def shown(wing: Wing, name: str) -> Shown:
    """The exhibit that a test names."""
    return Shown(wing.exhibit(name))


@pytest.mark.parametrize("name", ["held"])
def test_the_fleet_at_rest_has_all_that_it_is_kept_for(shown: Shown) -> None:
    assert {one["kind"] for one in shown.all("srv/ledger/lease.json")} == {"hold"}
    assert shown.states("v1.1.0") == {"live"}
    assert shown.states("v1.0.0") == {"superseded"}
    assert shown.states("broken-start") == {"bad"}
    kept = [
        len(shown.texts(DATABASE_HOST, f"var/backups/ledger/*/{name}.json")) for name in ("manifest", "pin", "copies")
    ]
    assert kept == [len(shown.exhibit.facts["backups"]), 1, 1]
    assert "ALLOW_CONNECTIONS false" in shown.databases
    assert [len(shown.texts(host, "etc/systemd/system/ledger-web@.service")) for host in APP_HOSTS] == [1, 0]
    assert [len(shown.texts(host, "etc/namaskah/ledger/ecosystem.config.js")) for host in APP_HOSTS] == [0, 1]


@pytest.mark.parametrize("name", ["leased", "prepared", "migrated", "provisional"])
def test_a_run_that_died_was_as_far_as_it_is_called(shown: Shown, name: str) -> None:
    assert shown.holders == {shown.exhibit.facts["run"]}
    states = {"leased": set(), "provisional": {"prepared", "provisional"}}
    assert shown.states("v1.3.0") == states.get(name, {"prepared"})
    assert ("note character varying" in shown.databases) == (name in ("migrated", "provisional"))
    assert shown.phases == (["switched", "switched"] if name == "provisional" else [])


@pytest.mark.parametrize("name", ["swapped"])
def test_the_rollback_with_its_database_was_not_confirmed(shown: Shown) -> None:
    assert shown.phases == ["switched", "switched"]
    records = shown.texts(DATABASE_HOST, "var/backups/ledger/restores/*/record.json")
    assert [json.loads(record)["phase"] for record in records] == ["confirmed", "swapped"]


@pytest.mark.parametrize("name", ["split"])
def test_the_split_fleet_is_at_rest(shown: Shown) -> None:
    assert shown.phases == []
    assert set(shown.exhibit.expected["live"].values()) == {"v1.1.0", "v1.3.0"}
