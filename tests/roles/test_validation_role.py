"""Does the independent observer judge real hosts in a play, and never believe that nothing is good?"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.playing import Played, play
from tests.support.project import ROOT
from tests.support.verification.host import SmallHost, running_host

ROLE = [{"name": "Validate", "ansible.builtin.include_role": {"name": "validation"}}]
TASK = "Let the observer judge all hosts"


@pytest.fixture(scope="module")
def host() -> Iterator[SmallHost]:
    with running_host() as made:
        made.go_live(made.prepare("good"))
        yield made


def validate(host: SmallHost, folder: Path, **variables: Any) -> Played:
    return play(ROLE, folder, variables={**host.variables, "validation_disk_free": 1, **variables})


def own_checks(folder: Path, **files: str) -> str:
    """A copy of the shipped checks with others instead of its own; returns its path."""
    folder.mkdir()
    for name in ("pytest.ini", "conftest.py", "facts.py", "programs.py", "__init__.py"):
        shutil.copy(ROOT / "roles" / "validation" / "checks" / name, folder)
    for name, text in files.items():
        (folder / f"test_{name}.py").write_text(text)
    return str(folder)


def test_a_good_host_passes_and_the_report_lists_the_groups(host: SmallHost, tmp_path: Path) -> None:
    result = validate(host, tmp_path).result(TASK)
    assert (result["failed"], result["failures"]) == (0, [])
    assert set(result["hosts"]) == {"here"}
    assert result["hosts"]["here"]["groups"] == ["disk", "layout", "release", "sockets", "supervisor"]
    assert result["hosts"]["here"]["passed"] == result["passed"] > 10


def test_what_is_wrong_is_told_with_the_host(host: SmallHost, tmp_path: Path) -> None:
    releases = host.contract.releases
    releases.chmod(0o777)
    try:
        played = validate(host, tmp_path)
    finally:
        releases.chmod(0o755)
    failure = played.failure()
    assert (failure["class"], failure["where"]) == ("failed", "here")
    assert f"here: folders of code belong to the deploy user: {releases} has mode 777: 22 is too much" in failure["why"]


@pytest.mark.fault("drift: service stopped", ends="found")
def test_a_dead_service_is_found(host: SmallHost, tmp_path: Path) -> None:
    live = host.live()
    worker = next(service for service in live.services() if service.name == "worker")
    live.manager.stop(worker, live.name)
    try:
        failure = validate(host, tmp_path).failure()
    finally:
        live.manager.start(worker, live.name)
    assert "the live services run: " in failure["why"]


def test_a_missing_current_fails_every_check_of_the_release(host: SmallHost, tmp_path: Path) -> None:
    host.contract.current.rename(host.contract.root / "kept")
    try:
        failure = validate(host, tmp_path).failure()
    finally:
        (host.contract.root / "kept").rename(host.contract.current)
    assert f"{host.contract.current} cannot be read: No such file or directory" in failure["why"]


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({}, "pytest ended with 5"),
        ({"a": "import pytest\n@pytest.mark.skip\ndef test_x(host): pass\n"}, "here: x: "),
        (
            {"a": "import pytest\n@pytest.mark.applies(when=lambda c: False)\ndef test_x(host): pass\n"},
            "no check passed",
        ),
        ({"a": "def test_x(host): assert host.run('false').rc == 0, 'a sentence'\n"}, "here: x: a sentence"),
        ({"a": "import nothing_of_this_name\n"}, "pytest ended with 2"),
    ],
)
@pytest.mark.fault("checks: none passed", ends="found")
def test_nothing_good_is_not_good(host: SmallHost, tmp_path: Path, files: dict[str, str], told: str) -> None:
    failure = validate(host, tmp_path, validation_tests=own_checks(tmp_path / "checks", **files)).failure()
    assert told in failure["why"]


@pytest.mark.fault("checks: hang", ends="found")
def test_checks_that_do_not_end_are_stopped(host: SmallHost, tmp_path: Path) -> None:
    mark = tmp_path / "ended"
    endless = f"def test_x(host):\n    host.run('sleep 20; touch {mark}')\n"
    checks = own_checks(tmp_path / "checks", a=endless)
    failure = validate(host, tmp_path, validation_tests=checks, validation_timeout=6).failure()
    assert (failure["class"], failure["what"]) == ("timeout", "validate the hosts")
    assert "the checks did not end within 6 s" in failure["why"]


@pytest.mark.fault("host unreachable during", ends="found")
def test_a_host_that_cannot_be_reached_is_named(host: SmallHost, tmp_path: Path) -> None:
    subject = {
        "name": "gone",
        "contract": {**host.contract.raw, "disk_free": 1, "database_check": True, "front_ports": []},
        "login": {
            "ansible_connection": "ssh",
            "ansible_host": "127.0.0.1",
            "ansible_port": 9,
            "ansible_user": "deploy",
        },
    }
    task = {
        "name": TASK,
        "namaskah_validation": {
            "subjects": [subject],
            "tests": str(ROOT / "roles" / "validation" / "checks"),
            "python": "{{ ansible_playbook_python }}",
            "config": str(ROOT / "ansible.cfg"),
        },
    }
    failure = play([task], tmp_path, library=["validation"]).failure()
    assert "gone: " in failure["why"]
    assert "Connection refused" in failure["why"]
    assert "gone: no check passed here" in failure["why"]


def test_options_of_a_shell_change_nothing(host: SmallHost, tmp_path: Path) -> None:
    played = play(
        ROLE,
        tmp_path,
        variables={**host.variables, "validation_disk_free": 1},
        env={"PYTEST_ADDOPTS": "-k nothing_of_this_name", "PYTEST_PLUGINS": "nothing_of_this_name"},
    )
    assert played.result(TASK)["passed"] > 10
    assert "nothing_of_this_name" not in json.dumps(played.answers)
