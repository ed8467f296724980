"""Is a controller called dead only where that is beyond doubt? With real processes."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.support.project import ROOT

PLUGIN = ROOT / "roles" / "application" / "lookup_plugins" / "namaskah_controller.py"


@pytest.fixture(scope="module")
def plugin() -> ModuleType:
    spec = importlib.util.spec_from_file_location("namaskah_controller", PLUGIN)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


ASKS = """
import importlib.util, json, os, sys
spec = importlib.util.spec_from_file_location("p", sys.argv[2])
module = importlib.util.module_from_spec(spec); spec.loader.exec_module(module)
if os.fork() == 0:  # as a worker of the play does
    print(json.dumps(module.identity()), flush=True)
    os._exit(0)
os.wait()
sys.stdin.read()
"""


def leader(folder: Path) -> tuple[subprocess.Popen[str], dict[str, Any]]:
    """Start a process that is called as ansible-playbook is; return it and its identity by its own worker."""
    import json  # noqa: PLC0415

    program = folder / "ansible-playbook"
    program.write_text(ASKS)
    process = subprocess.Popen([sys.executable, str(program), "deploy.yml", str(PLUGIN)], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, text=True)  # fmt: skip
    assert process.stdout is not None
    return process, json.loads(process.stdout.readline())


def test_a_process_is_alive_until_it_is_dead(plugin: ModuleType, tmp_path: Path) -> None:
    process, identity = leader(tmp_path)
    assert identity["pid"] == process.pid
    assert plugin.dead(identity) is False
    assert plugin.dead({**identity, "started": identity["started"] - 1}) is True, "another process with its id"
    process.kill()
    process.communicate(timeout=10)
    assert plugin.dead(identity) is True


def test_nothing_is_claimed_of_other_machines(plugin: ModuleType, tmp_path: Path) -> None:
    process, identity = leader(tmp_path)
    process.kill()
    process.communicate(timeout=10)
    time.sleep(0.1)
    for name in ("machine", "host", "space"):
        assert plugin.dead({**identity, name: "another"}) is False
    assert plugin.dead({}) is False
    assert plugin.dead({**identity, "boot": "an earlier one"}) is True, "whoever ran before a reboot is dead"


def test_without_a_play_there_is_no_identity(plugin: ModuleType) -> None:
    assert plugin.identity() == {}
