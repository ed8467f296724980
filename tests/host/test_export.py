"""Is a release exactly the files of its commit, whatever the deploy user's own git configuration says?"""

from __future__ import annotations

import hashlib
import http.server
import stat
import subprocess
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible.module_utils.namaskah_host import mirror
from ansible.module_utils.namaskah_host.build import Build
from ansible.module_utils.namaskah_host.failure import Failure
from ansible.module_utils.namaskah_host.repository_copy import Copy

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


class Trickling(http.server.SimpleHTTPRequestHandler):
    """Answers nothing more than the head of its answer before `quick` is set."""

    quick = threading.Event()

    def copyfile(self, source: Any, outputfile: Any) -> None:
        if self.quick.wait(20):
            super().copyfile(source, outputfile)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def trickling(remote: Remote) -> Iterator[str]:
    """The address of a remote that is slow until it is told otherwise."""
    remote.git("update-server-info", place=remote.bare)
    Trickling.quick.clear()
    handler = partial(Trickling, directory=str(remote.bare))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/"
        finally:
            Trickling.quick.set()
            server.shutdown()
            thread.join()


@pytest.mark.fault("git: remote hangs", ends="refused", where="in the middle of a fetch")
def test_a_fetch_ends_with_its_time_and_names_what_bounds_it(tmp_path: Path, remote: Remote, trickling: str) -> None:
    """And the next one, with more time, finds the copy as it needs it."""
    commit = remote.git("rev-parse", "HEAD")
    contract: Any = SimpleNamespace(host="app1", fetch_timeout=0.5)
    copy = Copy(contract, tmp_path / "repo.git", trickling, None)
    with pytest.raises(Failure) as told:
        copy.bring(commit)
    assert told.value.kind == "timeout"
    assert "namaskah_fetch_timeout (now 0.5 s)" in told.value.next_step
    Trickling.quick.set()
    contract.fetch_timeout = 60
    copy.bring(commit)
    assert copy.has(commit)


class Killed(Copy):
    """One whose run is killed in the second step of a fetch; git leaves the lock of what it was about to write."""

    def git(self, *words: str, **more: Any) -> str:
        if any(word.startswith("--deepen") for word in words):
            (self.folder / "shallow.lock").touch()
            raise KeyboardInterrupt
        return super().git(*words, **more)


def history(folder: Path) -> tuple[str, str, int]:
    """Return every object and ref of a copy, and how many bytes came as packs."""
    git = Remote(folder, folder).git
    size = sum(pack.stat().st_size for pack in folder.glob("objects/**/*") if pack.is_file())
    return git("rev-list", "--objects", "--all", "--no-object-names"), git("for-each-ref"), size


@pytest.mark.fault("git: remote hangs", ends="new release", where="a first fetch that was killed is continued")
def test_a_first_fetch_that_was_killed_goes_on(tmp_path: Path, remote: Remote) -> None:
    """What came is kept, and in the end the copy is the one that a single fetch brings."""
    text = "".join(
        f"commit refs/heads/main\ncommitter A <a@h> {n} +0000\ndata 1\nx\n"
        + ("" if n else "from refs/heads/main^0\n")
        + f"M 644 inline f{n % 9}\ndata {len(body)}\n{body}\n"
        for n in range(400)
        for body in [hashlib.sha256(b"%d" % n).hexdigest() * 9]
    )
    subprocess.run(["git", "-C", str(remote.bare), "fast-import", "--quiet"], input=text, text=True, check=True)
    commit = remote.git("rev-parse", "main", place=remote.bare)
    remote.git("tag", "v1", "main~300", place=remote.bare)
    contract: Any = SimpleNamespace(host="app1", fetch_timeout=60)
    whole, folder = tmp_path / "whole.git", tmp_path / "repo.git"
    remote.git("clone", "--quiet", "--mirror", f"file://{remote.bare}", str(whole))
    with pytest.raises(KeyboardInterrupt):
        Killed(contract, folder, str(remote.bare), None).bring(commit)
    came = history(folder)
    Copy(contract, folder, str(remote.bare), None).bring(commit)
    objects, refs, size = history(folder)
    assert (sorted(objects.split()), refs) == (sorted(history(whole)[0].split()), history(whole)[1])
    assert 0 < size - came[2] < size * 0.9
    assert not (folder / "shallow").exists()
    remote.git("fsck", "--strict", place=folder)
