"""Is what the museum keeps small, whole, and free of secrets and of the machine that it was made on?"""

from __future__ import annotations

import re
import tarfile

import pytest

from tests.support.museum.exhibits import APP_HOSTS, HOSTS, Exhibit, Wing

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
