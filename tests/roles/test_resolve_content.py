"""Is a commit that no host may release refused on the controller already, by the same rule and in the same words?"""

from __future__ import annotations

import io
import os
import random
import statistics
import subprocess
import tarfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.namaskah_git import content, mirror, remote
from ansible.module_utils.namaskah_git.command import Git
from ansible.module_utils.namaskah_host.committed import leads_out
from ansible.module_utils.namaskah_host.contract import Contract
from ansible.module_utils.namaskah_host.exported import refuse_what_is_no_release
from ansible.module_utils.namaskah_host.failure import Failure

from tests.support.contracts import HERE, contract
from tests.support.gitting import Remote, make
from tests.support.playing import play

TASK = "Resolve"
POINTER = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'a' * 64}\nsize 12345\n"
ANNEXED = "../.git/annex/objects/x/y/SHA256E-s9--a.png"
SECOND = 0.1  # what the look at a commit of some thousand files may take


@pytest.fixture
def origin(tmp_path: Path) -> Remote:
    return make(tmp_path)


def agreed(origin: Remote, **entries: Any) -> Contract:
    """Return a contract that asks nothing of a commit, but for what is given."""
    return Contract(contract(HERE, repository=str(origin.bare), **{"requirements": [], "static_root": "", **entries}))


def put(origin: Remote, name: str, data: str | bytes) -> None:
    """Write a file of the next commit."""
    place = origin.clone / name
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(data.encode() if isinstance(data, str) else data)


def link(origin: Remote, name: str, target: str) -> None:
    place = origin.clone / name
    place.parent.mkdir(parents=True, exist_ok=True)
    place.symlink_to(target)


def gitlink(origin: Remote, name: str) -> None:
    """Put another repository's commit into the next one; it needs not be there."""
    origin.git("update-index", "--add", "--cacheinfo", f"160000,{'a' * 40},{name}")


def pushed(origin: Remote) -> str:
    """Commit and push what was put there."""
    origin.git("add", "--all", "--ignore-removal", ".")
    commit = origin.commit("Second")
    origin.push()
    return commit


def judge(origin: Remote, made: Contract) -> None:
    """Judge the newest commit as the module does."""
    commit = pushed(origin)
    git, address = Git(timeout=60), str(origin.bare)
    with mirror.opened(git, address, remote.list_refs(git, address), origin.bare.parent / "cache") as copy:
        content.refuse_what_is_no_release(copy, commit, made, address)


def exported(origin: Remote, folder: Path) -> None:
    """Write the newest commit into a folder, as a host does."""
    folder.mkdir()
    archive = subprocess.run(["git", f"--git-dir={origin.bare}", "archive", "--format=tar", "main"],
                             check=True, capture_output=True).stdout  # fmt: skip
    subprocess.run(["tar", "-x", "-C", str(folder)], input=archive, check=True)


def links_by_another(origin: Remote) -> None:
    link(origin, "a", "..")
    link(origin, "b", "a/x")


def large_encrypted(origin: Remote) -> None:
    put(origin, ".gitattributes", "*.py filter=git-crypt diff=git-crypt\n")
    put(origin, "settings.py", b"\0GITCRYPT\0" + b"and more" * 1000)


def several(origin: Remote) -> None:
    for number in range(400):
        put(origin, f"static/{number}.png", POINTER)
    link(origin, "static/m", "/etc/passwd")


UNFIT: dict[str, Callable[[Remote], None]] = {
    "a link to the host": lambda origin: link(origin, "static/m", "/etc/passwd"),
    "a link upwards": lambda origin: link(origin, "static/m", "../../shared/.env"),
    "a link by another one": links_by_another,
    "a link of no UTF-8": lambda origin: link(origin, os.fsdecode(b"m\xff"), "/etc"),
    "the tool's own folder": lambda origin: put(origin, "run/x", ""),
    "the tool's own file": lambda origin: put(origin, ".namaskah", ""),
    "a submodule": lambda origin: gitlink(origin, "vendor/lib"),
    "a submodule with a name of ours": lambda origin: gitlink(origin, "run"),
    "a pointer of LFS": lambda origin: put(origin, "static/logo.png", POINTER),
    "a link of git-annex": lambda origin: link(origin, "static/logo.png", ANNEXED),
    "a pointer of git-annex": lambda origin: put(origin, "static/logo.png", "/annex/objects/SHA256E-s9--a.png\n"),
    "an encrypted file": lambda origin: put(origin, "settings.py", b"\0GITCRYPT\0 and more"),
    "a large encrypted file": large_encrypted,
    "several": several,
}


@pytest.mark.parametrize("kind", UNFIT)
def test_what_a_host_refuses_the_controller_refuses_in_the_same_words(origin: Remote, tmp_path: Path,
                                                                      kind: str) -> None:  # fmt: skip
    UNFIT[kind](origin)
    made = agreed(origin)
    with pytest.raises(Failure) as here:
        judge(origin, made)
    exported(origin, tmp_path / "release")
    listed = ["git", f"--git-dir={origin.bare}", "ls-tree", "-r", "-z", "--full-tree", "main"]
    listing = subprocess.run(listed, check=True, capture_output=True).stdout.decode(errors="replace")
    with pytest.raises(Failure) as there:
        refuse_what_is_no_release(tmp_path / "release", str(origin.bare), [], listing)
    assert here.value.as_dict() == there.value.as_dict()
    assert here.value.kind == "refused"


@pytest.mark.parametrize("kind", UNFIT)
def test_what_is_kept_out_of_the_export_is_no_harm(origin: Remote, kind: str) -> None:
    UNFIT[kind](origin)
    names = "static/\na\nb\nm*\nrun\n.namaskah\nvendor/lib\nsettings.py\n"
    with (origin.clone / ".gitattributes").open("a") as stream:
        stream.write("".join(f"{name} export-ignore\n" for name in names.split()))
    judge(origin, agreed(origin))


@pytest.mark.parametrize("attributes", [
    "lib/ export-ignore", "lib export-ignore", "a/ export-ignore", "a export-ignore\na/b !export-ignore",
    "a/** export-ignore", "/x export-ignore", "x export-ignore", "*.txt export-ignore\nx.txt -export-ignore",
    "x export-ignore=false", "a/b/ export-ignore", "a/*/y.txt export-ignore", "x/ export-ignore",
    "[attr]no export-ignore\nx no", "b export-ignore",
])  # fmt: skip
def test_what_stays_out_of_an_export_is_what_git_leaves_out(origin: Remote, attributes: str) -> None:
    for name in ("a/b/y.txt", "a/x", "x", "x.txt", "a/z.txt"):
        put(origin, name, "")
    put(origin, "a/b/.gitattributes", "*.txt -export-ignore\n")
    put(origin, ".gitattributes", f"{attributes}\n")
    gitlink(origin, "lib")
    gitlink(origin, "a/lib")
    commit, git, address = pushed(origin), Git(timeout=60), str(origin.bare)
    names = set(origin.git("ls-tree", "-r", "-t", "--name-only", "HEAD").splitlines())
    archive = subprocess.run(["git", f"--git-dir={origin.bare}", "archive", "--format=tar", "main"],
                             check=True, capture_output=True).stdout  # fmt: skip
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r:") as members:
        there = {member.name.rstrip("/") for member in members}
    with mirror.opened(git, address, remote.list_refs(git, address), origin.bare.parent / "cache") as copy:
        left_out = content._Export(copy, commit, content._tree(copy, commit)).left_out(names)
    assert left_out == names - there


def test_what_a_killed_git_left_in_the_copy_is_no_harm(origin: Remote) -> None:
    judge(origin, agreed(origin))
    (copy,) = (origin.bare.parent / "cache").glob("*.git")
    (copy / "index.lock").touch()
    (copy / "index").write_text("half of an ind")
    gitlink(origin, "lib")
    put(origin, ".gitattributes", "lib export-ignore\n")
    judge(origin, agreed(origin))


def test_an_ordinary_commit_is_let_through(origin: Remote) -> None:
    put(origin, "a/b.txt", "text")
    put(origin, "a/empty", "")
    put(origin, "odd \n name\t", f"see: {POINTER}")
    put(origin, "deep/run", "not at the top")
    link(origin, "a/c", "../a/./b.txt")
    link(origin, "d", "nowhere")
    link(origin, "loop", "loop/x")
    judge(origin, agreed(origin))


def test_an_empty_commit_is_let_through(origin: Remote) -> None:
    judge(origin, agreed(origin))


def test_a_link_in_the_place_of_a_shared_path_is_replaced_and_one_through_it_is_not(origin: Remote) -> None:
    link(origin, "media", "/srv/of/a/developer")
    judge(origin, agreed(origin, shared_paths=["media"]))
    link(origin, "static/m", "../media/x")
    with pytest.raises(Failure, match=r"static/m -> \.\./media/x"):
        judge(origin, agreed(origin, shared_paths=["media"]))


def test_a_link_into_a_shared_path_that_the_commit_lacks_is_refused(origin: Remote) -> None:
    """On hosts a link of the tool's own stands there by then."""
    link(origin, "static/m", "../.env")
    with pytest.raises(Failure, match=r"static/m -> \.\./\.env"):
        judge(origin, agreed(origin, shared_paths=[".env"]))


def test_what_hosts_fetch_is_let_through(origin: Remote) -> None:
    put(origin, "logo.png", POINTER)
    put(origin, ".gitmodules", '[submodule "lib"]\n\tpath = lib\n\turl = ../lib.git\n')
    gitlink(origin, "lib")
    judge(origin, agreed(origin, lfs="fetch", submodules="fetch"))
    with pytest.raises(Failure, match="git LFS"):
        judge(origin, agreed(origin, submodules="fetch"))
    with pytest.raises(Failure, match="has submodules"):
        judge(origin, agreed(origin, lfs="fetch"))


@pytest.mark.parametrize(("written", "match"), [
    ("", "has no address of it"), ('[submodule "lib"]\n\tpath = lib\n\turl = ext::sh -c x\n', "is not allowed"),
    ('[submodule "lib"]\n\tpath = lib\n\turl = https://ada:secret-word@example.org/lib\n', "is not allowed"),
    ("[submodule", "cannot be read"),
])  # fmt: skip
def test_a_submodule_that_no_host_could_fetch_is_refused(origin: Remote, written: str, match: str) -> None:
    put(origin, ".gitmodules", written)
    gitlink(origin, "lib")
    with pytest.raises(Failure, match=match) as told:
        judge(origin, agreed(origin, submodules="fetch"))
    assert told.value.kind == "refused"
    assert "secret-word" not in str(told.value)
    put(origin, ".gitattributes", "lib export-ignore\n")
    judge(origin, agreed(origin, submodules="fetch"))


PYTHON = "{venv}/bin/python"


@pytest.mark.parametrize(("entries", "missing"), [
    ({"requirements": ["requirements/live.txt"]}, "requirements/live.txt"),
    ({"requirements": ["there.txt", "requirements.txt"]}, "requirements.txt"),
    ({"requirements": ["dangling.txt"]}, "dangling.txt"), ({"requirements": ["folder"]}, "folder"),
    ({"requirements": ["there.txt", "folder/x", "linked/x", "./there.txt"]}, ""),
    ({"requirements": ["media/x", "lib/x"], "shared_paths": ["media"]}, ""),
    ({"shared_paths": ["there.txt/uploads"]}, "there.txt"), ({"shared_paths": ["folder/uploads"]}, ""),
    ({"static_root": "./run/x", "collect_command": ["make"]}, "./run/x"),
    ({"static_root": "static"}, "static"), ({"static_root": "there.txt"}, "there.txt"),
    ({"static_root": "folder"}, ""), ({"static_root": "static", "collect_command": ["make"]}, ""),
    ({"static_root": "static", "build_commands": [["make"]]}, ""),
    ({"migrate_command": [PYTHON, "tool.py", "migrate"]}, "tool.py"),
    ({"build_commands": [[PYTHON, "tool.py", "check"]]}, "tool.py"),
    ({"build_commands": [["make"], [PYTHON, "tool.py"]], "migrate_command": [PYTHON, "tool.py"]}, ""),
    ({"services": {"web": {"command": [PYTHON, "src/server.py", "{socket}"]}}}, "src/server.py"),
    ({"services": {"web": {"command": [PYTHON, "{shared}/server.py"]}}, "build_commands": []}, ""),
    ({"services": {"web": {"command": [PYTHON, "-m", "x.py"]}, "job": {"command": ["/usr/bin/env", "x.py"]}}}, ""),
    ({"migrate_command": [PYTHON, "/opt/x.py"], "services": {"web": {"command": [PYTHON]}}}, ""),
])  # fmt: skip
def test_what_the_inventory_names_has_to_be_in_the_commit(origin: Remote, entries: dict[str, Any],
                                                          missing: str) -> None:  # fmt: skip
    """A host found it out when it had fetched, or after an installation of minutes, or after the migrations."""
    put(origin, "there.txt", "")
    put(origin, "folder/x", "")
    put(origin, ".gitmodules", '[submodule "lib"]\n\tpath = lib\n\turl = ../lib.git\n')
    gitlink(origin, "lib")
    link(origin, "linked", "folder")
    link(origin, "dangling.txt", "nowhere")
    made = agreed(origin, submodules="fetch", **entries)
    if not missing:
        judge(origin, made)
        return
    with pytest.raises(Failure) as told:
        judge(origin, made)
    assert told.value.kind == "refused"
    assert missing in f"{told.value.where} {told.value.why}"
    assert "namaskah_" in told.value.next_step


# --- Odd answers, and what it costs ---------------------------------------------------------------------


@pytest.mark.parametrize("word", ["ls-tree", "cat-file"])
@pytest.mark.parametrize("answer", ["", "100644 blob", "\\377\\376", "x\\ty\\0", "160000 commit a -\\tb\\0",
                                    "100644 blob %040d 12x\\tname\\0", "%040d blob 9999999\\nshort"])  # fmt: skip
def test_an_odd_answer_of_git_is_an_error_in_words(origin: Remote, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                                   word: str, answer: str) -> None:  # fmt: skip
    put(origin, "a.txt", "x" * 200)
    program = tmp_path / "bin" / "git"
    program.parent.mkdir()
    program.write_text(
        f'#!/bin/sh\ncase "$*" in *" {word} "*) printf "{answer}"; exit;; esac\nexec /usr/bin/git "$@"\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    if word == "ls-tree" and not answer:  # a commit without files
        judge(origin, agreed(origin))
        return
    with pytest.raises(Failure, match="git") as told:
        judge(origin, agreed(origin))
    assert told.value.kind == "failed"


def test_large_blobs_are_not_read(origin: Remote, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pointer is small, and a commit may hold what does not fit into the memory of the controller."""
    put(origin, "large", b"\0GITCRYPT\0" + b"x" * 5000)
    judge(origin, agreed(origin))
    put(origin, "logo.png", POINTER)
    monkeypatch.setattr(content, "READ", 10)
    judge(origin, agreed(origin))


def test_a_repository_of_5000_files_costs_a_tenth_of_a_second(origin: Remote) -> None:
    filler = random.Random(12)  # noqa: S311 - no secret
    for number in range(5000):
        put(origin, f"part{number % 50}/package{number % 7}/file{number}.py",
            filler.randbytes(filler.choice((40, 300, 900, 4000))).hex())  # fmt: skip
    commit, git, address, made = pushed(origin), Git(timeout=60), str(origin.bare), agreed(origin)
    with mirror.opened(git, address, remote.list_refs(git, address), origin.bare.parent / "cache") as copy:
        took = []
        for _ in range(7):
            begin = time.monotonic()
            content.refuse_what_is_no_release(copy, commit, made, address)
            took.append(time.monotonic() - begin)
    print(f"seconds: {sorted(round(one, 3) for one in took)}")
    assert min(took) < SECOND, statistics.median(took)


def test_links_are_followed_as_the_file_system_follows_them(tmp_path: Path) -> None:
    """The rule looks at names alone; made-up trees are compared with what a host's own system says."""
    for seed in range(300):
        made, top = random.Random(seed), tmp_path / str(seed) / "top"  # noqa: S311 - no secret
        for folder in ("a/b/c", "d"):
            (top / folder).mkdir(parents=True)
        links: dict[str, str] = {}
        for name in made.sample(["l", "m", "a/l", "a/m", "a/b/l", "d/l", "d/m", "n"], 6):
            parts = made.choices(["..", "..", "a", "b", "c", "d", "l", "m", "n", ".", "x"], k=made.randint(1, 6))
            links[name] = "/".join(parts)
            (top / name).symlink_to(links[name])
        for name in links:
            try:
                (top / name).resolve(strict=True)
            except (OSError, RuntimeError):
                continue  # it leads nowhere, or in a circle
            inside = Path(os.path.realpath(top / name)).is_relative_to(top)
            assert leads_out(name, links) is not inside, (seed, name, links)


# --- The module ---------------------------------------------------------------------------------------


def test_the_module_refuses_before_it_answers(origin: Remote, tmp_path: Path) -> None:
    link(origin, "static/m", "/etc/passwd")
    pushed(origin)
    words = {"repository": str(origin.bare), "ref": "main", "cache": str(tmp_path / "cache")}
    task = {"name": TASK, "namaskah_resolve": {**words, "contract": agreed(origin).raw}}
    failure = play([task], tmp_path / "play", library=["resolve"]).failure()
    assert (failure["class"], failure["what"]) == ("refused", "export the commit")
    assert "static/m -> /etc/passwd" in failure["why"]
    # a rollback returns to what hosts have already
    task = {"name": TASK, "namaskah_resolve": words}
    assert play([task], tmp_path / "play", library=["resolve"]).result(TASK)["kind"] == "branch"
