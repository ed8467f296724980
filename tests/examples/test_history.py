"""Does the builder of histories make the same repository everywhere, and refuse what does not fit?"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.samples.sample import EXAMPLES

SAMPLES = ("dashboard", "ledger")
VERSIONS = ["v1.0.0", "v1.1.0", "v1.2.0", "v1.3.0", "v2.0.0"]


def build(
    sample: str, repository: Path, *, examples: Path = EXAMPLES, **environment: str
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(examples / "history.py"), sample, str(repository), "--json"]
    return subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **environment})


def git(repository: Path, *arguments: str) -> str:
    command = ["git", f"--git-dir={repository}", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("sample", SAMPLES)
def test_every_machine_builds_the_same_commits(sample: str, tmp_path: Path) -> None:
    hostile = tmp_path / "gitconfig"
    hostile.write_text("[user]\n\tname = Somebody\n[core]\n\tautocrlf = true\n[tag]\n\tgpgSign = true\n")
    copy = tmp_path / "copy"
    shutil.copytree(EXAMPLES, copy)
    (copy / sample / "__pycache__").mkdir()
    (copy / sample / "__pycache__" / "left.pyc").touch()
    (copy / sample / "README.md").chmod(0o777)
    here = json.loads(build(sample, tmp_path / "a.git").stdout)
    there = build(
        sample, tmp_path / "b.git", examples=copy, TZ="Asia/Kolkata", HOME="/nonexistent",
        GIT_CONFIG_GLOBAL=str(hostile), GIT_AUTHOR_NAME="Somebody", GIT_AUTHOR_DATE="2001-01-01T00:00:00Z",
    )  # fmt: skip
    assert json.loads(there.stdout)["tags"] == here["tags"]
    references = [git(tmp_path / name, "for-each-ref") for name in ("a.git", "b.git")]
    assert references[0] == references[1]


@pytest.mark.parametrize("sample", SAMPLES)
def test_main_is_the_line_of_versions_and_the_rest_are_annotated_tags(sample: str, tmp_path: Path) -> None:
    repository = tmp_path / "origin.git"
    built = json.loads(build(sample, repository).stdout)
    line = git(repository, "log", "--first-parent", "--reverse", "--format=%H", "main").split()
    assert line == [built["tags"][tag]["commit"] for tag in VERSIONS]
    references = dict(
        row.split() for row in git(repository, "for-each-ref", "--format=%(refname) %(objecttype)").splitlines()
    )
    assert references == {"refs/heads/main": "commit", **{f"refs/tags/{tag}": "tag" for tag in built["tags"]}}
    assert {tag for tag in built["tags"] if tag.startswith("broken-")} == {
        tag for tag, facts in built["tags"].items() if facts["outcome"] != "ok"
    }
    assert git(repository, "fsck", "--strict", "--no-progress") == ""


@pytest.mark.parametrize("sample", SAMPLES)
def test_each_tag_says_what_it_does_to_the_schema(sample: str, tmp_path: Path) -> None:
    repository = tmp_path / "origin.git"
    built = json.loads(build(sample, repository).stdout)
    trailers = {
        tag: git(repository, "tag", "--list", tag, "--format=%(contents:trailers:key=Schema,valueonly)").strip()
        for tag in built["tags"]
    }
    assert trailers == {tag: "breaking" if tag == "v2.0.0" else "compatible" for tag in built["tags"]}


@pytest.mark.parametrize("sample", SAMPLES)
def test_a_release_holds_the_application_and_nothing_of_its_history(sample: str, tmp_path: Path) -> None:
    repository = tmp_path / "origin.git"
    assert build(sample, repository).returncode == 0
    files = git(repository, "ls-tree", "-r", "--name-only", "v2.0.0").splitlines()
    assert "requirements.txt" in files
    assert not [name for name in files if name.startswith(("history", "environment")) or "__pycache__" in name]


def test_a_folder_that_is_not_empty_is_refused(tmp_path: Path) -> None:
    (tmp_path / "something").touch()
    refused = build("ledger", tmp_path)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr.startswith(f"history: {tmp_path} is not empty")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["something"]


def test_an_edit_that_no_longer_fits_is_named(tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(EXAMPLES, copy)
    (copy / "ledger" / "pages" / "index.html").write_text("<h1>Something else</h1>")
    refused = build("ledger", tmp_path / "origin.git", examples=copy)
    assert refused.returncode == 2
    assert "v1.1.0: '<h1>Ledger</h1>' stands 0 times in pages/index.html" in refused.stderr
    assert "history/v1.1.0.toml" in refused.stderr
    assert not (tmp_path / "origin.git").exists()
