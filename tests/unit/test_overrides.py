"""Does `--allow` know every name that a refusal asks for, and no other one?"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest

from namaskah_deploy import words
from namaskah_deploy.errors import Refused
from namaskah_deploy.overrides import OVERRIDES
from tests.support.project import ROOT

ASKED = re.compile(r"--allow ([a-z][a-z-]+)|['\"]([a-z-]+)['\"] (?:not )?in (?:contract\.allow|namaskah_allow)")
SOURCES = [path for path in ROOT.glob("roles/**/*") if path.suffix in (".py", ".yml")] + [*ROOT.glob("playbooks/*.yml")]
COMPLAINT = 3  # words of a complaint of preflight: its name, what is wrong, what to do


def asked_for() -> Iterator[str]:
    for path in SOURCES:
        text = path.read_text()
        yield from (name for found in ASKED.findall(text) for name in found if name)
        if path.suffix == ".py":
            yield from complaints(ast.parse(text))


def complaints(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Yield) and isinstance(node.value, ast.Tuple) and len(node.value.elts) == COMPLAINT:
            first = node.value.elts[0]
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                yield first.value


def test_every_name_that_is_asked_for_is_known() -> None:
    found = set(asked_for())
    assert {"clock", "take-over", "bad-release"} <= found, "they are looked for in the wrong place"
    assert found <= set(OVERRIDES)


def test_a_misspelt_name_is_refused_with_the_one_that_was_meant() -> None:
    with pytest.raises(Refused, match="did you mean bad-release"):
        words.override("bad-relase")
    assert words.override("drift-files") == "drift-files"
