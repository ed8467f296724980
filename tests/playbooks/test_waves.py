"""Do the waves of deploy.yml go on, come back or leave a host out as the policy says, whichever way a host ends?

The play, its tasks and the role `waves` are the real ones; four hosts are folders of this machine, and the roles that
would work on them are a few words each. A lost host is one whose address answers nothing from a moment on.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.project import ROOT

HOSTS = ("a", "b", "c", "d")
LOSE = {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 1}
SWITCH = "{{ 'sleep 60' if ends == 'hangs' else 'ln -sfn releases/new ' ~ namaskah_root ~ '/current' }}"
ORDER = "echo {{ inventory_hostname }} $(date +%s.%N) {{ ansible_play_batch | join(' ') }} >> {{ order_log }}"
BACK = "ln -sfn releases/old {{ namaskah_root }}/current"

# Makes its stdin the terminal of its session, at which Ansible asks.
AT_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""


def command(words: str, **more: Any) -> dict[str, Any]:
    return {"name": "Work", "ansible.builtin.raw": words, **more}  # no Python on a host that is a folder


def losing(moment: str) -> dict[str, Any]:
    return {"name": "Lose it", "when": f"ends == '{moment}'", "ansible.builtin.set_fact": LOSE}


ROLES: dict[str, dict[str, list[dict[str, Any]]]] = {
    "activation": {
        "main": [
            losing("lost before"),
            command(ORDER),
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
        self.terminal: int | None = None
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
        # Ansible knows the hosts' variables, and so the waves, from the second play on: a play of checks is first.
        first = {"name": "Check", "hosts": "app", "gather_facts": False, "tasks": [command("true")]}
        kept = [play for play in plays if play["name"] in names]
        (folder / "deploy.yml").write_text(yaml.safe_dump([first, *kept]))
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
            "namaskah_step_timeout": 40, "namaskah_questions": "none", "order_log": str(self.folder / "order.log"),
            **variables,
        }  # fmt: skip
        (self.folder / "hosts.json").write_text(json.dumps({"app": {"hosts": hosts, "vars": told}}))
        environment = {**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_HOST_KEY_CHECKING": "False",
                       "ANSIBLE_ROLES_PATH": f"{self.folder / 'roles'}:{ROOT / 'roles'}"}  # fmt: skip
        tool = Path(sys.executable).parent / "ansible-playbook"
        first = [sys.executable, "-c", AT_TERMINAL] if self.terminal else []
        words = [*first, str(tool), "-i", str(self.folder / "hosts.json"), str(self.folder / "deploy.yml")]
        return subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True, check=False,
                              timeout=400, stdin=self.terminal or subprocess.DEVNULL,
                              start_new_session=True)  # fmt: skip

    def waves(self) -> list[str]:
        """Return which hosts began together, wave by wave, and assert that no host began outside of its wave."""
        lines = [line.split() for line in (self.folder / "order.log").read_text().splitlines()]
        batches = [" ".join(batch) for _, _, *batch in sorted(lines, key=lambda line: float(line[1]))]
        assert all(name in batch for name, _, *batch in lines)
        return list(dict.fromkeys(batches))

    def serving(self) -> str:
        """Return the first letter of what each host serves, in their order; a capital where it was confirmed."""
        letters = [(self.folder / host / "current").readlink().name[0] for host in HOSTS]
        final = [(self.folder / host / "confirmed").exists() for host in HOSTS]
        return "".join(one.upper() if done else one for one, done in zip(letters, final, strict=True))


QUORUM = {"namaskah_on_failure": dict.fromkeys(("unreachable", "failed", "unhealthy", "timed_out"), "quorum"),
          "namaskah_quorum": "75%"}  # fmt: skip
ASK = {"namaskah_on_failure": dict.fromkeys(("unreachable", "failed", "unhealthy", "timed_out"), "ask")}
HANG = {**QUORUM, "namaskah_step_timeout": 8}


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
        pytest.param(
            {"b": "hangs"},
            {"namaskah_step_timeout": 8},
            2,
            "oooo",
            "b (timed out)",
            id="one hangs",
            marks=pytest.mark.fault("step hangs", ends="returned", where="second wave"),
        ),
        pytest.param(
            {"b": "hangs"},
            HANG,
            2,
            "NoNN",
            "b (timed out)",
            id="one hangs, and the quorum goes on",
            marks=pytest.mark.soak,
        ),
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


def test_a_canary_goes_before_half_of_the_fleet_and_that_before_the_rest(tmp_path: Path) -> None:
    fleet = Fleet(tmp_path)
    done = fleet.deploy({}, namaskah_waves=[1, "50%", "100%"])
    assert done.returncode == 0, done.stdout[-5000:]
    assert fleet.waves() == ["a", "b c", "d"]
    assert fleet.serving() == "NNNN"


def answered(true: Callable[[], bool], act: Callable[[], object], pause: float = 0) -> threading.Thread:
    """Start a thread that waits until `true()`, `pause` seconds more, and then acts, as an operator does."""

    def watch() -> None:
        end = time.monotonic() + 300
        while not true() and time.monotonic() < end:
            time.sleep(0.1)
        time.sleep(pause)
        act()

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    return thread


@pytest.mark.parametrize(
    ("answer", "serving", "said"),
    [
        ("continue", "NoNN", "left out on b"),
        pytest.param("no", "oooo", "b (failed)", marks=pytest.mark.soak),
    ],
)
def test_an_operator_answers_the_command_line(tmp_path: Path, answer: str, serving: str, said: str) -> None:
    """The play puts its question into a folder, and goes by what is written there."""
    fleet = Fleet(tmp_path)
    folder = tmp_path / "questions"
    folder.mkdir()
    question = folder / "question-b"
    person = answered(question.exists, lambda: (folder / "answer-b").write_text(f"{answer}\n"))
    begin = time.monotonic()
    done = fleet.deploy({"b": "fails"}, **ASK, namaskah_questions=str(folder), namaskah_confirm_timeout=300)
    person.join(timeout=10)
    assert time.monotonic() - begin < 270, "it went by the time, and not by the answer"
    assert "Go on without b?" in question.read_text()
    assert done.returncode == 2, done.stdout[-5000:]
    assert fleet.serving() == serving, done.stdout[-5000:]
    assert said in " ".join(done.stdout.split())
    assert fleet.waves()[:2] == ["a", "b"]


@pytest.mark.parametrize(
    ("answer", "serving"), [pytest.param("continue", "NoNN", marks=pytest.mark.soak), ("no", "oooo")]
)
def test_an_operator_answers_plain_ansible_at_its_terminal(tmp_path: Path, answer: str, serving: str) -> None:
    fleet = Fleet(tmp_path)
    operator, fleet.terminal = os.openpty()
    terminal = fleet.terminal
    # Ansible reads single keys while it asks, and first throws away what was typed before.
    asked = answered(
        lambda: not termios.tcgetattr(terminal)[3] & termios.ICANON,
        lambda: os.write(operator, f"{answer}\r".encode()),
        pause=1,
    )
    done = fleet.deploy({"b": "fails"}, **ASK, namaskah_questions="")
    asked.join(timeout=10)
    assert done.returncode == 2, done.stdout[-5000:]
    assert "Go on without b?" in done.stdout
    assert fleet.serving() == serving, done.stdout[-5000:]
