"""What of a local package lets it depend on more than what lies beside it?"""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible.module_utils.namaskah_host import projects

from tests.support import made_up
from tests.support.wheel import wheel

SETUPTOOLS = "[build-system]\nrequires = ['setuptools>=61', 'wheel']\nbuild-backend = 'setuptools.build_meta'\n"
HATCH = "[build-system]\nrequires = ['hatchling']\nbuild-backend = 'hatchling.build'\n"
POETRY = "[build-system]\nrequires = ['poetry-core>=1']\nbuild-backend = 'poetry.core.masonry.api'\n"
FLIT = "[build-system]\nrequires = ['flit_core>=3,<4']\nbuild-backend = 'flit_core.buildapi'\n"
X = "[project]\nname = 'x'\nurls = {Home = 'https://h/x'}\nauthors = [{name = 'A', email = 'a@h'}]\n"
MOVING = "x @ git+https://h/x@main"
WHEEL = "vfoo-1.0-py3-none-any.whl"
METADATA = "vfoo-1.0.dist-info/METADATA"


@pytest.mark.parametrize(("name", "text"), [
    ("setup.py", "import os\nHERE = os.path.dirname(os.path.dirname(__file__))"), ("setup.py", "setup()"),
    ("pyproject.toml", "[build-system]\nrequires = []\nbuild-backend = 'mine'\nbackend-path = ['.']"),
    ("pyproject.toml", SETUPTOOLS.replace("'wheel']", "'wheel']\nbackend-path = ['.']")),
    ("pyproject.toml", "[build-system]\nrequires = ['maturin']\nbuild-backend = 'maturin'"),
    ("pyproject.toml", SETUPTOOLS.replace("'wheel'", "'setuptools-scm'")), ("pyproject.toml", "not TOML"),
    ("pyproject.toml", HATCH.replace("'hatchling'", "'hatchling', 'hatch-vcs'")), ("pyproject.toml", "a=" + "[" * 9999),
    ("pyproject.toml", SETUPTOOLS.replace("'wheel'", f"'{MOVING}'")), ("hatch_build.py", "VERSION = 1"),
    ("pyproject.toml", f"{HATCH}[tool.hatch.build.hooks.custom]\npath = 'b.py'"),
    ("pyproject.toml", f"{HATCH}[tool.hatch.build.targets.wheel.hooks.custom]"),
    ("pyproject.toml", f"{HATCH}[tool.hatch.metadata.hooks.custom]"),
    ("pyproject.toml", f"{HATCH}{X}dynamic = ['version']\n[tool.hatch.version]\nsource = 'code'\npath = 'v.py'"),
    ("pyproject.toml", f"{HATCH}{X}dynamic = ['version']\n[tool.hatch.version]\npath = '../VERSION'"),
    ("pyproject.toml", f"{HATCH}[tool.hatch.build.targets.wheel.force-include]\n'/srv/core' = 'core'"),
    ("pyproject.toml", f"{HATCH}{X}dependencies = ['core @ {{root:parent:uri}}/core']"),
    ("pyproject.toml", f"{SETUPTOOLS}{X}dynamic = ['version']\n[tool.setuptools.dynamic]\nversion = {{attr = 'x.V'}}"),
    ("pyproject.toml", f"{SETUPTOOLS}{X}dynamic = ['dependencies']"),
    ("pyproject.toml", f"{FLIT}{X}dynamic = ['version']"),
    ("pyproject.toml", f"{SETUPTOOLS}{X}dependencies = ['{MOVING}']"),
    ("pyproject.toml", f"{SETUPTOOLS}{X}dependencies = ['x@git+https://h/x']"),
    ("pyproject.toml", f"{SETUPTOOLS}{X}[project.optional-dependencies]\na = ['{MOVING}']"),
    ("pyproject.toml", f"{SETUPTOOLS}[tool.setuptools.cmdclass]\nbuild = 'x.Build'"),
    ("pyproject.toml", f"{POETRY}[tool.poetry.dependencies]\nx = {{git = 'https://h/x', branch = 'main'}}"),
    ("pyproject.toml", f"{POETRY}[tool.poetry.dependencies]\nx = {{path = 'sub'}}"),
    ("pyproject.toml", f"{POETRY}[tool.poetry]\nbuild = 'build.py'"),
    ("pyproject.toml", f"{POETRY}[tool.poetry.build]\nscript = 'build.py'"),
    ("setup.cfg", "[metadata]\nversion = attr: x.V"), ("setup.cfg", "[metadata]\nversion = file: ../VERSION"),
    ("setup.cfg", f"[options]\ninstall_requires =\n  {MOVING}"), ("setup.cfg", "[options]\nsetup_requires = pbr"),
    ("setup.cfg", "[options]\ncmdclass =\n  build = x.Build"),
])  # fmt: skip
def test_a_package_whose_build_runs_code_or_names_what_moves_is_doubted(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    assert projects.doubt(tmp_path / name) != ""


@pytest.mark.parametrize("text", [
    f"{SETUPTOOLS}{X}dependencies = ['y>=1', 'z[a,b]~=2; a>\"3\"']\n[tool.setuptools.packages.find]\nwhere = ['src']",
    f"{HATCH}{X}dynamic = ['version']\n[tool.hatch.version]\npath = 'src/x/__about__.py'", f"{FLIT}{X}version = '1'",
    f"{HATCH}{X}[tool.hatch.build.targets.wheel]\npackages = ['src/x']\n[tool.ruff]\nsource = 'x'", X,
    f"{POETRY}[tool.poetry]\nauthors = ['A <a@h>']\n[tool.poetry.dependencies]\npython = '>=3.11'\ny = '^1'",
    f"{SETUPTOOLS}{X}dynamic = ['version']\n[tool.setuptools.dynamic]\nversion = {{file = ['VERSION']}}",
])  # fmt: skip
def test_a_package_that_only_declares_is_not(tmp_path: Path, text: str) -> None:
    texts = {"pyproject.toml": text, "setup.cfg": "[metadata]\nauthor_email = a@h\nurl = https://h/x\n", "x.py": "1"}
    for name, said in texts.items():
        (tmp_path / name).write_text(said)
    assert [projects.doubt(tmp_path / name) for name in texts] == ["", "", ""]


@pytest.mark.parametrize(("needs", "known"), [
    ("Requires-Dist: y>=1\n\nRequires-Dist: x @ git+https://h/x", True), (f"Requires-Dist: {MOVING}\n", False),
    ("Requires-Dist: y; extra == 'a'\nRequires-Dist: x@https://h/x.whl ; extra == 'a'\n", False),
])  # fmt: skip
def test_a_wheel_that_names_an_address_is_doubted(tmp_path: Path, needs: str, known: bool) -> None:
    wheel(tmp_path / WHEEL, "1", needs)
    assert (projects.doubt(tmp_path / WHEEL) == "") is known


def check_odd_packages(folder: Path, count: int) -> None:
    """Look at packages with bytes exchanged, or values: whatever they hold, it is told in words."""
    choice, whole = made_up.chance(61), folder / WHEEL
    wheel(whole, "1", "Requires-Dist: y>=1\n", packed=True)
    data, odd = whole.read_bytes(), ("5", "true", "[5]", "{}", "[[]]", "''")
    for _ in range(count):
        at = choice.randrange(len(data))
        whole.write_bytes(data[:at] + bytes([choice.randrange(256)]) + data[at + 1 :])
        assert isinstance(projects.doubt(whole), str)
        (folder / "pyproject.toml").write_text(
            f"[build-system]\nrequires = {choice.choice(odd)}\nbuild-backend = {choice.choice(odd)}\n"
            f"[project]\ndynamic = {choice.choice(odd)}\ndependencies = {choice.choice(odd)}\n"
            f"optional-dependencies = {choice.choice(odd)}\n[tool]\nsetuptools = {choice.choice(odd)}\n"
        )
        assert isinstance(projects.doubt(folder / "pyproject.toml"), str)


def test_odd_packages_are_told_in_words(tmp_path: Path) -> None:
    check_odd_packages(tmp_path, 300)


@pytest.mark.soak
def test_many_odd_packages_are_told_in_words(tmp_path: Path) -> None:
    check_odd_packages(tmp_path, 10_000)
