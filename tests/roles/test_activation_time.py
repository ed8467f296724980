"""Is a host given as much time to be confirmed as the waves after it and the size of the fleet need, and no more?

Ansible itself cuts a play into waves here, as it does that of deploy.yml.
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

from tests.support.project import ROOT

ROLE = ROOT / "roles" / "activation"
CONFIRM, WAVE, HOST = 1000, 100, 1


def seconds_of(folder: Path, fleet: list[str], waves: Any) -> list[tuple[list[str], dict[str, int]]]:
    """Return the waves that Ansible made, each with the seconds that the role gives its hosts."""
    given = {"namaskah_confirm_timeout": CONFIRM, "namaskah_wave_seconds": WAVE, "namaskah_host_seconds": HOST,
             "ansible_connection": "local", "namaskah_waves": waves}  # fmt: skip
    hosts = {"all": {"vars": given, "children": {"app": {"hosts": dict.fromkeys(fleet)}}}}
    said = (
        "wave {{ {'batch': ansible_play_batch, 'host': inventory_hostname, 'seconds': activation_seconds,"
        " 'waves': activation_fleet | namaskah_waves_after(none, activation_waves)} | to_json }}"
    )
    play = {
        "hosts": "app",
        "gather_facts": False,
        "serial": "{{ hostvars[groups['app'][0]]['namaskah_waves'] | default('100%') }}",
        "vars_files": [str(ROLE / part / "main.yml") for part in ("vars", "defaults")],
        "tasks": [{"ansible.builtin.debug": {"msg": said}}],
    }
    first = {"hosts": "app", "gather_facts": False, "tasks": []}  # as deploy.yml has one
    (folder / "hosts.yml").write_text(yaml.safe_dump(hosts))
    (folder / "play.yml").write_text(yaml.safe_dump([first, play]))
    done = subprocess.run(
        [str(Path(sys.executable).parent / "ansible-playbook"), "-i", "hosts.yml", "play.yml"],
        cwd=folder,
        env={**os.environ, "LC_ALL": "C.UTF-8", "ANSIBLE_FILTER_PLUGINS": str(ROLE / "filter_plugins"),
             "ANSIBLE_CALLBACK_RESULT_FORMAT": "json"},
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    found: list[tuple[list[str], dict[str, int]]] = []
    all_waves: set[int] = set()
    for line in done.stdout.splitlines():
        if '"msg": "wave ' in line:
            told = json.loads(json.loads("{" + line.strip().rstrip(",") + "}")["msg"].removeprefix("wave "))
            if not found or found[-1][0] != told["batch"]:
                found.append((told["batch"], {}))
                all_waves.add(told["waves"])
            found[-1][1][told["host"]] = int(told["seconds"])
    assert all_waves == {len(found)}  # what a pause ahead of all of them reckons with
    return found


@pytest.mark.parametrize("waves", ["100%", 1, 3, "30%", [1, "25%", "100%"], [2, 3], ["20%", 0], "0", []])
def test_time_grows_by_the_waves_that_follow_and_by_the_fleet(tmp_path: Path, waves: Any) -> None:
    fleet = [f"h{number}" for number in range(7)]
    cut = seconds_of(tmp_path, fleet, waves)
    assert [host for batch, _ in cut for host in batch] == fleet
    for left, (batch, seconds) in zip(reversed(range(len(cut))), cut, strict=True):
        assert seconds == dict.fromkeys(batch, CONFIRM + WAVE * left + HOST * len(fleet))


def test_a_hundred_hosts_at_once_all_have_the_same_time(tmp_path: Path) -> None:
    """The first of them once had to wait a hundred minutes for a dead controller, and the last only three."""
    ((_, seconds),) = seconds_of(tmp_path, [f"h{number:03}" for number in range(100)], "100%")
    assert set(seconds.values()) == {CONFIRM + 100 * HOST}
