"""Does each module below tests/ lie where the rule says, so that nobody has to look for what a test stands on?

A suite's folder holds its tests, conftest.py and data; everything that tests stand on is in tests/support/.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.support.project import ROOT

TESTS = ROOT / "tests"
SUPPORT = TESTS / "support"
MODULES = sorted(TESTS.rglob("*.py"))


def is_test(name: str) -> bool:
    """Tell whether a module of this name is for pytest alone: tests, or fixtures."""
    return name == "conftest" or name.startswith("test_")


def imported(path: Path) -> Iterator[str]:
    """Yield the full name of everything that a module imports, wherever in it."""
    package = path.parent.relative_to(ROOT).parts
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            origin = ".".join([*above, *filter(None, [node.module])])
            yield from (f"{origin}.{name.name}" for name in node.names)


def test_a_suite_holds_tests_and_their_fixtures_alone() -> None:
    odd = [path for path in MODULES if not path.is_relative_to(SUPPORT) and path.name != "__init__.py"]
    assert [str(path.relative_to(ROOT)) for path in odd if not is_test(path.stem)] == []


def test_nothing_imports_from_a_test_or_from_fixtures() -> None:
    """What several modules use lies in tests/support, where whoever changes it knows that others use it."""
    found = [
        f"{path.relative_to(ROOT)}: {name}"
        for path in MODULES
        for name in imported(path)
        if name.startswith("tests.") and any(is_test(part) for part in name.split("."))
    ]
    assert found == []


def test_what_tests_stand_on_is_no_test() -> None:
    """Tests are found by the names of their files: one in another file would never run."""
    found = []
    for path in MODULES:
        if path.is_relative_to(SUPPORT):
            defined = {node.name for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef)}
            if is_test(path.stem) or any(name.startswith("test_") for name in defined):
                found.append(str(path.relative_to(ROOT)))
    assert found == []
