"""A small world for the command line: an inventory with folders as hosts, and the playbooks that release to them."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from namaskah_deploy.content import Content
from namaskah_deploy.surroundings import Surroundings
from tests.support.project import ROOT

CONTENT = Path(__file__).parent / "content"
PROGRAM = """
import sys
from pathlib import Path
from namaskah_deploy import cli
from tests.support.command_line.small import World
made = World(Path(sys.argv[1]))
cli.main([*sys.argv[2:], "--inventory", str(made.inventory)], made.surroundings(terminal=sys.stdin.isatty()))
"""
OLD, NEW, SPLIT = ({"web1": one, "web2": two} for one, two in (("old", "old"), ("new", "new"), ("old", "new")))
"""What the two hosts of a world serve."""
LOST: dict[str, Any] = {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 1}
"""Host variables of a host that cannot be reached: nothing listens on port 1."""

CANARIES = {
    "ANSIBLE_BECOME_PASSWORD": "Zqcanary-a",
    "APP_SECRET": "Zqcanary-b",
    "AWS_SECRET_ACCESS_KEY": "Zqcanary-c",
    "DATABASE_URL": "Zqcanary-d",
    "DB_PASSWORD": "Zqcanary-e",
    "GITHUB_TOKEN": "Zqcanary-f",
    "GIT_AUTHOR_NAME": "Zqcanary-g",
    "LD_CANARY": "Zqcanary-h",
    "LNAME": "Zqcanary-i",
    "PYTHONCANARY": "Zqcanary-j",
    "SSH_ASKPASS": "Zqcanary-k",
    "USERNAME": "Zqcanary-l",
}
"""Twelve names that no inventory declares."""


@dataclass(frozen=True)
class World:
    """Folders that stand for hosts, below `root`, and the inventory that names them."""

    root: Path

    @property
    def inventory(self) -> Path:
        return self.root / "inventory"

    @property
    def state(self) -> Path:
        return self.root / "state"

    def serving(self) -> dict[str, str]:
        """Return which release each host serves."""
        found = sorted(self.root.glob("hosts/*/state.json"))
        return {path.parent.name: json.loads(path.read_text(encoding="utf-8"))["serving"] for path in found}

    def surroundings(self, *, terminal: bool = False, **environ: str) -> Surroundings:
        """Return what the command finds around it."""
        kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        return Surroundings(
            environ={**kept, **environ},
            folder=self.root,
            programs=Path(sys.executable).parent,
            content=Content(CONTENT),
            state=self.state,
            by="ada@laptop",
            terminal=terminal,
        )

    def command(self, *words: str) -> list[str]:
        """Return how the command line is started in a process of its own."""
        return [sys.executable, "-c", PROGRAM, str(self.root), *words]

    def environ(self, **variables: str) -> dict[str, str]:
        """Return the environment of such a process, with other `variables`."""
        return {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'runner'}", "TERM": "xterm", **variables}

    def record(self) -> dict[str, Any]:
        """Return the report of the only run."""
        (path,) = self.state.glob("runs/*/report.json")
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return found


def world(root: Path, hosts: dict[str, dict[str, Any]] | None = None, **variables: Any) -> World:
    """Make a world of two hosts, each serving `old`; `hosts` gives host variables, `variables` those of all."""
    hosts = {"web1": {}, "web2": {}} if hosts is None else hosts
    made = World(root)
    for name in hosts:
        folder = root / "hosts" / name
        folder.mkdir(parents=True)
        (folder / "state.json").write_text(json.dumps({"serving": "old", "old": None}), encoding="utf-8")
    declare(made, "production", hosts, **variables)
    return made


def declare(made: World, name: str, hosts: dict[str, dict[str, Any]], **variables: Any) -> None:
    """Declare the environment `name` with the application hosts `hosts`."""
    small = {"folder": str(made.root / "hosts"), "slow": "", "seconds": 0, "breaks": "", "unhealthy": False}
    everywhere = {
        "ansible_connection": "local",
        "ansible_python_interpreter": sys.executable,
        "namaskah_ref": "new",
        **{f"small_{key}": value for key, value in {**small, "stuck": False}.items()},
        **variables,
    }
    inventory = {"all": {"vars": everywhere, "children": {"app": {"hosts": hosts}}}}
    folder = made.inventory / name
    folder.mkdir(parents=True)
    (folder / "hosts.yml").write_text(yaml.safe_dump(inventory), encoding="utf-8")
