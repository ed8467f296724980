"""Is it seen when a unit test starts Ansible, in whatever way?"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.programs import Starts


def _in_a_fork(program: str) -> None:
    """Start it as a pseudo-terminal's program is started, which is how ansible-runner starts Ansible."""
    child = os.fork()
    if not child:
        try:
            os.closerange(3, 256)
            os.execv(program, [program])  # noqa: S606 - that is the point
        finally:
            os._exit(1)
    os.waitpid(child, 0)


WAYS: dict[str, Callable[[str], object]] = {
    "a program": lambda program: subprocess.run([program], check=True),
    "a word of a shell": lambda program: subprocess.run(["sh", "-c", f"{program} -i here"], check=True),
    "a script of Python": lambda program: subprocess.run([sys.executable, program], check=True),
    "spawned": lambda program: os.waitpid(os.posix_spawn(program, [program], os.environ), 0),
    "by the system's shell": os.system,
    "in a fork": _in_a_fork,
}


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # of a process with threads: the child only becomes
@pytest.mark.parametrize("way", WAYS)
def test_a_start_of_ansible_is_noted(tmp_path: Path, ansible_starts: Starts, way: str) -> None:
    program = tmp_path / "ansible-playbook"
    program.write_text("#!/bin/sh\n:\n")
    program.chmod(0o755)
    if way == "a script of Python":
        program.write_text("")
    WAYS[way](str(program))
    (noted,) = ansible_starts.taken()
    assert str(program) in noted


def test_other_programs_are_not(tmp_path: Path, ansible_starts: Starts) -> None:
    subprocess.run(["ls", str(tmp_path)], check=True, env={"ANSIBLE_CONFIG": "ansible.cfg"})
    subprocess.run([sys.executable, "-c", "pass", "ansible.cfg"], check=True)
    assert ansible_starts.taken() == []
