"""Data flows one way: which module may import which of ours. A new import is a decision, and it is made here."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import namaskah_deploy

PACKAGE = Path(namaskah_deploy.__file__).parent
LAYERS = (
    {"allowed", "foreign", "overrides", "passwords", "shape"},
    {"chain", "drift", "errors", "failure", "interrupts", "questions", "redact", "termination", "workspace"},
    {"words", "events", "content", "inventory"},
    {"passing"},
    {"request", "environments", "phases", "record"},
    {"plan", "report", "progress", "live", "surroundings"},
    {"in_database"},
    {"launch", "outcome", "loss", "preview", "resume", "readable", "backup_tables"},
    {"conduct", "summary", "asking", "options", "tables"},
    {"execute"},
    {"commands.common"},
    {
        "commands.backups",
        "commands.deploy",
        "commands.lock",
        "commands.plan",
        "commands.resume",
        "commands.rollback",
    },
    {"commands"},
    {"cli"},
    {"__main__"},
)
"""Each module imports only from the layers above its own."""
NAMES = sorted(set().union(*LAYERS))
LIBRARIES = {"ansible_runner": {"launch"}, "psutil": {"launch", "termination"}, "click": None, "rich": None}
FAST = {"cli", "options", "environments", "words", "request", *(name for name in NAMES if name.startswith("commands"))}
"""Modules that `-h` needs: what is slow to import is imported by them only where it is used."""
SLOW = {"rich", "jinja2", "yaml", "ansible_runner", "psutil", "execute", "inventory", "surroundings"}


def _modules() -> dict[str, ast.Module]:
    return {_name(path): ast.parse(path.read_text(encoding="utf-8")) for path in PACKAGE.rglob("*.py")}


def _name(path: Path) -> str:
    """Return the dotted name within the package; a package of modules has its own name."""
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__")


def _imports(tree: ast.AST, *, nested: bool) -> set[str]:
    """Return the names that a module imports: of ours without the package's name, of others the top level."""
    found: set[str] = set()
    for node in ast.walk(tree) if nested else _top_level(tree):
        if isinstance(node, ast.Import):
            found.update(alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            package, _, name = node.module.partition(".")
            ours = package == "namaskah_deploy"
            found.update([name] if ours and name else [alias.name for alias in node.names] if ours else [package])
    return found


def _top_level(tree: ast.AST) -> list[ast.AST]:
    """Return the statements of a module that run at its import; those for the type checker do not."""
    return [node for node in ast.iter_child_nodes(tree) if not isinstance(node, ast.If)]


def test_every_module_has_its_layer() -> None:
    assert set().union(*LAYERS) == set(_modules()) - {"__init__"}
    assert sum(map(len, LAYERS)) == len(_modules()) - 1


@pytest.mark.parametrize("name", sorted(set(_modules()) - {"__init__"}))
def test_imports_go_one_way(name: str) -> None:
    layer = next(index for index, names in enumerate(LAYERS) if name in names)
    above = set().union(*LAYERS[:layer], {"__version__"})
    ours = _imports(_modules()[name], nested=True) & set().union(*LAYERS)
    assert ours <= above


def test_one_module_knows_ansible_runner() -> None:
    for library, allowed in LIBRARIES.items():
        users = {name for name, tree in _modules().items() if library in _imports(tree, nested=True)}
        assert users
        assert allowed is None or users == allowed


@pytest.mark.parametrize("name", sorted(FAST))
def test_what_help_needs_imports_nothing_slow(name: str) -> None:
    assert not _imports(_modules()[name], nested=False) & SLOW


def test_only_the_command_line_exits() -> None:
    for name, tree in _modules().items():
        exits = [node for node in ast.walk(tree) if isinstance(node, ast.Attribute | ast.Name)]
        named = {getattr(node, "attr", getattr(node, "id", "")) for node in exits}
        assert name == "cli" or not named & {"SystemExit", "_exit"}
        assert "shell" not in {word.arg for word in ast.walk(tree) if isinstance(word, ast.keyword)}
