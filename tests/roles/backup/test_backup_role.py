"""Does the role do its part in a release: start, go on, finish beside other tasks, tag, prove later, list?"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.support.backups.backups import LIVE, Backups
from tests.support.backups.cluster import PASSWORDS, Cluster
from tests.support.gitting import Remote, make
from tests.support.playing import Played, play
from tests.support.project import ROOT


def role(part: str = "main") -> dict[str, Any]:
    return {"name": part, "ansible.builtin.include_role": {"name": "backup", "tasks_from": part}}


class Releases:
    """Plays parts of the role, as the release's playbook does."""

    def __init__(self, backups: Backups, remote: Remote) -> None:
        self.backups = backups
        self.remote = remote
        settings = backups.arguments()["settings"]
        self.variables: dict[str, Any] = {
            "namaskah_app": "shop",
            "namaskah_environment": "production",
            "namaskah_repository": str(remote.bare),
            "namaskah_services": {"web": {"command": ["true"]}},
            "namaskah_run_id": "20260102T030405Z-beef",
            "backup_live": {**LIVE, "commit": remote.git("rev-parse", "HEAD")},
            "backup_root": settings["root"],
            "backup_service_file": settings["service_file"],
            "backup_pass_file": settings["pass_file"],
        }

    def __call__(self, *tasks: dict[str, Any], groups: Sequence[str] = ("app", "database"), **changed: Any) -> Played:
        variables = {**self.variables, **changed}
        env = {"XDG_CACHE_HOME": str(self.backups.folder / "cache")}
        folder = self.backups.folder / "release"
        return play(tasks, folder, variables=variables, env=env, groups=groups)

    def tags(self) -> list[str]:
        """The tags of the remote."""
        return self.remote.git("tag", "--list", place=self.remote.bare).split()


@pytest.fixture
def release(backups: Backups, tmp_path: Path) -> Releases:
    return Releases(backups, make(tmp_path))


def test_backup_runs_beside_other_tasks_and_marks_what_runs(filled: Cluster, release: Releases) -> None:
    other = {"name": "Prepare", "ansible.builtin.command": {"argv": ["sleep", "1"]}, "changed_when": True}
    played = release(role("start"), other, role("finish"), role("prove"), role("list"))
    made = played.result("Await the backup")
    assert made["proof"] == "proved"
    tagged = played.result("Tag what runs now")
    assert release.tags() == [tagged["backup_tag"]]
    message = release.remote.git("cat-file", "-p", tagged["backup_tag"], place=release.remote.bare)
    assert f"Manifest-SHA256: {made['manifest_sha256']}" in message
    assert f"Backup: {made['id']}" in message
    assert [entry["id"] for entry in played.result("List the backups")["backups"]] == [made["id"]]
    assert filled.databases() == ["postgres", "shop", "template0", "template1"]


def test_failed_backup_ends_the_play_in_the_operators_words(cluster: Cluster, release: Releases) -> None:
    cluster.sql("CREATE TABLE shut (a int)", "REVOKE pg_read_all_data FROM reader")
    failure = release(role(), {"name": "Switch", "ansible.builtin.debug": {"msg": "never"}}).failure()
    assert "public.shut" in failure["why"]
    assert release.tags() == []
    assert release.backups.left()[0] == []


def test_first_release_has_nothing_to_mark(release: Releases) -> None:
    assert release(role(), backup_live={}).result("Await the backup")["proof"] == "proved"
    assert release.tags() == []


def test_refused_tag_ends_the_play(release: Releases) -> None:
    hook = release.remote.bare / "hooks" / "pre-receive"
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    assert "does not take the tag" in release(role()).failure()["what"]


def test_large_database_is_proved_by_a_part_of_its_own(cluster: Cluster, release: Releases) -> None:
    cluster.sql("CREATE TABLE bulk AS SELECT g, repeat(md5(g::text), 20) AS t FROM generate_series(1, 120000) g")
    played = release(role(), role("prove"), backup_proof="after", backup_tag=False)
    assert played.result("Await the backup")["proof"] == "pending"
    assert played.result("Prove the backup that is still to be proved")["proof"] == "proved"


def test_check_part_looks_and_writes_nothing(release: Releases) -> None:
    assert release(role("check")).result("Check that a backup can be made")["proof"] == "before"
    assert not release.backups.root.exists()


def test_files_of_an_application_host_are_archived_without_a_database(release: Releases, tmp_path: Path) -> None:
    """Uploads lie where the application runs: listed back, in a manifest, marked by the tag, and unpacked again."""
    media = tmp_path / "shared" / "media"
    media.mkdir(parents=True)
    (media / "photo").write_bytes(os.urandom(5000))
    words = {"groups": ("app", "files"), "backup_paths": [str(media)]}
    played = release(role("check"), role(), role("prove"), role("list"), **words)
    made = played.result("Await the backup")
    assert made["database"] == {}
    assert (made["archive"]["files"], made["archive"]["size"], made["proof"]) == (1, 5000, "none")
    assert [entry["id"] for entry in played.result("List the backups")["backups"]] == [made["id"]]
    assert len(release.tags()) == 1
    (media / "photo").write_bytes(b"spoilt")
    played = release(role("extract"), **words, backup_list_id=made["id"])
    unpacked = Path(played.result("Unpack the files of the backup")["folder"]) / "media" / "photo"
    assert unpacked.stat().st_size == 5000
    refused = release(role("check"), groups=("app", "files"), backup_static=False).failure()
    assert "neither a database" in refused["why"]


def test_static_files_of_the_live_release_are_archived_where_nothing_was_said(
    release: Releases, tmp_path: Path
) -> None:
    """On an application host that nobody prepared for backups, and without what is meant for the others."""
    root = tmp_path / "shop"
    words: dict[str, Any] = {
        "groups": ("app",),
        "namaskah_root": str(root),
        "namaskah_static_root": "static",
        "backup_root": "/nowhere/at/all",
        "backup_paths": ["/nowhere/media"],
        "backup_copies": [{"name": "vault", "kind": "rsync", "to": "copies@vault.example:/srv"}],
    }
    live = root / "releases" / "20260102T030405Z-0123456789ab"
    (root / "releases").mkdir(parents=True)
    for directory in (root, root / "releases"):
        shutil.chown(directory, release.backups.cluster.user.uid, release.backups.cluster.user.gid)
    before = release(role("check"), role(), backup_live={}, **words).result("Await the backup")
    assert before["archive"]["files"] == 0, "a first release has none"

    (live / "static" / "css").mkdir(parents=True)
    (live / "static" / "css" / "site.4e1f.css").write_bytes(b"x" * 700)
    (root / "current").symlink_to(live)
    played = release(role("check"), role(), role("prove"), role("late"), role("list"), **words, finish_pruned={
        "result": {"kept": {"releases": [], "runs": []}}
    })  # fmt: skip
    made = played.result("Await the backup")
    assert (made["archive"]["files"], made["archive"]["size"]) == (1, 700)
    assert made["archive"]["paths"] == [str(live / "static")]
    assert Path(made["path"]).parent == root / "backups"
    assert [entry["id"] for entry in played.result("List the backups")["backups"]][-1] == made["id"]
    (live / "static" / "css" / "site.4e1f.css").write_bytes(b"spoilt")
    played = release(role("extract"), **words, backup_list_id=made["id"])
    unpacked = Path(played.result("Unpack the files of the backup")["folder"])
    assert (unpacked / f"static-files-of-{live.name}" / "css" / "site.4e1f.css").stat().st_size == 700


def test_of_two_hosts_whose_backups_have_one_name_the_one_with_files_unpacks_them(
    release: Releases, tmp_path: Path
) -> None:
    """A dump and the uploads of the same release may begin in the same second."""
    media = tmp_path / "media"
    media.mkdir()
    (media / "photo").write_bytes(b"x" * 100)
    made = release(role(), groups=("app", "files"), backup_paths=[str(media)]).result("Await the backup")
    other = tmp_path / "other"
    shutil.copytree(made["path"], other / made["id"], ignore=shutil.ignore_patterns("files.tar.gz"))
    variables = {name: value for name, value in release.variables.items() if name != "backup_root"}
    further = f"[database]\nbase backup_root={other}\n[files:vars]\nbackup_root={release.backups.root}\n"
    played = play(
        [role("extract")],
        tmp_path / "play",
        variables={**variables, "backup_list_id": made["id"]},
        groups=("app", "files"),
        further=further,
    )
    unpacked = played.result("Unpack the files of the backup")["folder"]
    assert unpacked == str(release.backups.root / f"extracted-{made['id']}")
    assert list(other.iterdir()) == [other / made["id"]]


def test_a_lost_application_host_is_no_reason_to_be_without_a_backup(release: Releases, tmp_path: Path) -> None:
    """Its static files are archived by default, and nobody asked for that: it must not keep the database from it."""
    inventory = tmp_path / "hosts.yml"
    lost = {"lost": {"ansible_host": "127.0.0.1", "ansible_port": 1, "namaskah_root": str(tmp_path / "lost")}}
    database = {"here": {"ansible_connection": "local", "namaskah_root": str(tmp_path / "shop")}}
    variables = {**release.variables, "namaskah_run_id": ""}
    del variables["backup_live"]
    groups = {"children": {"app": {"hosts": lost}, "database": {"hosts": database}}, "vars": variables}
    inventory.write_text(json.dumps({"all": groups}))
    said = {}
    for name in ("backup", "backups"):
        program = str(Path(sys.executable).parent / "ansible-playbook")
        env = {**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "LC_ALL": "C.UTF-8"}
        command = [program, "-i", str(inventory), f"playbooks/{name}.yml"]
        done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
        said[name] = done.stdout + done.stderr
    assert len(release.backups.left()[0]) == 1, said["backup"]
    assert "failed=0" in said["backup"], said["backup"]
    assert re.search(r"here +: ok=3 +changed=0 +unreachable=0 +failed=0", said["backups"]), said["backups"]


def test_playbook_makes_a_backup_that_a_plain_run_can_list(release: Releases, tmp_path: Path) -> None:
    """As an operator starts it: `ansible-playbook playbooks/backup.yml`, with a verbose log and no secret in it."""
    inventory = tmp_path / "hosts.yml"
    hosts = {"here": {"ansible_connection": "local"}}
    variables = {**release.variables, "namaskah_root": str(tmp_path / "shop"), "namaskah_run_id": ""}
    del variables["backup_live"]
    groups = {"children": {"app": {"hosts": hosts}, "database": {"hosts": hosts}}, "vars": variables}
    inventory.write_text(json.dumps({"all": groups}))
    for name in ("backup", "backups"):
        program = str(Path(sys.executable).parent / "ansible-playbook")
        command = [program, "-vvvv", "-i", str(inventory), f"playbooks/{name}.yml"]
        env = {**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "LC_ALL": "C.UTF-8"}
        done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        assert [word for word in PASSWORDS.values() if word in done.stdout + done.stderr] == []
    (made,) = release.backups.left()[0]
    assert made in done.stdout
