"""Does a release run its own packages? A virtualenv is shared only by releases whose installations read the same."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.namaskah_host import content, virtualenv
from ansible.module_utils.namaskah_host.build import Build
from ansible.module_utils.namaskah_host.contract import Contract
from ansible.module_utils.namaskah_host.failure import Failure
from ansible.module_utils.namaskah_host.installers import may_install
from ansible.module_utils.namaskah_host.retention import drop_venvs

from tests.support.contracts import HERE, contract
from tests.support.folder_host import FolderHost
from tests.support.wheel import wheel

COMMIT = "0123456789abcdef0123456789abcdef01234567"
HASH = "a" * 64
FIRST, SECOND = (f"2026010{day}T000000Z-{'a' * 12}" for day in (1, 2))
WHEEL = "vfoo-1.0-py3-none-any.whl"
FILES = {"base.txt": "y==1\n", f"vendor/{WHEEL}": "one", "libs/x/pyproject.toml": "[project]\nname='x'\n",
         "libs/x/src/x/__init__.py": "VALUE = 1\n", "wheels/y-1-py3-none-any.whl": "one"}  # fmt: skip


@cache
def plain() -> dict[str, Any]:
    return contract(HERE)


def place(folder: Path, release: str, text: str = "", edit: dict[str, str] | None = None, **agreed: Any) -> str:
    """Return the name of the virtualenv of a release with these requirements and files."""
    root = folder / "releases" / release
    for name, data in {**FILES, "requirements.txt": text, **(edit or {})}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        if name.endswith(".whl"):
            wheel(root / name, data)
        else:
            (root / name).write_text(data)
    secrets = agreed.pop("secrets", {})
    made = Contract({**plain(), "root": str(folder), "python": "/bin/echo", **agreed})  # cheaper to ask than python
    files = virtualenv.requirement_files(made, root)
    return virtualenv.place_of(made, files, root, secrets).name


@pytest.mark.parametrize(("text", "edited"), [
    (f"./vendor/{WHEEL}", f"vendor/{WHEEL}"), (f"vendor/{WHEEL}", f"vendor/{WHEEL}"),
    (f"vfoo @ file:vendor/{WHEEL}", f"vendor/{WHEEL}"), (f"-rvendor.txt\n./vendor/{WHEEL}", f"vendor/{WHEEL}"),
    (f"vfoo@ file:./vendor/{WHEEL} ; python_version > '3'", f"vendor/{WHEEL}"),
    (f"vendor/{WHEEL}[extra]; python_version > '3'", f"vendor/{WHEEL}"), (f"./${{FOLDER}}/{WHEEL}", f"vendor/{WHEEL}"),
    (f"./vendor/{WHEEL} --hash=sha256:{HASH}", f"vendor/{WHEEL}"), ("x", WHEEL),
    (f"./vendor/{WHEEL} \\\n  --hash=sha256:{HASH}", f"vendor/{WHEEL}"),
    ("./libs/x", "libs/x/src/x/__init__.py"), ("libs/x", "libs/x/src/x/new.py"), ("./libs/x[a]", "libs/x/setup.cfg"),
    ("file:libs/x#egg=x", "libs/x/src/x/__init__.py"), ("x @ file:libs/x", "libs/x/src/x/__init__.py"),
    ("-f wheels\ny", "wheels/y-1-py3-none-any.whl"), ("--find-links=./wheels\ny", "wheels/new.whl"),
    ("--no-index --find-links wheels\ny", "wheels/new.whl"), ("-i ./wheels\ny", "wheels/y/index.html"),
    ("-r base.txt", "base.txt"), ("-cbase.txt\ny", "base.txt"),
])  # fmt: skip
def test_what_a_local_path_holds_is_in_the_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str,
                                                edited: str) -> None:  # fmt: skip
    monkeypatch.setenv("FOLDER", "vendor")
    text = WHEEL if text == "x" else text  # a name without any slash is a path as well
    extra = {"vendor.txt": "z==1\n", WHEEL: "one"}
    first = place(tmp_path, FIRST, text, extra)
    assert place(tmp_path, SECOND, text, extra) == first, "equal content is shared"
    assert place(tmp_path, SECOND, text, {**extra, edited: "another"}) != first
    assert FIRST not in first


@pytest.mark.parametrize("text", [
    "-e .", "-e ./libs/x", "--editable libs/x", "--editable=.", "-e.", "--edit .", f"-e git+https://h/x@{COMMIT}#egg=x",
    ".", "./", ".[all]", "..", "file:.", "x @ file:./", "-r dev.txt", "-c dev.txt", "./libs/..", "${HERE}",
    "git+https://h/x", "git+https://h/x@main", "git+https://h/x@v1.0#egg=x", "x @ git+ssh://git@h/x.git@abc1234",
    f"x@git+https://h/x@{COMMIT[:39]}", f"git+https://h/x#{COMMIT}", f"svn+https://h/x@{COMMIT}", "hg+https://h/x@tip",
    "https://h/x-1.0.tar.gz", "x @ https://h/x.whl", "x @ https://h/x.whl ; python_version > '3'",
    "-r https://h/base.txt", "-c https://h/constraints.txt\nx", "--constraint=https://h/c.txt", "./libs/linked",
    "./libs/reaching", "\ufeff-e .", "x==1 # fine\n -e .",
])  # fmt: skip
def test_what_cannot_be_known_gets_an_environment_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                                             text: str) -> None:  # fmt: skip
    monkeypatch.setenv("HERE", "./.")
    linked = tmp_path / "releases" / FIRST / "libs" / "linked"
    files = {"dev.txt": "-e .\n", "libs/reaching/pyproject.toml": "dependencies = ['core @ file:///srv/core']"}
    place(tmp_path, FIRST)
    (tmp_path / "elsewhere").mkdir()
    linked.mkdir()
    (linked / "src").symlink_to(tmp_path / "elsewhere")
    assert place(tmp_path, FIRST, text, files) == FIRST


@pytest.mark.parametrize("text", [
    "x==1", "x[a,b]>=1 ; python_version > '3'", f"git+https://h/x@{COMMIT}", f"x @ git+ssh://git@h/x.git@{COMMIT}#egg=x",
    f"https://h/x.whl#sha256={HASH}", f"x @ https://h/x.whl#egg=x&sha256={HASH}",
    f"x @ https://h/x.whl --hash=sha256:{HASH}",
    "-i https://h/simple\nx", "--extra-index-url https://h/simple\nx", "--pre\nx==1", "# -e .", "x==1 # see git+https://h/x",
    "--find-links https://h/wheels\nx", "-r absent.txt", "./absent", "--trusted-host h\nx", "",
])  # fmt: skip
def test_what_is_known_is_shared(tmp_path: Path, text: str) -> None:
    assert place(tmp_path, FIRST, text) == place(tmp_path, SECOND, text)


@pytest.mark.fault("git: requirement is a path", ends="old release", where="built from what lies beside it")
def test_what_is_doubted_is_shared_by_nobody(tmp_path: Path) -> None:
    """Its version came from a file above it: the second release ran the first one's package."""
    code = "from os.path import dirname\nHERE = dirname(dirname(__file__))\n"
    assert place(tmp_path, FIRST, "./libs/x", {"libs/x/setup.py": code}) == FIRST
    assert place(tmp_path, FIRST, "./y-1.tar.gz", {"y-1.tar.gz": "an archive"}) == FIRST
    wheel(tmp_path / "releases" / SECOND / "wheels" / WHEEL, "1", "Requires-Dist: x @ git+https://h/x@main\n")
    assert place(tmp_path, SECOND, "-f wheels\nvfoo") == place(tmp_path, SECOND, f"./wheels/{WHEEL}") == SECOND


def test_arguments_variables_and_the_interpreter_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("PIP_CONFIG_FILE", raising=False)
    other = tmp_path / "python"
    other.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    other.chmod(0o755)
    names = [place(tmp_path, FIRST, "x")]
    names += [place(tmp_path, FIRST, "x", **agreed) for agreed in (
        {"pip_arguments": ["--pre"]}, {"pip_arguments": ["--no-index", "-f", "wheels"]}, {"python": str(other)},
        {"pip_arguments": ["--pre", f"vendor/{WHEEL}"]}, {"build_commands": [["npm", "ci"]]},
        {"post_collect_commands": [["npm", "ci"]]}, {"secrets": {"PIP_INDEX_URL": "https://h/"}},
        {"secrets": {"PIP_CONSTRAINT": "base.txt"}},
    )]  # fmt: skip
    edit = {f"vendor/{WHEEL}": "two", "base.txt": "y==2", "wheels/new.whl": ""}
    names += [place(tmp_path, FIRST, "x", edit, **agreed) for agreed in (
        {"pip_arguments": ["--pre", f"vendor/{WHEEL}"]}, {"secrets": {"PIP_CONSTRAINT": "base.txt"}},
        {"secrets": {"PIP_FIND_LINKS": "wheels"}}, {"pip_arguments": ["--no-index", "-f", "wheels"]},
    )]  # fmt: skip
    (tmp_path / ".pip").mkdir()
    (tmp_path / ".pip" / "pip.conf").write_text("[install]\nconstraint = base.txt\n")
    names += [place(tmp_path, FIRST, "x"), place(tmp_path, FIRST, "x", edit)]
    assert len(set(names)) == len(names)
    assert FIRST not in names
    assert place(tmp_path, FIRST, "x", edit) == place(tmp_path, SECOND, "x", edit)
    for arguments in (["-e", "."], ["."], ["--pre", "."], ["git+https://h/x"], ["--group", "dev"]):
        assert place(tmp_path, FIRST, "x", pip_arguments=arguments) == FIRST, arguments
    assert place(tmp_path, FIRST, "x", virtualenv="own") == FIRST
    assert place(tmp_path, FIRST, "x", secrets={"PIP_EDITABLE": "."}) == FIRST


def test_of_another_release_nothing_but_what_is_read_counts(tmp_path: Path) -> None:
    assert place(tmp_path, FIRST, "./libs/x", {"a.py": "1"}) == place(tmp_path, SECOND, "./libs/x", {"a.py": "2"})


INSTALL: list[tuple[list[str], bool]] = [
    (["{venv}/bin/pip", "install", "."], True), (["{venv}/bin/python", "-m", "pip", "install", "x"], True),
    (["sh", "-c", "pip install ."], True), (["uv", "pip", "sync", "requirements.txt"], True), (["uv", "sync"], True),
    (["poetry", "install"], True), (["{venv}/bin/pip3.11", "install", "x"], True), (["make", "install"], True),
    (["{venv}/bin/python", "setup.py", "develop"], True), (["sh", "build.sh"], True), (["./build.sh"], True),
    (["{release}/build.sh"], True), (["bash", "-ec", "cd web && make"], True), (["tool.py"], True),
    (["{venv}/bin/python", "tool.py"], True), (["{venv}/bin/python", "-m", "pack.tool"], True),
    (["cp", "x.pth", "{venv}/lib/x.pth"], True), (["env", "A=1", "pip", "install", "."], True),
    (["{venv}/bin/python", "admin.py", "compress"], False), (["npm", "ci"], False), (["npm", "run", "build"], False),
    (["sh", "-c", "npm ci && npm run build"], False), (["{venv}/bin/python", "-m", "plain"], False), ([], False),
    (["{venv}/bin/python", "-c", "print('piped')"], False), (["\0"], False), (["x" * 5000], False),
]  # fmt: skip


@pytest.mark.parametrize(("words", "may"), INSTALL)
def test_commands_that_may_install_are_told_from_others(tmp_path: Path, words: list[str], may: bool) -> None:
    (tmp_path / "pack").mkdir()
    texts = {"build.sh": "#!/bin/sh\ntrue\n", "tool.py": "subprocess.run(['pip'])", "pack/tool.py": "import pip",
             "admin.py": "#!/usr/bin/env python\nimport os\n", "plain.py": "print(1)"}  # fmt: skip
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    assert may_install(words, tmp_path) is may


def value(host: FolderHost, release: str) -> str:
    """Return what a release's own interpreter imports."""
    build = Build(host.contract, {"release": release})
    record = build.release.record
    python = host.contract.root / "venvs" / record["venv"] / "bin/python"
    words = [python, "-c", "import vfoo; print(vfoo.VALUE)"]
    return subprocess.run(words, capture_output=True, text=True, check=True, cwd="/").stdout.strip()


@pytest.mark.fault("git: requirement is a path", ends="found")
def test_two_commits_whose_wheel_differs_run_their_own(host: FolderHost) -> None:
    """The second release ran the first one's packages, and every check agreed. In UTF-16 pip reads it as well."""
    found = []
    (host.source / "more.txt").write_text(f"./vendor/{WHEEL}\n")
    for text in ("ONE", "TWO"):
        wheel(host.source / "vendor" / WHEEL, text)
        run = host.run(with_requirement(host, "# as an editor of Windows writes it\r\n-r more.txt\r\n", "utf-16"))
        Build(host.contract, run).prepare()
        found.append(run["release"])
    assert [value(host, release) for release in found] == ["ONE", "TWO"]


def with_requirement(host: FolderHost, text: str, encoding: str = "utf-8") -> str:
    """Commit a version with these requirements; return its commit."""
    host.commit("good")
    (host.source / "requirements.txt").write_bytes(text.encode(encoding))
    host._git("-C", str(host.source), "add", "--all")
    host._git("-C", str(host.source), "commit", "--quiet", "--message", "a requirement")
    return host._git("-C", str(host.source), "rev-parse", "HEAD")


SETUP = """import os
if "PBR_VERSION" not in os.environ:
    raise LookupError("setuptools-scm was unable to detect version for " + os.getcwd())
raise SystemExit("it was given " + os.environ["PBR_VERSION"])
"""


@pytest.mark.fault("git: no checkout", ends="refused")
def test_a_version_that_comes_from_git_is_explained_and_can_be_given(host: FolderHost) -> None:
    (host.source / "setup.py").write_text(SETUP)
    contract = agreed(host, pip_arguments=["--no-build-isolation", "--no-index"])
    run = host.run(with_requirement(host, "."))
    with pytest.raises(Failure, match="unable to detect version") as told:
        Build(contract, run).prepare()
    assert "PBR_VERSION" in told.value.next_step
    with (host.folder / "env").open("a") as file:
        file.write("PBR_VERSION=1.2\n")
    with pytest.raises(Failure, match=r"it was given 1\.2") as given:
        Build(contract, run).prepare()
    assert "PBR_VERSION" not in given.value.next_step


def agreed(host: FolderHost, **more: Any) -> Contract:
    return Contract({**host.contract.raw, **more})


@pytest.mark.fault("virtualenv: changed since", ends="old release", where="a build that installs")
def test_a_build_that_installs_leaves_the_live_packages_alone(host: FolderHost) -> None:
    """Its own environment is recorded after its commands, made anew when it is tried again, and goes with it."""
    first = host.prepared()
    live = host.contract.root / "venvs" / Build(host.contract, first).release.record["venv"]
    content.record(live, live / ".files.json")
    command = ["{venv}/bin/python", "-m", "pip", "--version"]
    build = Build(agreed(host, build_commands=[command]), host.run(host.commit("good")))
    build.prepare()
    assert build.venv.name == build.release.id
    assert content.differences(live, live / ".files.json") == []
    (build.venv / "stale").touch()
    build.release.record_file.unlink()
    build.prepare()
    assert not (build.venv / "stale").exists()
    assert content.differences(build.venv, build.venv / ".files.json") == []
    build.release.record_file.unlink()
    assert drop_venvs(host.contract) == [build.release.id]


@pytest.mark.fault("virtualenv: changed since", ends="refused")
def test_a_command_that_changes_shared_packages_all_the_same_is_refused(host: FolderHost) -> None:
    """And what was changed is shared by no later release."""
    sly = agreed(host, build_commands=[["{venv}/bin/python", "-c", "import sys; open(sys.prefix + '/sly.py', 'w')"]])
    host.make_virtualenv(sly)
    shared = virtualenv.place_of(sly, [host.folder / "requirements.txt"], host.folder, {})
    content.record(shared, shared / ".files.json")
    with pytest.raises(Failure, match=r"sly.py was added") as told:
        Build(sly, host.run(host.commit("good"))).prepare()
    assert "namaskah_virtualenv: own" in told.value.next_step
    assert virtualenv.place_of(sly, [host.folder / "requirements.txt"], host.folder, {}).name == host.folder.name
    assert os.path.lexists(shared / "sly.py")


# --- Commands that nobody sees through ----------------------------------------------------------------

# Tests run as root, whom no mode stops: without this capability it is an owner like any other (capabilities(7)).
AS_OWNER = ["setpriv", "--inh-caps=-all", "--bounding-set=-dac_override"]
INTO = """import os, pathlib
place = pathlib.Path(os.environ["VIRTUAL_ENV"])
(place / "bin" / "activate").rename(place / "bin" / "moved")
(place / "lib" / "sly.py").write_text("x")
"""


def tree(folder: Path) -> dict[str, tuple[int, str]]:
    """Return mode and content of all below a folder."""
    return {
        str(one.relative_to(folder)): (one.lstat().st_mode, content.digest(one) if one.is_file() else "")
        for one in folder.rglob("*")
    }


@pytest.mark.fault("virtualenv: changed since", ends="old release", where="a build whose behaviour changed")
def test_a_build_that_begins_to_install_finds_the_live_packages_closed(host: FolderHost) -> None:
    """Its command is the same one, so the name of the virtualenv is; also after a run that was killed in a build."""
    sly = agreed(host, build_commands=[[*AS_OWNER, "python3", "task.txt"]])
    host.make_virtualenv(sly)
    (host.source / "task.txt").write_text("print(1)")
    first = Build(sly, host.run(host.commit("good")))
    first.prepare()
    live = host.contract.root / "venvs" / first.release.record["venv"]
    content.record(live, live / ".files.json")
    before = tree(live)
    if not (child := os.fork()):
        with virtualenv.closed(sly, live):
            os._exit(0)  # as if it were killed: nothing gives back
    os.waitpid(child, 0)
    assert not (live / "lib").stat().st_mode & stat.S_IWUSR
    assert content.differences(live, live / ".files.json") == []
    (host.source / "task.txt").write_text(INTO)
    second = Build(sly, host.run(host.commit("good")))
    with pytest.raises(Failure, match=r"(?s)Permission denied.*packages that releases share") as told:
        second.prepare()
    assert "namaskah_virtualenv: own" in told.value.next_step
    assert (second.venv, tree(live)) == (live, before)


def test_what_a_running_application_writes_beside_its_packages_stays_open(tmp_path: Path) -> None:
    for name in ("a/cache", "b", "c/deep"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "link").symlink_to("b")
    made = Contract({**plain(), "may_change": ["a/cache/*", "c/deep/data.json"]})
    with virtualenv.closed(made, tmp_path):
        open_now = [str(one.relative_to(tmp_path)) for one in tmp_path.rglob("*") if one.stat().st_mode & stat.S_IWUSR]
    assert sorted(open_now) == ["a/cache", "c/deep"]
    assert (tmp_path / "b").stat().st_mode & stat.S_IWUSR


@pytest.mark.parametrize(("said", "known"), [
    ("Error getting the version from source `vcs`: setuptools-scm was unable to detect version for /srv/x.", True),
    ("Exception: Versioning for this project requires either an sdist tarball, or access to an upstream git ", True),
    ("RuntimeError: Unable to detect version control system. Checked: Git. Not installed: Mercurial", True),
    ("Error getting the version from source `uv-dynamic-versioning`: This does not appear to be a Git project", True),
    ("Collecting setuptools-scm>=8\nCollecting dunamai\nERROR: No matching distribution found for y", False),
])  # fmt: skip
@pytest.mark.fault("git: no checkout", ends="refused", where="a build command")
def test_a_build_command_that_asks_git_for_a_version_is_explained_as_well(tmp_path: Path, said: str,
                                                                          known: bool) -> None:  # fmt: skip
    made = Contract({**plain(), "root": str(tmp_path), "build_commands": [["sh", "-c", 'echo "$0" >&2; exit 1', said]]})
    build = Build(made, {"release": FIRST, "commit": COMMIT})
    build.release.folder.mkdir(parents=True)
    build.venv = made.root / "venvs" / FIRST
    with pytest.raises(Failure) as told:
        build._build()
    assert ("SETUPTOOLS_SCM_PRETEND_VERSION" in told.value.next_step) is known


def test_pip_is_given_each_name_that_gives_a_version() -> None:
    given = {"SETUPTOOLS_SCM_PRETEND_VERSION_FOR_X": "1", **dict.fromkeys(virtualenv.VERSIONS, "1")}
    assert given.items() <= virtualenv._surroundings({**given, "SECRET": "x"}).items()
    assert "SECRET" not in virtualenv._surroundings({**given, "SECRET": "x"})


BACKEND = """import pathlib, zipfile
def build_wheel(folder, *_, editable=False):
    name = "vfoo-1.0-py3-none-any.whl"
    with zipfile.ZipFile(pathlib.Path(folder, name), "w") as archive:
        if editable:
            archive.writestr("vfoo.pth", str(pathlib.Path("src").resolve()))
        else:
            archive.write("src/vfoo.py", "vfoo.py")
        info = "vfoo-1.0.dist-info/"
        archive.writestr(info + "METADATA", "Metadata-Version: 2.1\\nName: vfoo\\nVersion: 1.0\\n")
        lines = "Wheel-Version: 1.0", "Generator: t", "Root-Is-Purelib: true", "Tag: py3-none-any", ""
        archive.writestr(info + "WHEEL", "\\n".join(lines))
        archive.writestr(info + "RECORD", "")
    return name
def build_editable(folder, *_):
    return build_wheel(folder, editable=True)
"""


@pytest.mark.soak
def test_a_release_that_installs_itself_runs_itself(host: FolderHost) -> None:
    """With no requirements at all; and the second one, an editable, needs nothing of the first."""
    install = ["{venv}/bin/pip", "install", "--quiet", "--no-index", "--no-build-isolation"]
    (host.source / "src").mkdir()
    (host.source / "backend.py").write_text(BACKEND)
    system = "[build-system]\nrequires = []\nbuild-backend = 'backend'\nbackend-path = ['.']\n"
    (host.source / "pyproject.toml").write_text(system)
    found, trees = [], []
    for text, words in (("ONE", ["."]), ("TWO", ["-e", "."])):
        own = agreed(host, requirements=[], build_commands=[[*install, *words]])
        (host.source / "src" / "vfoo.py").write_text(f"VALUE = {text!r}\n")
        build = Build(own, host.run(host.commit("good")))
        build.prepare()
        found.append(build)
        trees.append(tree(build.venv))
        assert value(host, build.release.id) == text
    assert tree(found[0].venv) == trees[0]
    for build in found:
        assert content.differences(build.venv, build.venv / ".files.json") == []
    assert value(host, found[0].release.id) == "ONE"
    found[0].release.record_file.unlink()
    shutil.rmtree(found[0].release.folder)
    assert found[0].release.id in drop_venvs(host.contract)
    assert value(host, found[1].release.id) == "TWO"
