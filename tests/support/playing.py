"""How a test calls a role or one of its modules: through ansible-playbook, as an operator's run does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.project import ROOT

CALLBACKS = Path(__file__).parent / "callbacks"


@dataclass(frozen=True)
class Played:
    """How a play ended: its exit status, all that it printed, and the answers of its tasks in their order."""

    status: int
    output: str
    answers: list[tuple[str, dict[str, Any]]]

    def result(self, task: str) -> dict[str, Any]:
        """The `result` that the last task whose name ends with `task` gave; the play must have succeeded."""
        assert self.status == 0, self.output
        found = [answer for name, answer in self.answers if name.endswith(task)]
        assert found, f"no task {task!r} ran:\n{self.output}"
        result: dict[str, Any] = found[-1]["result"]
        return result

    def failure(self) -> dict[str, str]:
        """The failure, in the operator's words, of the task that ended the play."""
        assert self.status != 0, self.output
        failures: list[dict[str, str]] = [answer["failure"] for _, answer in self.answers if "failure" in answer]
        assert failures, self.output
        assert set(failures[-1]) == {"class", "what", "where", "why", "next"}
        assert all(failures[-1].values()), failures[-1]
        assert "Traceback" not in self.output
        return failures[-1]


def play(
    tasks: Sequence[Mapping[str, Any]],
    folder: Path,
    *,
    variables: Mapping[str, Any] | None = None,
    library: Sequence[str] = (),
    env: Mapping[str, str] | None = None,
    groups: Sequence[str] = (),
    host: str = "here",
    further: str = "",
    timeout: float = 300,
) -> Played:
    """Play `tasks` on this machine in a process of `folder`.

    `library` names roles whose modules are at hand without the role; `env` is added to the environment; `groups` are
    those that this machine, which is called `host`, is in. `further` are lines of the inventory about other hosts.
    """
    folder.mkdir(parents=True, exist_ok=True)
    inventory = folder / "hosts.ini"
    inventory.write_text("\n".join([host, *(f"[{group}]\n{host}" for group in groups), further]) + "\n")
    book, answers = folder / "play.yml", folder / "answers.jsonl"
    book.write_text(
        json.dumps([{"hosts": "all", "gather_facts": False, "vars": dict(variables or {}), "tasks": tasks}])
    )
    answers.unlink(missing_ok=True)
    done = subprocess.run(
        [Path(sys.executable).parent / "ansible-playbook", "-i", inventory, "-c", "local", "-v", book],
        cwd=folder,
        env={**os.environ, **_settings(library, answers), **(env or {})},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    lines = [json.loads(line) for line in answers.read_text().splitlines()] if answers.exists() else []
    return Played(done.returncode, done.stdout + done.stderr, [(line["task"], line["answer"]) for line in lines])


def _settings(library: Sequence[str], answers: Path) -> dict[str, str]:
    return {
        "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
        "ANSIBLE_LIBRARY": ":".join(str(ROOT / "roles" / role / "library") for role in library),
        "ANSIBLE_MODULE_UTILS": ":".join(str(path) for path in sorted(ROOT.glob("roles/*/module_utils"))),
        "ANSIBLE_ACTION_PLUGINS": str(ROOT / "roles" / "application" / "action_plugins"),
        "ANSIBLE_CALLBACK_PLUGINS": f"{CALLBACKS}:{ROOT / 'roles' / 'application' / 'callback_plugins'}",
        "ANSIBLE_CALLBACKS_ENABLED": "answers",
        "ANSWERS_FILE": str(answers),
        "LC_ALL": "C.UTF-8",
    }
