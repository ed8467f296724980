"""What is wrong with clocks and with the inventory: is it refused by a whole run before anything is changed?"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.module_utils.namaskah_host import activation

from tests.support.faults.fleet import NAMES, Fleet, fleet_in
from tests.support.project import ROOT

FAILED = 1
AHEAD = "#!/bin/sh\nexec /bin/date --date='1 hour' \"$@\"\n"


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """One for all: what is refused changes nothing."""
    with fleet_in(tmp_path_factory.mktemp("fleet")) as made:
        yield made


@contextmanager
def other_hosts(fleet: Fleet, **hosts: Any) -> Iterator[None]:
    """The inventory with these hosts in the group of the application."""
    before = fleet.hosts_file.read_text()
    inventory = yaml.safe_load(before)
    inventory["all"]["children"]["app"]["hosts"] = hosts
    fleet.hosts_file.write_text(yaml.safe_dump(inventory))
    try:
        yield
    finally:
        fleet.hosts_file.write_text(before)


def traces(fleet: Fleet) -> dict[str, list[tuple[str, int]]]:
    """Return the names and times of all that stands on each host."""
    roots = {name: fleet.hosts[name].contract.root for name in NAMES}
    return {
        name: sorted((str(path), path.lstat().st_mtime_ns) for path in root.rglob("*"))
        for name, root in roots.items()
    }  # fmt: skip


def refused(fleet: Fleet) -> str:
    """Ask for a release, which must be refused without a trace; return what was said, in one line."""
    commit, before = fleet.hosts[NAMES[0]].commit("good"), traces(fleet)
    assert fleet.run("deploy", "small", "--ref", commit) == FAILED, fleet.said()
    assert traces(fleet) == before
    assert "Traceback" not in fleet.said()
    return " ".join(fleet.said().split())


@pytest.mark.fault("wrong inventory", ends="refused", where="one host under two names")
def test_one_host_under_two_names_is_refused(fleet: Fleet) -> None:
    """Whatever name or address leads there: the host itself says which one it is."""
    own = yaml.safe_load(fleet.hosts_file.read_text())["all"]["children"]["app"]["hosts"]
    with other_hosts(fleet, h1=own["h1"], h2=own["h2"], h3={**own["h1"], "ansible_host": "127.0.0.2"}):
        said = refused(fleet)
    assert "h1, h3: one host under several names" in said


@pytest.mark.fault("wrong inventory", ends="refused", where="no hosts")
def test_an_environment_without_hosts_is_no_success(fleet: Fleet) -> None:
    with other_hosts(fleet):
        assert "no host took part" in refused(fleet)


@pytest.mark.fault("wrong inventory", ends="refused", where="hosts of another environment")
@pytest.mark.fault("clock wrong", ends="refused", where="an hour ahead")
def test_a_wrong_clock_and_another_environments_host_are_refused_together(fleet: Fleet) -> None:
    """One host has a release of the environment `test` already; the controller's clock is an hour ahead."""
    host = fleet.hosts[NAMES[0]]
    run = host.prepared()
    activation.activate(host.contract, run, 60)
    activation.confirm(host.contract, run)
    (fleet.folder / "date").write_text(AHEAD)
    (fleet.folder / "date").chmod(0o755)
    fleet.environ["PATH"] = f"{fleet.folder}:{os.environ['PATH']}"
    said = refused(fleet)
    assert re.search(r"the clock differs from the controller's by 3(59|60)\d s \[clock\]", said), said
    assert "this host belongs to environment 'test', the inventory says 'small' [environment]" in said


@pytest.mark.parametrize("command", ["deploy", "plan"])
def test_a_commit_that_no_host_may_release_is_refused_on_the_controller(fleet: Fleet, command: str) -> None:
    """It was refused by the first host that exported it: by then leases were taken and a backup was being made."""
    link = fleet.source / "static" / "m.txt"
    link.parent.mkdir(exist_ok=True)
    link.symlink_to("/etc/passwd")
    commit, before = fleet.hosts[NAMES[0]].commit("good"), traces(fleet)
    link.unlink()
    assert fleet.run(command, "small", "--ref", commit) == FAILED, fleet.said()
    assert traces(fleet) == before
    said = " ".join(fleet.said().split())
    assert "static/m.txt -> /etc/passwd" in said
    assert "namaskah_shared_paths" in said
    assert "Traceback" not in said


def test_a_plain_run_of_the_playbook_refuses_such_a_commit_too(fleet: Fleet) -> None:
    """The playbook is complete without the command line."""
    (fleet.source / "run").mkdir()
    (fleet.source / "run" / "x").touch()
    commit, before = fleet.hosts[NAMES[0]].commit("good"), traces(fleet)
    shutil.rmtree(fleet.source / "run")
    done = subprocess.run(
        [Path(sys.executable).parent / "ansible-playbook", "-i", fleet.hosts_file, "playbooks/deploy.yml",
         "-e", f"namaskah_ref={commit}"],
        cwd=ROOT, env={**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")}, capture_output=True, text=True,
        check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode != 0
    assert "it has run at its top" in " ".join(done.stdout.split()), done.stdout
    assert traces(fleet) == before


@contextmanager
def written(fleet: Fleet, variables: Mapping[str, str]) -> Iterator[None]:
    """The inventory with these variables of all hosts as well."""
    before = fleet.hosts_file.read_text()
    inventory = yaml.safe_load(before)
    inventory["all"]["vars"] |= variables
    fleet.hosts_file.write_text(yaml.safe_dump(inventory))
    try:
        yield
    finally:
        fleet.hosts_file.write_text(before)


WRONG = {
    "namaskah_settle": "a while",
    "backup_keep_count": "all",
    "verification_patience": "long",
    "validation_timeout": "soon",
    "balancer_kind": "traefik",
}


@pytest.mark.fault("wrong inventory", ends="refused", where="values of a wrong kind")
def test_values_of_a_wrong_kind_are_refused_at_once_and_together(fleet: Fleet) -> None:
    """Also those of roles that a release comes to only when it has switched."""
    with written(fleet, WRONG):
        said = refused(fleet)
    for name in WRONG:
        assert name in said, (name, said)


def test_what_a_run_has_no_use_for_may_be_out_of_its_reach(fleet: Fleet) -> None:
    """Whoever asks for a status has neither the secrets of provisioning nor those of a verification."""
    nowhere = "{{ lookup('ansible.builtin.file', '/nowhere/secret') }}"
    with written(fleet, {"provision_database_owner_password": nowhere, "verification_ca_file": nowhere}):
        assert set(fleet.status()) == set(NAMES)
