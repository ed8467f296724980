"""A variable that the controller's environment does not have is an error where it is looked up, never an empty text.

Ansible's lookup `env` gives "" for it. With `SECRET_KEY: "{{ lookup('env', 'APP_SECRET') }}"` a run without APP_SECRET
would then write an empty secret over a good one. This is a callback because Ansible loads those before it evaluates
anything; it hears nothing of the run. A template may still say what it wants instead, by `default=` or the filter.
"""

from __future__ import annotations

import functools
import importlib
import os
from collections.abc import Callable
from typing import Any

from ansible._internal._templating._jinja_bits import _undef
from ansible.plugins.callback import CallbackBase

DOCUMENTATION = r"""
name: namaskah_environment
type: aggregate
short_description: Make it an error to look up what is not in the environment
description:
  - The lookup C(env) gives nothing undefined a value, unless it was told a default.
"""

# One file, which Ansible loads under a name for each way to write the lookup: `env` and `ansible.builtin.env`.
MODULES = ("ansible.plugins.lookup.env", "ansible_collections.ansible.builtin.plugins.lookup.env")
MISSING = (
    "{name} is not in the environment of this run, or is empty; export it where the run is started. namaskah-deploy "
    "hands on what the inventory names: namaskah_pass_on: [{name}] among the variables of all hosts"
)


class CallbackModule(CallbackBase):
    """Does its work when it is loaded."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "namaskah_environment"

    def __init__(self) -> None:
        super().__init__()
        for name in MODULES:
            plugin = importlib.import_module(name).LookupModule
            if not hasattr(plugin.run, "__wrapped__"):
                plugin.run = careful(plugin.run)


def careful(look: Callable[..., list[Any]]) -> Callable[..., list[Any]]:
    """Return `look` with an undefined value, which says what to do, for each variable that is missing or empty."""

    @functools.wraps(look)
    def run(plugin: Any, terms: list[Any], variables: Any = None, **kwargs: Any) -> list[Any]:
        found = look(plugin, terms, variables, **kwargs)
        names = [str(term).split()[0] for term in terms]
        return [
            value if os.environ.get(name) else kwargs.get("default", _undef(MISSING.format(name=name)))
            for name, value in zip(names, found, strict=True)
        ]

    return run
