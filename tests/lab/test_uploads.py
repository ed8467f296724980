"""Are the files that users uploaded to an application host archived by a release, and do they come back whole?"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.lab.guarded import Guarded
from tests.support.lab.host import Host

pytestmark = [pytest.mark.lab, pytest.mark.soak]
MEDIA = "/srv/dashboard/shared/media"
ROOT = "/var/backups/dashboard"
COUNT = 40


def sums(host: Host, folder: str) -> str:
    """The SHA-256 of every file below a folder, by its name."""
    return host.run(["sh", "-c", 'cd "$1" && find . -type f | sort | xargs sha256sum', "sh", folder]).stdout


def told(guarded: Guarded, *words: str) -> dict[str, Any]:
    """What each host said, as a program reads it."""
    # The first two words are one command, so the folder of the inventory comes last.
    command = ["namaskah-deploy", *words, "--json", "--inventory", str(guarded.folder)]
    done = guarded.operate(command)
    assert done.returncode == 0, done.stdout + done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.fixture(scope="module")
def uploads(guarded: Guarded) -> Iterator[Host]:
    """The application's host with uploaded files; the inventory puts it into the group `files`."""
    host = guarded.lab.hosts["app1"]
    folder = guarded.inventory / "group_vars" / "files"
    folder.mkdir()
    (folder / "main.yml").write_text(json.dumps({"backup_paths": [MEDIA]}))
    guarded.groups["files"] = ["app1"]
    guarded.write(namaskah_shared_paths=["media"])
    guarded.provision()
    script = f"for n in $(seq {COUNT}); do head -c 3000 /dev/urandom > {MEDIA}/photo$n; done"
    host.run(["runuser", "-u", "dashboard", "--", "sh", "-c", script])
    yield host
    (folder / "main.yml").unlink()
    folder.rmdir()
    del guarded.groups["files"], guarded.variables["namaskah_shared_paths"]
    guarded.write()
    host.run(["rm", "-rf", ROOT])


def test_uploaded_files_are_archived_by_a_release_and_come_back(guarded: Guarded, uploads: Host) -> None:
    before = sums(uploads, MEDIA)
    done = guarded.cli("deploy", "lab", "--ref", "v1.1.0", "--yes", "--json")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-6000:]
    facts = json.loads(done.stdout)["facts"]
    assert facts["files archived"] == COUNT
    assert facts["backup proof"] == "proved"

    hosts = told(guarded, "backups", "list", "lab")["hosts"]
    (made,) = hosts["app1"]["backups"]
    assert made["archive"]["paths"][0] == MEDIA
    assert [one["id"] for one in hosts["db1"]["backups"]][-1] == facts["backup"]
    assert (
        guarded.operate(["namaskah-deploy", "backups", "verify", "lab", "--inventory", str(guarded.folder)]).returncode
        == 0
    )

    uploads.run(["sh", "-c", f"rm {MEDIA}/photo1; echo spoilt > {MEDIA}/photo2"])
    assert sums(uploads, MEDIA) != before
    told(guarded, "backups", "extract", "lab", made["id"], "--yes")
    assert sums(uploads, f"{ROOT}/extracted-{made['id']}/media") == before

    archive = f"{ROOT}/{made['id']}/files.tar.gz"
    uploads.run(["sh", "-c", 'cp -p "$1" /root/whole && printf x >> "$1"', "sh", archive])
    verdict = guarded.operate(["namaskah-deploy", "backups", "verify", "lab", "--inventory", str(guarded.folder)])
    uploads.run(["mv", "/root/whole", archive])
    assert verdict.returncode == 5, verdict.stdout + verdict.stderr
    assert "files.tar.gz has" in verdict.stderr


@pytest.mark.fault("archived folder unreadable", ends="old release", where="backup, an application host")
def test_a_file_that_cannot_be_archived_stops_the_release(guarded: Guarded, uploads: Host) -> None:
    live = guarded.live_tags()
    uploads.write(f"{MEDIA}/private", "x", mode="0600", owner="root", group="root")
    try:
        done = guarded.cli("deploy", "lab", "--ref", "v1.2.0", "--yes")
    finally:
        uploads.run(["rm", f"{MEDIA}/private"])
    assert done.returncode != 0
    said = " ".join((done.stdout + done.stderr).split())
    assert "The files cannot be archived" in said
    assert "media/private" in said
    assert guarded.live_tags() == live
