"""Is a module that went with its bytecode the module of this version, whole, and nobody else's?"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import subprocess
import sys
import zipfile
from io import BytesIO
from pathlib import Path
from types import ModuleType

import pytest

from tests.support.playing import Played, play
from tests.support.project import ROOT

PLUGIN = ROOT / "roles" / "application" / "action_plugins" / "normal.py"
SOURCES = {"said.py": b"def word() -> str:\n    return 'hello'\n", "data.txt": b"as it is"}


def load(name: str = "packed_modules") -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, PLUGIN)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return load()


def archive(sources: dict[str, bytes]) -> bytes:
    made = BytesIO()
    with zipfile.ZipFile(made, "w") as file:
        for name, source in sources.items():
            file.writestr(name, source)
    return made.getvalue()


def said_by(path: Path) -> str:
    """Import `said` from an archive in a Python of its own; return what it says and where its code came from."""
    program = "import sys; sys.path.insert(0, sys.argv[1]); import said; print(said.word(), said.__file__[-4:])"
    words = [sys.executable, "-c", program, str(path)]
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()


def ask(folder: Path, cache: Path) -> Played:
    """Play a module of ours with the plugin at hand as in a release, and a cache of its own."""
    given = {"hosts": ["a"], "policies": {"failed": "return"}, "quorum": "1"}
    return play(
        [{"name": "Weigh", "namaskah_weigh": given}], folder, library=["waves"], env={"XDG_CACHE_HOME": str(cache)}
    )


def test_bytecode_is_read_and_what_is_no_source_is_left_as_it_is(plugin: ModuleType, tmp_path: Path) -> None:
    made = tmp_path / "made.zip"
    made.write_bytes(plugin.with_bytecode(archive(SOURCES)))
    assert said_by(made) == "hello .pyc"
    with zipfile.ZipFile(made) as file:
        assert {name: file.read(name) for name in SOURCES} == SOURCES


def test_another_python_reads_the_source(plugin: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "MAGIC_NUMBER", b"\x01\x02\r\n")
    made = tmp_path / "made.zip"
    made.write_bytes(plugin.with_bytecode(archive(SOURCES)))
    assert said_by(made) == "hello d.py"


def test_the_second_run_uses_what_the_first_has_packed(plugin: ModuleType, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    assert ask(tmp_path / "play", cache).result("Weigh")["action"] == "go"
    (kept,) = (cache / "namaskah-deploy" / "modules").glob("*/*namaskah_weigh*")
    assert kept.parent.name == plugin.VERSION
    written = kept.stat().st_ino
    assert ask(tmp_path / "play", cache).result("Weigh")["action"] == "go"
    assert kept.stat().st_ino == written, "it was packed anew"


def test_a_damaged_or_cut_file_is_packed_anew(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    assert ask(tmp_path / "play", cache).result("Weigh")["action"] == "go"
    (kept,) = (cache / "namaskah-deploy" / "modules").glob("*/*namaskah_weigh*")
    whole = kept.read_bytes()
    for damaged in (b"", whole[: len(whole) // 2], whole[:-1] + bytes([whole[-1] ^ 1])):
        kept.write_bytes(damaged)
        assert ask(tmp_path / "play", cache).result("Weigh")["action"] == "go"
        told, data = kept.read_bytes().split(b"\n", 1)
        assert hashlib.sha256(data).hexdigest().encode() == told


def test_a_changed_source_is_another_version(
    plugin: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = tmp_path / "roles" / "lock" / "library" / "namaskah_x.py"
    module.parent.mkdir(parents=True)
    module.write_text("one = 1\n")
    monkeypatch.setattr(plugin, "ROLES", tmp_path / "roles")
    first, times = plugin.version(), module.stat()
    module.write_text("one = 2\n")
    os.utime(module, ns=(times.st_atime_ns, times.st_mtime_ns))  # a wheel may give all files one time
    assert plugin.version() != first


@pytest.mark.parametrize("mode", [0o755, 0o770, 0o777])
def test_a_folder_that_others_can_reach_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int) -> None:
    folder = tmp_path / "namaskah-deploy" / "modules"
    folder.mkdir(parents=True)
    folder.chmod(mode)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert load().KEPT is None


def test_without_a_place_to_keep_anything_modules_work(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    assert ask(tmp_path / "play", tmp_path / "file").result("Weigh")["action"] == "go"


def test_the_oldest_versions_go(plugin: ModuleType) -> None:
    for number in range(6):
        folder = plugin.KEPT / f"version{number}"
        plugin.write(folder / "one", b"")
        os.utime(folder, (number, number))
    plugin.let_go()
    assert sorted(folder.name for folder in plugin.KEPT.iterdir()) == ["version3", "version4", "version5"]
