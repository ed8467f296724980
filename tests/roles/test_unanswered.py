"""What keeps a module from answering is said in words: no room for temporary files, or an answer without end."""

from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support.absence import report_absence
from tests.support.playing import Played, play

PING = {"name": "Ask", "ansible.builtin.ping": {}}
FULL = {
    "the folder": "FileNotFoundError: [Errno 2] No usable temporary directory found in ['/tmp', '/var/tmp', '/']",
    "a file": "OSError: [Errno 28] No space left on device",
    "a quota": "OSError: [Errno 122] Disk quota exceeded: '/tmp/ansible_ping_payload'",
}


def _asked(folder: Path, script: str, task: dict[str, Any] = PING, **variables: Any) -> Played:
    """Ask a host whose Python is a shell script."""
    interpreter = folder / "python"
    interpreter.write_text(f"#!/bin/sh\n{script}\n")
    interpreter.chmod(0o755)
    return play([task], folder / "play", variables={"ansible_python_interpreter": str(interpreter), **variables})


@pytest.mark.parametrize("said", FULL.values(), ids=list(FULL))
@pytest.mark.fault("output: no answer", ends="refused", where="full folder for temporary files")
def test_a_full_folder_for_temporary_files_is_named_with_its_room(tmp_path: Path, said: str) -> None:
    failure = _asked(tmp_path, f'cat >/dev/null; echo "Traceback: {said}" >&2; exit 1').failure()
    assert failure["what"] == "no room for temporary files"
    assert failure["where"] == "here"
    assert "MB free" in failure["why"]
    assert "/tmp (on " in failure["why"]  # noqa: S108 - as a host calls it


def test_another_traceback_stays_what_it_is(tmp_path: Path) -> None:
    played = _asked(tmp_path, "cat >/dev/null; echo 'Traceback: NameError' >&2; exit 1")
    assert played.status != 0
    assert "NameError" in played.output
    assert "no room" not in played.output


@pytest.mark.fault("output: no answer", ends="refused", where="too long")
@pytest.mark.parametrize("to", ["", ">&2"], ids=["output", "errors"])
def test_an_answer_without_end_is_not_read(tmp_path: Path, to: str) -> None:
    failure = _asked(tmp_path, f"cat >/dev/null; head -c 40000000 /dev/zero | tr '\\0' x {to}").failure()
    assert failure["what"] == "the answer of a host is too long"
    assert "it printed 38 MB, and 16 MB are the most; it begins 'xxx" in failure["why"]


@pytest.mark.fault("output: no answer", ends="named", where="without end, to who only looks")
def test_who_only_looks_gives_a_host_up_after_the_time_of_a_step(tmp_path: Path) -> None:
    look = {"name": "Look", "ansible.builtin.include_role": {"name": "status"}}
    variables = {"namaskah_app": "shop", "namaskah_environment": "production", "namaskah_repository": "unused",
                 "namaskah_services": {"web": {"command": ["true"]}}, "namaskah_step_timeout": 1}  # fmt: skip
    played = _asked(tmp_path, "cat >/dev/null; while sleep 0.1; do echo more; done", look, **variables)
    assert "Timed out after 1 second" in played.output


@pytest.mark.parametrize("mode", [None, 0o755], ids=["new", "of before"])
def test_nobody_else_reads_what_jobs_beside_a_run_answer(tmp_path: Path, mode: int | None) -> None:
    folder = tmp_path / "jobs of a run"
    if mode:
        folder.mkdir()
        folder.chmod(mode)
    job = {**PING, "async": 30, "poll": 1}
    played = play([job], tmp_path / "play", variables={"ansible_async_dir": str(folder)})
    assert played.status == 0, played.output
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_job_is_found_where_home_is_not_the_users_own(tmp_path: Path) -> None:
    """As after `sudo -E`, for a host that is this machine."""
    home = tmp_path / "home"
    home.mkdir()
    started = {**PING, "async": 30, "poll": 0, "register": "job"}
    asked = {"name": "Ask", "ansible.builtin.async_status": {"jid": "{{ job.ansible_job_id }}"}, "register": "answer",
             "until": "answer is finished", "retries": 30, "delay": 1}  # fmt: skip
    played = play([started, asked], tmp_path / "play", env={"HOME": str(home)})
    assert played.status == 0, played.output


def test_no_room_on_the_controller_is_named_as_such(tmp_path: Path) -> None:
    if os.geteuid():
        report_absence("mounting a small file system needs root")
    small = tmp_path / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(small)], check=True)
    try:
        failure = play([PING], tmp_path / "play", env={"ANSIBLE_LOCAL_TEMP": str(small)}).failure()
    finally:
        subprocess.run(["umount", "--lazy", str(small)], check=True)
    assert (failure["what"], failure["where"]) == ("no room for temporary files", "the controller")
    assert str(small) in failure["why"]
    assert "MB free" in failure["why"]
