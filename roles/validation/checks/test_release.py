"""Is one complete release live, and do all links and records of the host agree on it?"""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from testinfra.host import Host

from .facts import Live, output, stats

RELEASE = re.compile(r"[0-9]{8}T[0-9]{6}Z-[0-9a-f]{12}")
COMPARED = 3


def test_current_is_a_link_to_a_release(host: Host, contract: dict[str, Any], live: Live) -> None:
    """Traffic and code move by the rename of this one link."""
    assert RELEASE.fullmatch(live.id), f"`current` names {live.id!r}, which is no release"
    found = stats(host, f"{contract['root']}/current", live.folder)
    assert [stat.kind for stat in found.values()] == ["symbolic link", "directory"]


def test_the_record_agrees(live: Live) -> None:
    """The record of the release says that it may be live, and of which commit it is."""
    assert live.record["id"] == live.id
    assert live.record["commit"].startswith(live.id.partition("-")[2])
    assert live.record["state"] in {"provisional", "live"}, f"the record says {live.record['state']}"


def test_the_instance_starts_this_release(contract: dict[str, Any], live: Live) -> None:
    """After a reboot the same release runs."""
    assert live.instances.get(live.instance) == f"../releases/{live.id}"
    assert live.runtime == f"{contract['runtime']}/{live.instance}"


def test_every_service_has_its_launcher(host: Host, contract: dict[str, Any], live: Live) -> None:
    """Process managers start nothing else."""
    for launcher in stats(host, *(f"{live.folder}/.namaskah/{name}" for name in live.services)).values():
        launcher.must_be("regular file", contract["deploy_user"], 0o022)
        assert launcher.mode & 0o111 == 0o111, f"{launcher.path} cannot be executed by everybody"


def test_the_virtualenv_works(host: Host, live: Live) -> None:
    """Its interpreter starts: a removed or upgraded system interpreter breaks every virtualenv."""
    assert output(host, "%s -c %s", f"{live.venv}/bin/python", "print('works')") == "works"


@pytest.mark.applies(when=lambda contract: bool(contract["static_root"]))
def test_static_files_are_those_that_were_collected(host: Host, contract: dict[str, Any], live: Live) -> None:
    """A few files, by checksum, on the disk."""
    manifest = json.loads(output(host, "cat -- %s", f"{live.folder}/.namaskah/static.json"))
    assert manifest, "the release has no static files"
    places = {f"{live.folder}/{contract['static_root']}/{name}": name for name in sorted(manifest)[:COMPARED]}
    for line in output(host, "sha256sum --" + " %s" * len(places), *places).strip("\n").split("\n"):
        digest, place = line.split(maxsplit=1)
        assert digest == manifest[places[place]], f"{place} has changed since it was collected"


def test_the_journal_can_be_read(host: Host, contract: dict[str, Any]) -> None:
    """Its last line is a whole record."""
    last = json.loads(output(host, "tail -n 1 -- %s", f"{contract['root']}/journal.jsonl"))
    assert last["seq"] >= 1
    assert last["act"]
