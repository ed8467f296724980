"""Does a ref become exactly one commit of the remote, and is everything else refused in the operator's words?"""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support.gitting import Remote, make
from tests.support.playing import Played, play
from tests.support.waiting import is_gone, until

TASK = "Resolve"


class Resolver:
    """Calls the module with a cache of its own."""

    def __init__(self, folder: Path, remote: Remote) -> None:
        self.folder = folder
        self.remote = remote

    def __call__(self, ref: str, **arguments: Any) -> Played:
        words = {"repository": str(self.remote.bare), "ref": ref, "cache": str(self.folder / "cache"), **arguments}
        task = {"name": TASK, "namaskah_resolve": words}
        return play([task], self.folder / "play", library=["resolve"])

    def result(self, ref: str, **arguments: Any) -> dict[str, Any]:
        return self(ref, **arguments).result(TASK)


@pytest.fixture
def remote(tmp_path: Path) -> Remote:
    return make(tmp_path)


@pytest.fixture
def resolve(tmp_path: Path, remote: Remote) -> Resolver:
    return Resolver(tmp_path, remote)


def test_branch_tags_and_commits_are_resolved_on_the_remote(remote: Remote, resolve: Resolver) -> None:
    first = remote.git("rev-parse", "HEAD")
    remote.git("tag", "v1.2.3+build.5")
    remote.git("tag", "--annotate", "--message", "m", "v1")
    remote.git("tag", "--annotate", "--message", "tag of a tag", "nested", "v1")
    second = remote.commit("Second \x1b[31mred\u202e")
    remote.push()
    branch = resolve.result("main", since=first)
    assert (branch["commit"], branch["kind"], branch["ref"], branch["tag"]) == (second, "branch", "refs/heads/main", "")
    assert branch["subject"] == r"Second \x1b[31mred\u202e"
    assert branch["author"] == "Asha"
    assert [entry["commit"] for entry in branch["range"]["added"]] == [second]
    for tag in ("v1.2.3+build.5", "v1", "nested", "refs/tags/v1"):
        found = resolve.result(tag)
        assert (found["commit"], found["kind"], found["tag"]) == (first, "tag", tag.removeprefix("refs/tags/"))
        assert re.fullmatch(r"\d{8}T\d{6}Z-" + first[:12], found["release"])  # no folder is named after a tag
        assert found["tags"] == ["nested", "v1", "v1.2.3+build.5"]
    assert resolve.result(first)["kind"] == "commit"
    back = resolve.result(first, since=second)["range"]
    assert ([entry["commit"] for entry in back["removed"]], back["added_total"]) == ([second], 0)
    assert resolve.result("main", since="f" * 40)["range"]["known"] is False


def test_names_of_the_run_and_release_are_made_or_kept(resolve: Resolver) -> None:
    made = resolve.result("main")
    assert re.fullmatch(r"\d{8}T\d{6}Z-[0-9a-f]{4}", made["run_id"])
    assert re.fullmatch(r"\d{8}T\d{6}Z-" + made["commit"][:12], made["release"])
    kept = resolve.result("main", run_id="run-7", release=f"20260102T030405Z-{made['commit'][:12]}")
    assert (kept["run_id"], kept["release"]) == ("run-7", f"20260102T030405Z-{made['commit'][:12]}")
    assert resolve("main", release="20260102T030405Z-000000000000").failure()["class"] == "refused"
    assert resolve("main", run_id="../x").failure()["class"] == "refused"


@pytest.mark.fault("git: branch rewritten", ends="found")
def test_moved_branch_is_seen_and_a_pruned_one_forgotten(remote: Remote, resolve: Resolver) -> None:
    old = resolve.result("main")["commit"]
    remote.git("branch", "gone")
    remote.push()
    assert resolve.result("gone")["commit"] == old
    remote.git("branch", "--delete", "gone")
    remote.git("commit", "--amend", "--allow-empty", "--quiet", "--message", "Rewritten")
    remote.push()
    assert resolve.result("main")["subject"] == "Rewritten"
    assert resolve("gone").failure()["class"] == "refused"
    unreachable = resolve(old).failure()
    assert "no branch and no tag" in unreachable["why"]


@pytest.mark.fault("git: ambiguous name", ends="refused")
def test_name_of_a_branch_and_a_tag_has_to_be_said_in_full(remote: Remote, resolve: Resolver) -> None:
    remote.git("tag", "twice")
    remote.commit("Second")
    remote.git("branch", "twice")
    remote.push()
    failure = resolve("twice").failure()
    assert "refs/heads/twice" in failure["next"]
    assert "refs/tags/twice" in failure["next"]
    assert resolve.result("refs/heads/twice")["kind"] == "branch"
    assert resolve.result("refs/tags/twice")["kind"] == "tag"


def test_branch_that_looks_like_a_commit_is_ambiguous(remote: Remote, resolve: Resolver) -> None:
    name = remote.git("rev-parse", "HEAD")
    remote.commit("Second")
    remote.push()
    # git refuses to make such a branch by porcelain; a remote may have one all the same
    remote.git("update-ref", f"refs/heads/{name}", "main", place=remote.bare)
    assert f"refs/heads/{name}" in resolve(name).failure()["next"]


@pytest.mark.fault("git: ref unknown", ends="refused")
def test_unknown_ref_names_the_nearest(remote: Remote, resolve: Resolver) -> None:
    remote.git("tag", "v1.4.0")
    remote.push()
    assert "v1.4.0" in resolve("v1.4.O").failure()["why"]
    assert "40" in resolve(remote.git("rev-parse", "--short", "HEAD")).failure()["why"]


def test_tag_of_a_folder_is_refused(remote: Remote, resolve: Resolver) -> None:
    remote.git("tag", "--annotate", "--message", "m", "tree", "HEAD^{tree}")
    remote.push()
    assert "not a commit" in resolve("tree").failure()["what"]


@pytest.mark.fault("hostile name", ends="refused")
def test_template_as_a_ref_runs_nothing(tmp_path: Path, remote: Remote) -> None:
    marker = tmp_path / "ran"
    word = f"{{{{lookup('pipe','touch {marker}')}}}}"
    task = {"name": TASK, "namaskah_resolve": {"repository": str(remote.bare), "ref": "{{ word }}"}}
    # as the command line passes it: text that is never a template
    path = tmp_path / "words.yml"
    path.write_text(f"word: !unsafe {json.dumps(word)}\n")
    played = play(
        [{"name": "Read", "ansible.builtin.include_vars": str(path)}, task], tmp_path / "play", library=["resolve"]
    )
    assert played.failure()["class"] == "refused"
    assert not marker.exists()


@pytest.mark.fault("git: remote unreachable", ends="refused")
def test_missing_remote_is_unreachable(tmp_path: Path, resolve: Resolver) -> None:
    failure = resolve("main", repository=str(tmp_path / "nothing.git")).failure()
    assert failure["class"] == "unreachable"
    assert str(tmp_path / "nothing.git") in failure["where"]


@pytest.mark.fault("git: remote hangs", ends="refused")
def test_remote_that_hangs_ends_with_its_children(tmp_path: Path) -> None:
    sleeper = tmp_path / "ssh"
    sleeper.write_text(f"#!/bin/sh\necho $$ > {tmp_path}/pid\nexec sleep 300\n")
    sleeper.chmod(0o755)
    words = {"repository": "ssh://git@git.example/app.git", "ref": "main", "timeout": 2}
    task = {"name": TASK, "namaskah_resolve": words}
    failure = play([task], tmp_path / "play", library=["resolve"], env={"GIT_SSH_COMMAND": str(sleeper)}).failure()
    assert failure["class"] == "timeout"
    pid = int((tmp_path / "pid").read_text())
    until(lambda: is_gone(pid), "the end of what git had started")


@pytest.mark.fault("git: hostile configuration", ends="refused")
def test_helper_transport_of_the_callers_config_runs_nothing(tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    config = tmp_path / "home" / ".gitconfig"
    config.parent.mkdir()
    config.write_text(
        f'[url "ext::touch {marker} "]\n  insteadOf = https://git.example/\n[protocol]\n  allow = always\n'
    )
    task = {"name": TASK, "namaskah_resolve": {"repository": "https://git.example/app.git", "ref": "main"}}
    failure = play([task], tmp_path / "play", library=["resolve"], env={"HOME": str(config.parent)}).failure()
    assert failure["class"] == "unreachable"
    assert not marker.exists()


@pytest.mark.fault("git: local copy damaged", ends="cleaned up")
def test_damaged_copy_is_made_again(tmp_path: Path, remote: Remote, resolve: Resolver) -> None:
    first = resolve.result("main")["commit"]
    (copy,) = (tmp_path / "cache").glob("*.git")
    subprocess.run(["find", copy / "objects", "-type", "f", "-delete"], check=True)
    (copy / "packed-refs.lock").touch()
    second = remote.commit("Second")
    remote.push()
    assert resolve.result("main", since=first)["range"]["added_total"] == 1
    assert resolve.result("main")["commit"] == second


@pytest.mark.fault("git: local copy damaged", ends="cleaned up")
def test_copy_whose_objects_vanished_is_made_again(tmp_path: Path, resolve: Resolver) -> None:
    resolve.result("main")
    (copy,) = (tmp_path / "cache").glob("*.git")
    subprocess.run(["find", copy / "objects", "-type", "f", "-delete"], check=True)
    assert resolve.result("main")["subject"] == "First"
