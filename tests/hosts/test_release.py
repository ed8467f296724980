"""Is one complete release live, and do all links and records of the host agree on it?"""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from testinfra.host import Host

from .facts import Live, output

RELEASE = re.compile(r"[0-9]{8}T[0-9]{6}Z-[0-9a-f]{12}")
COMPARED = 3


def test_current_is_a_link_to_a_release(host: Host, contract: dict[str, Any], live: Live) -> None:
    """Traffic and code move by the rename of this one link."""
    link = host.file(f"{contract['root']}/current")
    assert link.is_symlink
    assert RELEASE.fullmatch(live.id), f"`current` names {live.id!r}, which is no release"
    assert host.file(live.folder).is_directory


def test_the_record_agrees(live: Live) -> None:
    """The record of the release says that it may be live, and of which commit it is."""
    assert live.record["id"] == live.id
    assert live.record["commit"].startswith(live.id.partition("-")[2])
    assert live.record["state"] in {"provisional", "live"}, f"the record says {live.record['state']}"


def test_the_instance_starts_this_release(host: Host, contract: dict[str, Any], live: Live) -> None:
    """After a reboot the same release runs."""
    instance = output(host, "readlink -- %s", f"{contract['root']}/instances/{live.instance}")
    assert instance == f"../releases/{live.id}"
    run = output(host, "readlink -- %s", f"{live.folder}/run")
    assert run == f"{contract['runtime']}/{live.instance}"


def test_every_service_has_its_launcher(host: Host, live: Live) -> None:
    """Process managers start nothing else."""
    for name in live.services:
        launcher = host.file(f"{live.folder}/.namaskah/{name}")
        assert launcher.is_file
        assert launcher.is_executable, f"{launcher.path} cannot be executed"


def test_the_virtualenv_works(host: Host, live: Live) -> None:
    """Its interpreter starts: a removed or upgraded system interpreter breaks every virtualenv."""
    assert output(host, "%s -c %s", f"{live.venv}/bin/python", "print('works')") == "works"


@pytest.mark.applies(when=lambda contract: bool(contract["static_root"]))
def test_static_files_are_those_that_were_collected(host: Host, contract: dict[str, Any], live: Live) -> None:
    """A few files, by checksum, on the disk."""
    manifest = json.loads(output(host, "cat -- %s", f"{live.folder}/.namaskah/static.json"))
    assert manifest, "the release has no static files"
    for name in sorted(manifest)[:COMPARED]:
        file = host.file(f"{live.folder}/{contract['static_root']}/{name}")
        assert file.sha256sum == manifest[name], f"{file.path} has changed since it was collected"


def test_the_journal_can_be_read(host: Host, contract: dict[str, Any]) -> None:
    """Its last line is a whole record."""
    last = json.loads(output(host, "tail -n 1 -- %s", f"{contract['root']}/journal.jsonl"))
    assert last["seq"] >= 1
    assert last["act"]
