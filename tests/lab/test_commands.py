"""Does the lab do by hand what `make lab` and `make lab-down` promise?"""

import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.support.absence import report_absence
from tests.support.lab.command import run
from tests.support.lab.errors import LabError
from tests.support.lab.lab import Lab
from tests.support.lab.mirror import machine_mirror

pytestmark = pytest.mark.lab
_NAME = "by-hand"


def command(*words: str) -> subprocess.CompletedProcess[str]:
    return run([sys.executable, "-m", "tests.support.lab", *words], check=False, timeout=600)


@pytest.fixture
def up(lab_machine: None) -> Iterator[str]:  # noqa: ARG001 - asked for its effect
    """What `up` prints for a set of its own."""
    command("down", "--name", _NAME)  # A test that was killed here leaves one: `up` labs have no owner.
    done = command("up", "--name", _NAME, "--app", "1")
    assert done.returncode == 0, done.stderr
    yield done.stdout
    command("down", "--name", _NAME)


def test_up_stays_and_says_how_to_reach_it_and_down_removes_it(up: str) -> None:
    lab = Lab.open(_NAME)
    login = next(line for line in up.splitlines() if line.startswith("log in")).split()
    words = login[login.index("ssh") : login.index("app1") + 1]
    assert run([*words, "hostname"]).stdout == "app1\n"
    assert f"git://{lab.network.controller}/" in up
    assert _NAME in command("list").stdout
    assert "db1" in command("status", "--name", _NAME).stdout

    assert command("up", "--name", _NAME).returncode == 1, "a name is given once"
    assert Lab.open(_NAME).hosts["app1"].ssh(["true"]).returncode == 0, "and the first set stays"

    assert command("down", "--name", _NAME).returncode == 0
    again = command("down", "--name", _NAME)
    assert again.returncode == 1
    assert f"no lab named '{_NAME}'" in again.stderr


@pytest.mark.usefixtures("up")
def test_ansible_reaches_every_host_by_the_inventory_with_host_keys_checked() -> None:
    inventory = str(Lab.open(_NAME).inventory)
    ping = [sys.executable, "-m", "ansible", "adhoc", "--inventory", inventory, "all", "--become"]
    done = run([*ping, "-m", "ansible.builtin.command", "-a", "id -un"], env={"LC_ALL": "C.UTF-8"}, timeout=120)
    assert done.stdout.count("CHANGED") == 2
    assert done.stdout.count("root") == 2


def test_without_a_lab_ci_fails_and_others_skip(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="lacks: no root"):
        report_absence("no root")
    monkeypatch.delenv("CI")
    with pytest.raises(pytest.skip.Exception, match="no root"):
        report_absence("no root")


@pytest.mark.usefixtures("lab_machine")
def test_a_misspelt_name_is_refused_before_anything_starts() -> None:
    with pytest.raises(LabError, match="lower-case letters"):
        Lab.create("../elsewhere")


@pytest.mark.usefixtures("lab_machine")
def test_the_mirror_is_the_machines_own() -> None:
    lines = machine_mirror().source_lines("trixie")
    assert any(line.endswith(" trixie main") for line in lines)
    assert not any("bookworm" in line for line in lines)
