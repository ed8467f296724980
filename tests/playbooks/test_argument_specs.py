"""Do a role's contract (meta/*_specs.yml) and its manual (defaults/main.yml) say the same?

A spec sets no defaults and accepts unknown variables, so a variable that stands in one file only would be either
undocumented or without a value. Variables that all roles share have their manual in the role `application`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.project import ROOT

ROLES = sorted(path for path in (ROOT / "roles").iterdir() if (path / "tasks").is_dir() or (path / "defaults").is_dir())
SHARED = ROOT / "roles" / "application" / "defaults" / "main.yml"
TYPES: dict[str, type | tuple[type, ...]] = {
    "str": (str, int, float),  # Ansible takes a bare number for text
    "path": str,
    "int": int,
    "float": (int, float),
    "bool": bool,
    "list": list,
    "dict": dict,
    "raw": object,
}

pytestmark = pytest.mark.parametrize("role", ROLES, ids=lambda path: path.name)


def read(path: Path) -> dict[str, Any]:
    return (yaml.safe_load(path.read_text()) or {}) if path.exists() else {}


def spec_of(role: Path) -> dict[str, Any]:
    own = role.name == "application"  # which each of the others depends on
    entries = read(role / "meta" / ("contract_specs.yml" if own else "argument_specs.yml"))["argument_specs"]
    found: dict[str, Any] = entries["settle" if own else "main"]
    return found


def options_of(role: Path) -> dict[str, dict[str, Any]]:
    return spec_of(role).get("options") or {}


def test_role_has_a_contract(role: Path) -> None:
    assert spec_of(role)["short_description"]


def test_contract_and_manual_name_the_same_variables(role: Path) -> None:
    shared = set(read(SHARED)) if role.name != "application" else set()
    named = {name for name, option in options_of(role).items() if name not in shared and not option.get("required")}
    assert named == set(read(role / "defaults" / "main.yml"))


def test_every_variable_is_described(role: Path) -> None:
    silent = [name for name, option in options_of(role).items() if not option.get("description")]
    assert silent == []


def test_defaults_have_the_type_that_the_contract_asks_for(role: Path) -> None:
    options = options_of(role)
    wrong = {
        name: (value, options[name].get("type", "str"))
        for name, value in read(role / "defaults" / "main.yml").items()
        if name in options and not is_template(value) and not isinstance(value, TYPES[options[name].get("type", "str")])
    }
    assert wrong == {}


def test_a_default_in_the_contract_is_the_manuals(role: Path) -> None:
    defaults = read(SHARED) | read(role / "defaults" / "main.yml")
    differing = {
        name: (option["default"], defaults.get(name))
        for name, option in options_of(role).items()
        if "default" in option and option["default"] != defaults.get(name)
    }
    assert differing == {}


def is_template(value: object) -> bool:
    return isinstance(value, str) and "{{" in value
