"""Can what a repository holds reach out of its release: to shared data, the host's files, other repositories?"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.namaskah_host import assets, submodules
from ansible.module_utils.namaskah_host.build import Build
from ansible.module_utils.namaskah_host.contract import Contract
from ansible.module_utils.namaskah_host.exported import links_out, refuse_what_is_no_release
from ansible.module_utils.namaskah_host.failure import Failure
from ansible.module_utils.namaskah_host.lfs import pointers
from ansible.module_utils.namaskah_host.readiness import folders
from ansible.module_utils.namaskah_host.release import Release
from ansible.module_utils.namaskah_host.repository_copy import Copy

from tests.support.absence import report_absence
from tests.support.contracts import HERE, contract
from tests.support.folder_host import IDENTITY, FolderHost

RELEASE = f"20260102T000000Z-{'a' * 12}"
POINTER = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'a' * 64}\nsize 12345\n"

# --- Shared paths -------------------------------------------------------------------------------------


def linking(root: Path, shared_paths: list[str]) -> Build:
    """Return the build of a release with some files, on a host whose shared data has one file in each folder."""
    build = Build(Contract(contract(HERE, root=str(root), shared_paths=shared_paths)), {"release": RELEASE})
    for name in ("media/cache/seed.txt", "img/news/a.txt", "img/newsletters/b.txt", "plain.txt"):
        (build.release.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (build.release.folder / name).write_text("of the commit")
    for folder in ("media", "media/cache", "img/news", "img/newsletters"):
        (root / "shared" / folder).mkdir(parents=True, exist_ok=True)
        (root / "shared" / folder / "precious").write_text("of a user")
    return build


def precious(root: Path) -> int:
    return len(list((root / "shared").rglob("precious")))


@pytest.mark.fault("nested shared paths", ends="found")
@pytest.mark.parametrize("shared_paths", [
    ["media", "media/cache"], ["media/cache", "media"], ["media/cache"], ["media", "media"], ["media"],
    ["img/news", "img/newsletters"], ["media", "media/cache", "img/news"],
])  # fmt: skip
def test_shared_data_is_never_deleted(tmp_path: Path, shared_paths: list[str]) -> None:
    build = linking(tmp_path, shared_paths)
    build._link_shared()
    assert precious(tmp_path) == 4
    for entry in shared_paths:
        assert (build.release.folder / entry / "precious").read_text() == "of a user"
    assert [path for path in (tmp_path / "shared").rglob("*") if path.is_symlink()] == []


@pytest.mark.parametrize("entry", ["../shared/media", "/etc", "media/../media", ".", "", "media/", "./media", "run",
                                   "media//cache", ".namaskah/x"])  # fmt: skip
def test_a_shared_path_that_is_none_is_refused_before_anything(tmp_path: Path, entry: str) -> None:
    build = linking(tmp_path, [entry])
    with pytest.raises(Failure, match="no plain path"):
        build._link_shared()
    assert [wrong for _, wrong, _ in folders(build.contract) if "no plain path" in wrong] != []
    assert precious(tmp_path) == 4


@pytest.mark.parametrize(("link", "target"), [
    ("up", "media"), ("up", "../../shared/media"), ("deep/up", "../media"), ("up", "{root}/shared/media"),
])  # fmt: skip
def test_shared_data_is_not_deleted_through_links_of_the_repository(tmp_path: Path, link: str, target: str) -> None:
    build = linking(tmp_path, ["media", f"{link}/cache"])
    (tmp_path / "shared" / link / "cache").mkdir(parents=True)
    place = build.release.folder / link
    place.parent.mkdir(exist_ok=True)
    place.symlink_to(target.format(root=tmp_path))
    with pytest.raises(Failure) as told:
        build._link_shared()
    assert told.value.kind == "refused"
    assert precious(tmp_path) == 4


def test_a_file_above_a_shared_path_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "shared" / "plain.txt" / "uploads").mkdir(parents=True)
    with pytest.raises(Failure, match=r"a file plain\.txt, where a folder") as told:
        linking(tmp_path, ["plain.txt/uploads"])._link_shared()
    assert told.value.kind == "refused"


# --- What commands make ---------------------------------------------------------------------------------


def making(root: Path, **agreed: Any) -> Build:
    """Return the build of a release that has an environment file among its shared paths."""
    (root / "shared").mkdir(parents=True)
    (root / "shared" / ".env").write_text("PASSWORD=x")
    build = linking(root, [".env"])
    build.contract.raw.update(agreed)
    build.run["commit"] = "a" * 40
    build._link_shared()
    build.venv = root / "venvs" / RELEASE
    build.venv.mkdir(parents=True)
    return build


OUT = ["ln", "-s", "../../../shared/.env", "img/x"]


@pytest.mark.parametrize(("agreed", "match"), [
    ({"build_commands": [["mkdir", "run"]]}, "made run at its top"),
    ({"build_commands": [["touch", ".namaskah"]]}, r"made \.namaskah at its top"),
    ({"collect_command": ["mkdir", ".namaskah"]}, r"made \.namaskah at its top"),
    ({"post_collect_commands": [["ln", "-s", "nowhere", "run"]]}, "made run at its top"),
    ({"static_root": "run"}, "run is where the tool"), ({"static_root": "./.namaskah/x"}, "is where the tool"),
    ({"build_commands": [OUT]}, r"img/x -> \.\./\.\./\.\./shared/\.env"), ({"collect_command": OUT}, "img/x -> "),
    ({"build_commands": [["ln", "-s", "../.env", "img/x"]]}, r"img/x -> \.\./\.env"),
    ({"build_commands": [["ln", "-s", "/nowhere", "img/x"]]}, "img/x -> /nowhere"),
    ({"collect_command": ["sh", "-c", "rm -r img; ln -s ../../shared img"]}, r"img -> \.\./\.\./shared"),
])  # fmt: skip
@pytest.mark.fault("git: link out of the release", ends="refused", where="made by a build command")
def test_what_a_command_may_not_make_is_refused_before_it_is_used(tmp_path: Path, agreed: dict[str, Any],
                                                                  match: str) -> None:  # fmt: skip
    """A folder `run` ended in a traceback after the migrations; a link was collected, and what it leads to served."""
    build = making(tmp_path, **{"static_root": "img", "collect_command": [], "build_commands": [], **agreed})
    with pytest.raises(Failure, match=match) as told:  # noqa: PT012 - which of both steps it is, does not matter
        build._build()
        build._collect()
    assert told.value.kind == "refused"


def test_links_that_commands_make_inside_or_to_what_is_everybodys_are_no_harm(tmp_path: Path) -> None:
    build = making(tmp_path, static_root="img", collect_command=[], build_commands=[
        ["ln", "-s", "{release}/plain.txt", "img/x"], ["ln", "-s", "{venv}", "img/y"],
        ["ln", "-s", "/usr/bin/env", "img/z"],
    ])  # fmt: skip
    build._build()
    build._collect()


# --- Links, submodules, LFS ---------------------------------------------------------------------------


def committed(host: FolderHost, change: Callable[[Path], object], name: str = "") -> dict[str, Any]:
    """Commit a version after a change in its folder; return its run."""
    (host.source / "static").mkdir(parents=True, exist_ok=True)
    change(host.source)
    return host.run(host.commit("good")) | {"tag": name}


@pytest.mark.fault("git: link out of the release", ends="refused")
def test_a_link_to_the_environment_file_is_refused_by_name(host: FolderHost) -> None:
    """It was collected with the static files, and the owner's password was served to everybody."""
    run = committed(host, lambda folder: (folder / "static/m.txt").symlink_to(host.folder / "env"))
    with pytest.raises(Failure, match=r"static/m\.txt -> .*/env") as told:
        Build(host.contract, run).prepare()
    assert (told.value.kind, "export-ignore" in told.value.next_step) == ("refused", True)
    assert not (host.contract.releases / run["release"]).exists()
    assert list(assets.files(host.contract.shared / "assets")) == []


@pytest.mark.parametrize(("name", "target", "out"), [
    ("m", "/etc/passwd", True), ("m", "../../shared/.env", True), ("a/m", "../..", True), ("a/m", "../../x", True),
    ("m.pyc", "/etc/passwd", True), ("__pycache__/m", "/etc", True), ("m", "chain", True), ("m", "a/../../x", True),
    ("m", "", False), ("m", "a", False), ("a/m", "../b.txt", False), ("m", "nowhere", False), ("m", "m", False),
    ("a/m", "..", False), ("m", "b.txt", False), (os.fsdecode(b"m\xff"), "/etc", True),
])  # fmt: skip
def test_links_that_leave_are_told_from_others(tmp_path: Path, name: str, target: str, out: bool) -> None:
    folder = tmp_path / "releases" / RELEASE
    (folder / "a").mkdir(parents=True)
    (folder / "__pycache__").mkdir()
    (folder / "b.txt").touch()
    if target == "chain":
        (folder / "chain").symlink_to("../x")
    if target:
        (folder / name).symlink_to(target)
    assert (name in dict(links_out(folder))) is out


def test_a_link_that_leads_out_by_a_shared_path_alone_is_refused(host: FolderHost) -> None:
    """The environment file may be a shared path itself."""
    host.contract.raw["shared_paths"] = [".env"]
    (host.contract.shared / ".env").parent.mkdir(parents=True, exist_ok=True)
    (host.contract.shared / ".env").write_text("PASSWORD=x")
    run = committed(host, lambda folder: (folder / "static/m.txt").symlink_to("../.env"))
    with pytest.raises(Failure, match=r"static/m\.txt -> \.\./\.env"):
        Build(host.contract, run).prepare()


def test_a_link_in_the_place_of_a_shared_path_is_replaced(host: FolderHost) -> None:
    host.contract.raw["shared_paths"] = ["media"]
    (host.contract.shared / "media").mkdir(parents=True)
    run = committed(host, lambda folder: (folder / "media").symlink_to("/srv/of/a/developer"))
    build = Build(host.contract, run)
    build.prepare()
    assert (build.release.folder / "media").resolve() == host.contract.shared / "media"


@pytest.mark.fault("git: submodule", ends="refused")
def test_a_submodule_is_refused_by_name(host: FolderHost) -> None:
    """Its folder was empty in the release, and nothing said so."""
    other = host.folder / "other"
    git = ["git", "-c", "protocol.file.allow=always"]
    for words in (["init", "-q", str(other)], ["-C", str(other), "commit", "-q", "--allow-empty", "-m", "x"],
                  ["-C", str(host.source), "submodule", "--quiet", "add", str(other), "vendor/lib"]):  # fmt: skip
        subprocess.run([*git, *words], check=True, env={**os.environ, **IDENTITY})
    with pytest.raises(Failure, match=r"submodules.*vendor/lib") as told:
        Build(host.contract, host.run(host.commit("good"))).prepare()
    assert (told.value.kind, "export-ignore" in told.value.next_step) == ("refused", True)
    (host.source / ".gitattributes").write_text("vendor/lib export-ignore\n")
    Build(host.contract, host.run(host.commit("good"))).prepare()


def repository(folder: Path, *words: list[str]) -> Path:
    """Make a repository with one commit, after which these words are given to git."""
    git = ["git", "-c", "protocol.file.allow=always"]
    (folder / "here").mkdir(parents=True)
    (folder / "here" / f"{folder.name}.txt").write_text(folder.name)
    for some in (["init", "-q"], ["add", "--all"], *words, ["commit", "-q", "-m", "x"]):
        subprocess.run([*git, *some], check=True, env={**os.environ, **IDENTITY}, cwd=folder)
    return folder


@pytest.mark.fault("git: submodule", ends="new release", where="fetched")
def test_submodules_are_fetched_where_the_inventory_says_so(host: FolderHost) -> None:
    """One within another, with an address that is relative; the second release finds both copies there."""
    repository(host.folder / "deep")
    repository(host.folder / "other", ["submodule", "--quiet", "add", "../deep", "deep"])
    git = ["git", "-c", "protocol.file.allow=always", "-C", str(host.source)]
    subprocess.run([*git, "submodule", "--quiet", "add", str(host.folder / "other"), "vendor/lib"], check=True)
    contract = Contract({**host.contract.raw, "submodules": "fetch"})
    for _ in range(2):
        build = Build(contract, host.run(host.commit("good")))
        build.prepare()
        found = [str(path.relative_to(build.release.folder)) for path in build.release.folder.glob("vendor/**/*.txt")]
        assert sorted(found) == ["vendor/lib/deep/here/deep.txt", "vendor/lib/here/other.txt"]
        assert not list(build.release.folder.glob("**/.git"))
        shutil.rmtree(host.folder / "deep", ignore_errors=True)


@pytest.mark.parametrize(("address", "above", "whole"), [
    ("../lib", "git@example.org:team/shop.git", "git@example.org:team/lib"),
    ("../../other/lib.git", "https://example.org/team/shop.git", "https://example.org/other/lib.git"),
    ("./lib", "ssh://git@example.org:2222/team/shop", "ssh://git@example.org:2222/team/shop/lib"),
    ("../lib", "/srv/git/shop", "/srv/git/lib"), ("https://example.org/lib", "/srv/git/shop", "https://example.org/lib"),
    ("/etc", "git@example.org:team/shop.git", ""), ("file:///etc", "https://example.org/team/shop.git", ""),
    ("ext::sh -c x", "/srv/git/shop", ""), ("https://ada:secret-word@example.org/lib", "/srv/git/shop", ""),
    ("--upload-pack=x", "/srv/git/shop", ""),
])  # fmt: skip
def test_addresses_of_submodules(address: str, above: str, whole: str) -> None:
    if whole:
        assert submodules._whole(above, address, "lib") == whole
        return
    with pytest.raises(Failure, match=r"is not allowed|is a folder of this host") as refused:
        submodules._whole(above, address, "lib")
    assert "secret-word" not in str(refused.value)


@pytest.mark.fault("git: pointer of LFS", ends="refused")
def test_pointers_of_lfs_are_refused_by_name(host: FolderHost) -> None:
    """Three lines of text were served in the place of a picture, and the check of static files compared them."""
    run = committed(host, lambda folder: (folder / "static/logo.png").write_text(POINTER))
    with pytest.raises(Failure, match=r"LFS.*static/logo\.png") as told:
        Build(host.contract, run).prepare()
    assert told.value.kind == "refused"


@pytest.mark.parametrize(("name", "data"), [
    ("logo.png", "../.git/annex/objects/x/y/SHA256E-s9--a.png"), ("logo.png", b"/annex/objects/SHA256E-s9--a.png\n"),
    ("settings.py", b"\0GITCRYPT\0 and more"),
])  # fmt: skip
@pytest.mark.fault("git: pointer of LFS", ends="refused", where="git-annex and git-crypt")
def test_what_git_annex_keeps_and_git_crypt_encrypts_is_refused_by_name(tmp_path: Path, name: str,
                                                                        data: str | bytes) -> None:  # fmt: skip
    (tmp_path / "static").mkdir()
    if isinstance(data, bytes):
        (tmp_path / "static" / name).write_bytes(data)
    else:
        (tmp_path / "static" / name).symlink_to(data)
    with pytest.raises(Failure, match=f"static/{name}") as told:
        refuse_what_is_no_release(tmp_path, "here", [], "")
    assert (told.value.kind, "git-annex" in told.value.why) == ("refused", True)


@pytest.mark.parametrize("listed", [False, True])
def test_a_submodule_of_which_nobody_says_where_it_is_is_refused_by_name(tmp_path: Path, listed: bool) -> None:
    folder = tmp_path / "here"
    other = [["config", "-f", ".gitmodules", "core.x", "1"], ["add", "--all"]] if listed else []
    repository(folder, *other, ["update-index", "--add", "--cacheinfo", f"160000,{'a' * 40},lib"])
    (tmp_path / "release" / "lib").mkdir(parents=True)
    made = Contract(contract(HERE, root=str(tmp_path)))
    with pytest.raises(Failure, match="has no address of it"):
        submodules.export(made, Copy(made, folder / ".git", str(folder), None), "HEAD", tmp_path / "release")


@pytest.fixture
def large(host: FolderHost) -> Path:
    """The repository, a bare one on whose side git LFS keeps a picture; its working folder is the host's source."""
    if not shutil.which("git-lfs"):
        report_absence("Debian's package git-lfs is not installed")
    bare = host.folder / "bare.git"
    subprocess.run(["git", "init", "-q", "--bare", str(bare)], check=True)
    git = ["git", "-C", str(host.source)]
    for words in (
        ["lfs", "install", "--local"],
        ["lfs", "track", "*.png"],
        ["remote", "add", "origin", f"file://{bare}"],
    ):
        subprocess.run([*git, *words], check=True, capture_output=True)
    (host.source / "static").mkdir(exist_ok=True)
    (host.source / "static" / "logo.png").write_bytes(b"a picture of some size" * 100)
    return bare


@pytest.mark.fault("git: pointer of LFS", ends="new release", where="fetched")
def test_what_lfs_keeps_is_fetched_where_the_inventory_says_so(host: FolderHost, large: Path) -> None:
    """And what was never pushed is named; the next release finds what is there."""
    contract = Contract({**host.contract.raw, "repository": str(large), "lfs": "fetch"})
    run = host.run(host.commit("good"))
    git = ["git", "-C", str(host.source), "push", "-q", "origin", "main"]
    subprocess.run([*git, "--no-verify"], check=True)  # that hook is what pushes the content
    with pytest.raises(Failure, match="fetch what git LFS keeps"):
        Build(contract, run).prepare()
    assert Release(contract, run["release"]).record == {}
    subprocess.run(["git", "-C", str(host.source), "lfs", "push", "--all", "origin"], check=True, capture_output=True)
    Build(contract, run).prepare()
    found = Release(contract, run["release"]).folder / "static" / "logo.png"
    assert found.read_bytes() == b"a picture of some size" * 100
    shutil.rmtree(large / "lfs")
    again = host.run(host.commit("good"))
    subprocess.run([*git, "--no-verify"], check=True)
    Build(contract, again).prepare()


@pytest.mark.parametrize(("text", "found"), [
    (POINTER, True), (POINTER.replace("\n", "\r\n"), True),
    (POINTER.replace("oid", f"ext-0-x sha256:{'b' * 64}\noid"), True),
    (POINTER.replace("https://git-lfs", "https://hawser"), True), ("", False), (f"see: {POINTER}", False),
    (POINTER + "x" * 1024, False), ("version https://git-lfs.github.com/spec/v1\n", False),
])  # fmt: skip
def test_pointers_are_told_from_what_speaks_of_them(tmp_path: Path, text: str, found: bool) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b").write_text(text, newline="")
    (tmp_path / "c").symlink_to("nowhere")
    assert [name for name, _ in pointers(tmp_path)] == (["a/b"] if found else [])
