"""What has been agreed about an application on a test's host? What the role agrees by default, but for a few words.

Names and defaults are read from roles/application, so what is new there is in the contract of every test.
"""

from __future__ import annotations

import copy
import getpass
import re
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
import yaml

from tests.support.project import ROOT

ROLE = ROOT / "roles" / "application"
# What has no default of the role: every inventory names it.
NAMED = {"environment": "test", "app": "sample", "host": "here", "repository": "", "services": {}}
# What differs where this machine plays the host, for whoever runs the tests, with the supervisord beside this Python.
HERE = {
    "deploy_user": getpass.getuser(),
    "app_user": getpass.getuser(),
    "python": sys.executable,
    "process_manager": "supervisor",
    "supervisor_control": str(Path(sys.executable).parent / "supervisorctl"),
    "return": "detached",
    "front": "none",
    "static_root": "static",
    "settle": 1,
}
MERGED = ("service_defaults", "health_defaults")  # of these, only the entries that differ are given
_TEMPLATES = jinja2.Environment(undefined=jinja2.StrictUndefined)  # noqa: S701 - what it fills in is no web page


def contract(*given: Mapping[str, Any], preset: str = "plain", **more: Any) -> dict[str, Any]:
    """Return a whole contract: the role's defaults with a preset, but for entries that are given; the last ones win."""
    own: dict[str, Any] = dict(NAMED)
    for entries in (*given, more):
        own.update(entries)
    words = {
        **_read("defaults/main.yml"),
        **{f"namaskah_{name}": value for name, value in own.items() if name not in MERGED},
        "namaskah_preset_values": _read(f"presets/{preset}.yml"),
    }
    role = _read("vars/main.yml")
    named = {name: f"{{{{ namaskah_{name} }}}}" for name in role["application_contract_names"].split()}
    made = {}
    for name, source in {**named, **role["application_contract_else"]}.items():
        if name in MERGED:
            made[name] = {**_filled(source, words), **own.get(name, {})}
        else:
            made[name] = own[name] if name in own else _filled(source, words)
    assert set(own) <= set(made), "the role knows no such entry"
    # As the role of migrations gives it to its modules.
    usual = words["namaskah_preset_values"]
    asked = ("pending_command", "known_command", "sql_command", "reverse_sql_command")
    if usual["answer_program"] and all(made[name] == usual[name] for name in asked):
        made["answer_program"] = (ROLE / "presets" / usual["answer_program"]).read_text()
    return copy.deepcopy(made)


def variables(entries: Mapping[str, Any]) -> dict[str, Any]:
    """Return the variables of an inventory that agree these entries of a contract; the host's name is none."""
    return {f"namaskah_{name}": value for name, value in entries.items() if name != "host"}


@cache
def _read(name: str) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((ROLE / name).read_text())
    return content


def _filled(value: Any, words: Mapping[str, Any]) -> Any:
    """Return a value with the role's variables in their places, as Ansible would."""
    if isinstance(value, dict):
        return {name: _filled(entry, words) for name, entry in value.items()}
    if not isinstance(value, str) or "{{" not in value:
        return value
    alone = re.fullmatch(r"{{(.*?)}}", value)  # then it keeps its type
    if alone:
        return _filled(_TEMPLATES.compile_expression(alone[1], undefined_to_none=False)(**words), words)
    return _filled(_TEMPLATES.from_string(value).render(**words), words)
