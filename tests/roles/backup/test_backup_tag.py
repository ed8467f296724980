"""Is the running commit marked on the remote, and is a remote that refuses a clear failure that leaves nothing?"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.support.gitting import Remote, make
from tests.support.playing import Played, play

TASK = "Tag"
NO_IDENTITY = {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1", "EMAIL": "", "USER": "nobody-at-all"}


class Tagger:
    """Calls the module with a cache of its own, on a machine without a git identity."""

    def __init__(self, folder: Path, remote: Remote) -> None:
        self.folder = folder
        self.remote = remote
        (folder / "home").mkdir()

    @property
    def commit(self) -> str:
        """The commit of the remote's main branch."""
        return self.remote.git("rev-parse", "HEAD")

    def task(self, name: str = TASK, **changed: Any) -> dict[str, Any]:
        """A task that tags."""
        arguments = {
            "contract": {"environment": "production", "app": "shop"},
            "run": {"id": "20260102T030405Z-beef", "by": "Asha Rao <x>\n", "reason": ""},
            "repository": str(self.remote.bare),
            "commit": self.commit,
            "facts": {"Backup": "20260102T030405Z-beef", "Manifest-SHA256": "0" * 64, "Released-Tag": ""},
            "cache": str(self.folder / "cache"),
        }
        return {"name": name, "namaskah_tag": {**arguments, **changed}}

    def __call__(self, *tasks: dict[str, Any], **changed: Any) -> Played:
        env = {**NO_IDENTITY, "HOME": str(self.folder / "home")}
        return play(tasks or [self.task(**changed)], self.folder / "play", library=["backup"], env=env)

    def tags(self) -> list[str]:
        """The tags of the remote."""
        return self.remote.git("tag", "--list", place=self.remote.bare).split()

    def tags_of_copy(self) -> list[str]:
        """The tags of the controller's copy."""
        (copy,) = (self.folder / "cache").glob("*.git")
        return self.remote.git("tag", "--list", place=copy).split()


@pytest.fixture
def tag(tmp_path: Path) -> Tagger:
    return Tagger(tmp_path, make(tmp_path))


def hook(remote: Remote, name: str, text: str) -> None:
    path = remote.bare / "hooks" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def test_annotated_tag_is_pushed_without_an_identity(tag: Tagger) -> None:
    made = tag().result(TASK)
    assert re.fullmatch(r"production-\d{8}T\d{6}Z-beef", made["backup_tag"])
    assert tag.tags() == [made["backup_tag"]]
    shown = tag.remote.git("cat-file", "-p", f"refs/tags/{made['backup_tag']}", place=tag.remote.bare)
    assert f"object {tag.commit}" in shown
    assert "tagger Asha Rao x <namaskah-deploy@localhost>" in shown
    assert "Manifest-SHA256: 0000" in shown
    assert "Released-Tag" not in shown


def test_two_tags_in_one_second_are_two(tag: Tagger) -> None:
    played = tag(tag.task("First"), tag.task("Second", facts={"Released-Tag": "v1.2.3+build.5"}))
    names = {played.result(name)["backup_tag"] for name in ("First", "Second")}
    second = f"refs/tags/{played.result('Second')['backup_tag']}"
    asked = ["for-each-ref", "--format=%(contents:trailers:key=Released-Tag,valueonly)", second]
    assert tag.remote.git(*asked, place=tag.remote.bare) == "v1.2.3+build.5"
    assert len(names) == 2
    assert set(tag.tags()) == names


@pytest.mark.parametrize("name", ["pre-receive", "update"])
@pytest.mark.fault("git: tag refused", ends="cleaned up")
def test_remote_that_refuses_is_a_failure_and_the_tag_is_gone(tag: Tagger, name: str) -> None:
    hook(tag.remote, name, "echo 'tags are forbidden here' >&2; exit 1")
    failure = tag().failure()
    assert failure["class"] == "refused"
    assert "tags are forbidden here" in failure["why"]
    assert "backup_tag" in failure["next"]
    assert tag.tags() == tag.tags_of_copy() == []


@pytest.mark.fault("git: tag dropped by the remote", ends="found")
def test_remote_that_takes_the_tag_and_drops_it_is_found(tag: Tagger) -> None:
    hook(tag.remote, "post-receive", 'while read -r old new ref; do git update-ref -d "$ref"; done')
    failure = tag().failure()
    assert "is not on the remote" in failure["what"]
    assert tag.tags_of_copy() == []


@pytest.mark.fault("git: tag moved", ends="found")
def test_remote_that_moves_the_tag_is_found(tag: Tagger) -> None:
    tag.remote.commit("Other")
    tag.remote.push()
    first = tag.remote.git("rev-parse", "HEAD~1")
    hook(tag.remote, "post-receive", 'while read -r old new ref; do git update-ref "$ref" refs/heads/main; done')
    assert "instead of" in tag(commit=first).failure()["why"]


@pytest.mark.parametrize("commit", ["main", "", "HEAD", "f" * 40, "-d", "A" * 40, "a" * 39])
def test_what_is_no_commit_of_the_remote_is_refused(tag: Tagger, commit: str) -> None:
    assert tag(commit=commit).failure()["class"] == "refused"
    assert tag.tags() == []


@pytest.mark.parametrize("environment", ["prod;id", "../x", "-x", "a b", "{{x}}", "x" * 120])
def test_environment_that_makes_no_name_is_refused(tag: Tagger, environment: str) -> None:
    contract = {"environment": environment, "app": "shop"}
    wrapped = {"words": contract}
    task = tag.task(contract="{{ words }}") | {"vars": wrapped}
    if "{{" in environment:
        task = tag.task(contract={"environment": "{" * 2 + "'{'*2" + "}" * 2 + "x", "app": "shop"})
    assert tag(task).failure()["class"] == "refused"
    assert tag.tags() == []


@pytest.mark.fault("git: hostile configuration", ends="harmless")
def test_callers_hooks_and_signing_settings_are_not_followed(tag: Tagger, tmp_path: Path) -> None:
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    marker = tmp_path / "ran"
    (hooks / "pre-push").write_text(f"#!/bin/sh\ntouch {marker}\n")
    (hooks / "pre-push").chmod(0o755)
    (tmp_path / "home" / ".gitconfig").write_text(f"[core]\n hooksPath = {hooks}\n[tag]\n gpgSign = true\n")
    env = {"HOME": str(tmp_path / "home"), "GIT_CONFIG_NOSYSTEM": "1"}
    played = play([tag.task()], tmp_path / "play", library=["backup"], env=env)
    assert played.result(TASK)["tagged"] == tag.commit
    assert not marker.exists()
