"""Is a release exactly the files of its commit, whatever the deploy user's own git configuration says?"""

from __future__ import annotations

import stat
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible.module_utils.namaskah_host import mirror
from ansible.module_utils.namaskah_host.build import Build

from tests.support.gitting import Remote, make

RELEASE = "20260102T030405Z-{}"
HOSTILE = """
[init]
    defaultObjectFormat = sha256
    templateDir = {home}/template
[core]
    autocrlf = true
    attributesFile = {home}/attributes
    hooksPath = {home}/hooks
    fsmonitor = {home}/program
[filter "odd"]
    smudge = {home}/program
    required = true
[tar]
    umask = 0077
[fetch]
    pruneTags = true
"""


@pytest.fixture
def hostile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home whose configuration would change every file of an export."""
    home = tmp_path / "home"
    for folder in ("hooks", "template/hooks"):
        (home / folder).mkdir(parents=True)
    for program in ("program", "hooks/reference-transaction", "template/hooks/reference-transaction"):
        (home / program).write_text(f"#!/bin/sh\ntouch {home}/ran\nexit 1\n")
        (home / program).chmod(0o755)
    (home / "attributes").write_text("*.txt filter=odd\nb.txt export-ignore\n")
    (home / ".gitconfig").write_text(HOSTILE.format(home=home))
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    for name, value in {"GIT_DIR": "/nowhere", "GIT_DEFAULT_HASH": "sha256", "GIT_INDEX_FILE": "/nowhere"}.items():
        monkeypatch.setenv(name, value)
    return home


@pytest.fixture
def remote(tmp_path: Path) -> Remote:
    origin = make(tmp_path)
    for name in ("a.txt", "b.txt"):
        (origin.clone / name).write_text("one\ntwo\n")
    (origin.clone / ".gitattributes").write_text("a.txt filter=odd\n")
    origin.git("add", ".")
    origin.commit("Files")
    origin.push()
    return origin


@pytest.mark.fault("git: hostile configuration", ends="found")
def test_an_export_is_the_files_of_the_commit(tmp_path: Path, remote: Remote, request: pytest.FixtureRequest) -> None:
    commit = remote.git("rev-parse", "HEAD")
    home: Path = request.getfixturevalue("hostile")
    root = tmp_path / "srv"
    (root / "releases").mkdir(parents=True)
    agreed = {"repository": str(remote.bare), "host": "app1", "shared_paths": [], "fetch_timeout": 60,
              "submodules": "refuse", "lfs": "refuse"}  # fmt: skip
    contract: Any = SimpleNamespace(root=root, releases=root / "releases", **agreed)
    release = RELEASE.format(commit[:12])
    build = Build(contract, {"release": release, "commit": commit})
    # What an older version had made under the same configuration.
    (root / "repo.git").mkdir()
    (root / "repo.git" / "HEAD").write_text("ref: refs/heads/main\n")
    (root / "repo.git" / "config").write_text("[extensions]\n\tobjectformat = sha256\n")
    build._fetch()
    build._export()
    folder = root / "releases" / release
    assert {file.name: file.read_text() for file in folder.glob("*.txt")} == dict.fromkeys(
        ("a.txt", "b.txt"), "one\ntwo\n"
    )
    assert stat.S_IMODE((folder / "a.txt").stat().st_mode) & 0o444 == 0o444
    assert mirror.tidy(contract, [release]) == []
    assert mirror.tidy(contract, []) == [release]
    assert not (home / "ran").exists()
