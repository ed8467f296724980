"""Do the waves of deploy.yml go on, come back or leave a host out as the policy says, whichever way a host ends?

The play, its tasks and the role `waves` are the real ones; four hosts are folders of this machine, and the roles that
would work on them are a few words each. A lost host is one whose address answers nothing from a moment on.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
HOSTS = ("a", "b", "c", "d")
LOSE = {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 1}
SWITCH = "{{ 'sleep 60' if ends == 'hangs' else 'ln -sfn releases/new ' ~ namaskah_root ~ '/current' }}"
BACK = "ln -sfn releases/old {{ namaskah_root }}/current"


def command(words: str, **more: Any) -> dict[str, Any]:
    return {"name": "Work", "ansible.builtin.shell": words, **more}


def losing(moment: str) -> dict[str, Any]:
    return {"name": "Lose it", "when": f"ends == '{moment}'", "ansible.builtin.set_fact": LOSE}


ROLES: dict[str, dict[str, list[dict[str, Any]]]] = {
    "activation": {
        "main": [
            losing("lost before"),
            command(SWITCH, register="activation_answer"),
            losing("lost after"),
        ]
    },
    "verification": {
        "host": [
            command("{{ 'false' if ends == 'fails' else 'true' }}", register="verification_answer"),
        ],
        "public": [],
    },
    "recovery": {"main": [command(BACK)]},
    "validation": {"main": []},
    "confirmation": {"main": [command("touch {{ namaskah_root }}/confirmed")]},
    "finish": {"main": []},
}


class Fleet:
    """Four hosts that are folders, each with a release `old` that is current."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name, files in ROLES.items():
            tasks = folder / "roles" / name / "tasks"
            tasks.mkdir(parents=True)
            (folder / "roles" / name / "meta").mkdir()
            (folder / "roles" / name / "meta" / "main.yml").write_text("dependencies: [{role: application}]\n")
            for file, content in files.items():
                (tasks / f"{file}.yml").write_text(yaml.safe_dump(content))
        (folder / "tasks").symlink_to(ROOT / "playbooks" / "tasks")
        plays = yaml.safe_load((ROOT / "playbooks" / "deploy.yml").read_text())
        names = ("Switch wave by wave", "Prove the release and make it final", "Say what is incomplete")
        (folder / "deploy.yml").write_text(yaml.safe_dump([play for play in plays if play["name"] in names]))
        for host in HOSTS:
            (folder / host).mkdir()
            (folder / host / "current").symlink_to("releases/old")

    def deploy(self, ends: dict[str, str], **variables: Any) -> subprocess.CompletedProcess[str]:
        """Release to one host a wave; `ends` says how a host ends."""
        hosts = {name: {"ends": ends.get(name, "well"), "namaskah_root": str(self.folder / name)} for name in HOSTS}
        told = {
            "ansible_connection": "local", "ansible_python_interpreter": sys.executable, "namaskah_environment": "test",
            "namaskah_app": "x", "namaskah_repository": "x", "namaskah_services": {}, "namaskah_waves": 1,
            "namaskah_resolved": {"commit": "c", "tag": "v1", "run_id": "run", "release": "new"},
            "namaskah_step_timeout": 40, "namaskah_questions": "none", **variables,
        }  # fmt: skip
        (self.folder / "hosts.json").write_text(json.dumps({"app": {"hosts": hosts, "vars": told}}))
        environment = {**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_HOST_KEY_CHECKING": "False",
                       "ANSIBLE_ROLES_PATH": f"{self.folder / 'roles'}:{ROOT / 'roles'}"}  # fmt: skip
        tool = Path(sys.executable).parent / "ansible-playbook"
        words = [str(tool), "-i", str(self.folder / "hosts.json"), str(self.folder / "deploy.yml")]
        return subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True, check=False,
                              timeout=400, stdin=subprocess.DEVNULL)  # fmt: skip

    def serving(self) -> str:
        """Return the first letter of what each host serves, in their order; a capital where it was confirmed."""
        letters = [(self.folder / host / "current").readlink().name[0] for host in HOSTS]
        final = [(self.folder / host / "confirmed").exists() for host in HOSTS]
        return "".join(one.upper() if done else one for one, done in zip(letters, final, strict=True))


QUORUM = {"namaskah_on_failure": dict.fromkeys(("unreachable", "failed", "unhealthy", "timed_out"), "quorum"),
          "namaskah_quorum": "75%"}  # fmt: skip
ASK = {"namaskah_on_failure": dict.fromkeys(("unreachable", "failed", "unhealthy", "timed_out"), "ask")}


@pytest.mark.parametrize(
    ("ends", "variables", "status", "serving", "said"),
    [
        pytest.param({}, {}, 0, "NNNN", "", id="all well"),
        pytest.param({"c": "fails"}, {}, 2, "oooo", "c (failed)", id="a failure in the third wave"),
        pytest.param({"b": "lost before"}, {}, 4, "oooo", "NOT brought back: b", id="lost before its switch"),
        pytest.param({"c": "lost after"}, {}, 4, "oono", "NOT brought back: c", id="lost after its switch"),
        pytest.param({"c": "fails"}, QUORUM, 2, "NNoN", "left out on c", id="the quorum goes on"),
        pytest.param({"b": "lost before"}, QUORUM, 2, "NoNN", "left out on b", id="a quorum without the lost"),
        pytest.param({"a": "fails", "b": "fails"}, QUORUM, 2, "oooo", "the quorum is 3", id="below the quorum"),
        pytest.param({"b": "fails"}, ASK, 2, "oooo", "b (failed)", id="nobody to ask"),
    ],
)
def test_how_a_host_ends_decides_for_the_fleet(  # noqa: PLR0917 - the columns of the table above
    tmp_path: Path, ends: dict[str, str], variables: dict[str, Any], status: int, serving: str, said: str
) -> None:
    fleet = Fleet(tmp_path)
    done = fleet.deploy(ends, **variables)
    told = " ".join((done.stdout + done.stderr).split())
    assert done.returncode == status, done.stdout[-5000:]
    assert fleet.serving() == serving, done.stdout[-5000:]
    assert said in told
