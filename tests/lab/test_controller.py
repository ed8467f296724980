"""Does the built wheel release from a Debian 13 controller, with Python 3.13 and ansible-core 2.21, to Debian 13?"""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.support.building import build_wheel
from tests.support.lab.controller import TOOL, Controller
from tests.support.lab.kept import Fleet, KeptApplication, begun
from tests.support.lab.times import QUICK
from tests.support.project import ROOT

pytestmark = pytest.mark.lab

VERSIONS = """
import json, platform
from importlib.metadata import version
print(json.dumps([platform.python_version_tuple()[:2], version("ansible-core"), version("namaskah-deploy")]))
"""


@pytest.fixture(scope="module")
def controller(lab_machine: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Controller]:  # noqa: ARG001
    """A controller, an application host and a database host, all Debian 13; another one released v1.0.0."""
    wheels = tmp_path_factory.mktemp("wheels")
    wheel = build_wheel(wheels)
    fleet = Fleet("trixie", {"dashboard": {"namaskah_service_defaults": QUICK}}, app=1, suite="trixie")
    with begun(fleet, KeptApplication) as applications:
        lab = applications["dashboard"].lab
        desk = lab.add_host("desk", group="controller", suite="trixie")
        desk.boot()
        lab.add_wheels(ROOT / "requirements" / "run.txt", suites=["trixie"])
        lab.wheels.add(wheels)
        made = Controller(desk, applications["dashboard"])
        made.install(f"{lab.wheels.url}{wheel.name}")
        made.furnish()
        yield made


def test_it_has_the_newest_that_is_promised(controller: Controller) -> None:
    """What `requirements/run.txt` pins for this Python, installed by its own pip."""
    python, core, tool = json.loads(controller.host.ssh([f"{TOOL}/bin/python", "-c", VERSIONS]).stdout)
    assert python == ["3", "13"]
    assert core.startswith("2.21.")
    assert tool == controller.host.ssh([f"{TOOL}/bin/namaskah-deploy", "--version"]).stdout.split()[-1]


def test_a_release_and_a_rollback(controller: Controller) -> None:
    """A release and the way back, by an operator who is not root and has nothing but the wheel."""
    for words, live in (
        (("lab", "--ref", "v1.1.0", "--yes"), "v1.1.0"),
        (("rollback", "lab", "--tag", "v1.0.0", "--yes"), "v1.0.0"),
    ):
        done = controller.cli(*words)
        assert done.returncode == 0, done.stdout + done.stderr
        assert controller.application.live_tags() == {"app1": live}
