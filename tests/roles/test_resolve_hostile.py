"""Does a remote's odd name or message, or the operator's own git configuration, ever change what a ref means?"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.namaskah_git import history, mirror, remote
from ansible.module_utils.namaskah_git.command import Git
from ansible.module_utils.namaskah_host.failure import Failure

from tests.support.gitting import Remote, make

MARKS = ["\u2028", "\u3164", "\u2029", "\x85", "\u202e", "\u2066", "\u200b"]
HOSTILE = """
[log]
    showSignature = true
    date = relative
    mailmap = true
    decorate = full
[init]
    defaultObjectFormat = sha256
    templateDir = {folder}/template
[diff]
    external = {folder}/marker-program
    noprefix = true
    orderFile = {folder}/nothing
[color]
    ui = always
[core]
    quotePath = true
    fsmonitor = {folder}/marker-program
    hooksPath = {folder}/hooks
    attributesFile = {folder}/attributes
[format]
    pretty = oneline
[i18n]
    logOutputEncoding = UTF-16
[tag]
    gpgSign = true
    forceSignAnnotated = true
[commit]
    gpgSign = true
[gpg]
    program = {folder}/marker-program
[push]
    gpgSign = true
    pushOption = odd
[fetch]
    pruneTags = true
[alias]
    log = !{folder}/marker-program
    rev-list = !{folder}/marker-program
"""


@pytest.fixture
def origin(tmp_path: Path) -> Remote:
    return make(tmp_path)


def refs_of(origin: Remote) -> remote.Refs:
    return remote.list_refs(Git(timeout=60), str(origin.bare))


def resolved(origin: Remote, word: str, cache: Path) -> dict[str, Any]:
    """What the word means on the remote, read by way of a copy."""
    git, address = Git(timeout=60), str(origin.bare)
    refs = remote.list_refs(git, address)
    choice = remote.choose(refs, word, address)
    with mirror.opened(git, address, refs, cache) as copy:
        history.check_is_commit(copy, choice.target, address)
        return {"tags": refs.tags_on(choice.target), **history.describe(copy, choice.target)}


@pytest.mark.fault("hostile name", ends="found")
@pytest.mark.parametrize("mark", MARKS, ids=ascii)
def test_a_ref_of_another_name_changes_nothing(tmp_path: Path, origin: Remote, mark: str) -> None:
    first = origin.git("rev-parse", "HEAD")
    origin.git("tag", "v1")
    origin.push()
    other = origin.commit("Of somebody else")
    origin.git("push", "--quiet", str(origin.bare), f"HEAD:refs/heads/side{mark}x")
    for name in (f"heads/main{mark}x", f"heads/x{mark}{other}\u2028refs", f"tags/v1{mark}x", f"tags/v1{mark}^x"):
        if "^" not in name:
            origin.put(f"refs/{name}", other)
    for word in ("main", "v1", "refs/heads/main", "refs/tags/v1"):
        assert resolved(origin, word, tmp_path / "cache")["commit"] == first
    assert resolved(origin, "v1", tmp_path / "cache")["tags"] == ["v1"]
    assert resolved(origin, other, tmp_path / "cache")["tags"] == []


def test_a_forged_line_within_a_name_is_part_of_the_name() -> None:
    first, other = "1" * 40, "2" * 40
    listing = f"{first}\trefs/heads/main\n{first}\trefs/heads/x\u2028{other}\trefs/heads/main\n"
    assert remote.parse_refs(listing, "here").objects["refs/heads/main"] == first


def test_a_ref_listed_twice_is_refused_by_name_and_only_when_it_is_asked_for() -> None:
    lines = [
        ("1", "refs/heads/good"), ("1", "refs/heads/main"), ("2", "refs/heads/main"), ("3", "refs/tags/v1"),
        ("1", "refs/tags/v1^{}"), ("2", "refs/tags/v1^{}"),
    ]  # fmt: skip
    refs = remote.parse_refs("".join(f"{digit * 40}\t{name}\n" for digit, name in lines), "here")
    assert remote.choose(refs, "good", "here").target == "1" * 40
    for word, name in (("main", "refs/heads/main"), ("v1", "refs/tags/v1")):
        with pytest.raises(Failure, match="more than once") as caught:
            remote.choose(refs, word, "here")
        assert name in caught.value.what
    assert refs.tags_on("1" * 40) == []


@pytest.mark.parametrize(
    "listing", ["hello\n", "1 refs/heads/x\n", "\n", f"{'1' * 40} refs/heads/x\n", "\x1b[2J" * 999]
)
def test_an_answer_of_another_form_is_told_in_words(listing: str) -> None:
    with pytest.raises(Failure) as caught:
        remote.parse_refs(listing, "here")
    assert "\x1b" not in str(caught.value)
    assert len(str(caught.value)) < 500


def test_marks_in_a_subject_and_in_an_author_are_text(tmp_path: Path, origin: Remote) -> None:
    first = origin.git("rev-parse", "HEAD")
    for subject in ("fix a \x1e b", "fix a \x1f b\x1e", "\x1e", "bell \x07 and \x1b]0;x\x07", "line \u2028 two \r end"):
        commit = origin.commit(subject)
    origin.git("-c", "user.name=A\x1e\x1fB", "commit", "--allow-empty", "--quiet", "--message", "by A")
    origin.push()
    git, address = Git(timeout=60), str(origin.bare)
    with mirror.opened(git, address, refs_of(origin), tmp_path / "cache") as copy:
        assert history.describe(copy, commit)["subject"] == r"line \u2028 two \r end"
        told = history.between(copy, first, "main")
    assert (told["added_total"], len(told["added"])) == (6, 6)
    assert told["added"][-1]["subject"] == r"fix a \x1e b"
    assert all(text.isprintable() for entry in told["added"] for text in entry.values())


@pytest.fixture
def hostile_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home whose configuration changes all that git says and does; each of its programs leaves a mark."""
    home = tmp_path / "home"
    (home / "hooks").mkdir(parents=True)
    (home / "template" / "hooks").mkdir(parents=True)
    program = home / "marker-program"
    program.write_text(f"#!/bin/sh\ntouch {home}/ran\nexit 1\n")
    program.chmod(0o755)
    for name in ("reference-transaction", "pre-push", "post-checkout"):
        for folder in (home / "hooks", home / "template" / "hooks"):
            shutil.copy(program, folder / name)
    (home / "attributes").write_text("* filter=odd -text export-ignore\n")
    (home / ".gitconfig").write_text(HOSTILE.format(folder=home))
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    return home


def sign(origin: Remote, folder: Path) -> str:
    """Make a commit that is signed by an ssh key."""
    key = folder / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    words = ["-c", "gpg.format=ssh", "-c", f"user.signingKey={key}", "commit", "--gpg-sign", "--allow-empty", "--quiet"]
    origin.git(*words, "--message", "Signed")
    return origin.git("rev-parse", "HEAD")


@pytest.mark.fault("git: hostile configuration", ends="found")
def test_no_setting_of_the_operator_changes_what_is_read(tmp_path: Path, origin: Remote, hostile_home: Path) -> None:
    first = origin.git("rev-parse", "HEAD")
    (origin.clone / "ä.txt").write_text("x")
    origin.git("add", ".")
    commit = sign(origin, tmp_path)
    origin.push()
    found = resolved(origin, "main", tmp_path / "cache")
    assert (found["commit"], found["subject"], found["author"]) == (commit, "Signed", "Asha")
    git, address = Git(timeout=60), str(origin.bare)
    with mirror.opened(git, address, refs_of(origin), tmp_path / "cache") as copy:
        told = history.between(copy, first, commit)
        assert copy.read(["rev-parse", "--show-object-format"]) == "sha1\n"
    assert (told["added_total"], told["files"]) == (1, ["ä.txt"])
    assert not (hostile_home / "ran").exists()


def test_a_repository_in_sha256_is_refused_in_one_sentence(tmp_path: Path) -> None:
    place = tmp_path / "long.git"
    env = {**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null"}
    origin = Remote(place, tmp_path / "work")
    subprocess.run(["git", "init", "--quiet", "--object-format=sha256", str(origin.clone)], check=True, env=env)
    subprocess.run(["git", "init", "--quiet", "--bare", "--object-format=sha256", str(place)], check=True, env=env)
    origin.commit("First")
    origin.push()
    with pytest.raises(Failure) as caught:
        refs_of(origin)
    assert caught.value.kind == "refused"
    assert "SHA-256" in caught.value.what
    assert "--object-format=sha1" in caught.value.next_step


LETTERS = "0123456789abcdef" * 3 + "\t\n\0 \x1e\x1f\r\x85\u2028\ufffd^{}/refs heads tags commit"


def made_up(chance: random.Random, parts: list[str]) -> str:
    """Text like what git prints, with some of it exchanged for anything."""
    text = "".join(chance.choices(parts, k=chance.randint(0, 8)))
    for _ in range(chance.randint(0, 3)):
        at = chance.randint(0, len(text))
        text = text[:at] + "".join(chance.choices(LETTERS, k=chance.randint(0, 3))) + text[at + chance.randint(0, 3) :]
    return text


def check_refs(count: int) -> None:
    """No listing ends in a traceback, and what is read of it stands in it as whole lines."""
    chance = random.Random(63)  # noqa: S311 - a repeatable choice, no secret
    names = ["heads/main", "tags/v1", "tags/v1^{}", "heads/main\u2028x", "heads/\u202e", f"heads/x\x85{'2' * 40}"]
    parts = [f"{digit * 40}\trefs/{name}\n" for digit in "123" for name in names]
    read, told = 0, [""]
    for _ in range(count):
        listing = made_up(chance, parts)
        try:
            refs = remote.parse_refs(listing, "here")
            choice = remote.choose(refs, "main", "here")
        except Failure as failure:
            told.append(str(failure))
            continue
        read += 1
        assert f"\n{choice.target}\t{choice.ref}\n" in f"\n{listing}\n"
        assert listing.split("\n").count(f"{choice.target}\t{choice.ref}") == 1
        refs.tags_on(choice.target)
    assert all(text.isprintable() and len(text) < 1000 for text in told)
    assert read > count / 20


def check_log(count: int) -> None:
    """No answer ends in a traceback, and nothing of a message is taken for a commit."""
    chance = random.Random(12)  # noqa: S311 - a repeatable choice, no secret
    subjects = ["fix", "", "a \x1e b\x1f", "\u2028", f"commit {'2' * 40}", "\x1b[2J"]
    parts = [f"commit {'1' * 40}\n\0Asha\0{2026}-01-01T00:00:00Z\0{subject}\0\n" for subject in subjects]
    read, told = 0, [""]
    for _ in range(count):
        listing = made_up(chance, parts)
        try:
            found = history.parse_log(listing)
        except Failure as failure:
            told.append(str(failure))
            continue
        read += len(found)
        assert len(found) == listing.count("\0") / 4
        assert all(text.replace("\n", "").replace("\t", "").isprintable() for entry in found for text in entry.values())
    assert all(text.isprintable() and len(text) < 1000 for text in told)
    assert read > count / 2


def test_made_up_answers_of_git_end_in_words() -> None:
    check_refs(300)
    check_log(300)


@pytest.mark.soak
def test_many_made_up_answers_of_git_end_in_words() -> None:
    check_refs(10_000)
    check_log(10_000)
