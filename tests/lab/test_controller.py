"""Does the built wheel release from a Debian 13 controller, with Python 3.13 and ansible-core 2.21, to Debian 13?"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.lab.conftest import QUICK
from tests.support.building import build_wheel
from tests.support.lab.application import PLAYBOOK_SECONDS, Application
from tests.support.lab.host import Host
from tests.support.lab.lab import Lab
from tests.support.lab.production_set import add_production_set
from tests.support.project import ROOT

pytestmark = pytest.mark.lab

TOOL = "/opt/namaskah"
OPERATOR = "ops"
VERSIONS = """
import json, platform
from importlib.metadata import version
print(json.dumps([platform.python_version_tuple()[:2], version("ansible-core"), version("namaskah-deploy")]))
"""


@dataclass
class Controller:
    """A host that an operator releases from, and the application whose environment lies on it."""

    host: Host
    application: Application

    def install(self, wheel: str) -> None:
        """Install the wheel with pip alone; the lab's wheels are the only index."""
        self.host.ssh(["python3", "-m", "venv", TOOL])
        self.host.ssh([f"{TOOL}/bin/pip", "install", "--quiet", wheel], timeout=600)

    def furnish(self) -> None:
        """Give the operator the environment, the key to the hosts and a repository, at the same paths as here."""
        lab = self.application.lab
        for path in (lab.keys.private, lab.keys.known_hosts, self.application.folder, lab.origin.path("dashboard")):
            self.host.run(["mkdir", "-p", str(path.parent)])
            self.host.copy_in(path, str(path))
        self.host.run(["chown", "-R", OPERATOR, str(lab.folder)])

    def cli(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run the installed command line as the operator; the caller judges the exit status."""
        command = [f"{TOOL}/bin/namaskah-deploy", *words, "--inventory", str(self.application.folder)]
        return self.host.ssh(command, user=OPERATOR, check=False, timeout=PLAYBOOK_SECONDS)


@pytest.fixture(scope="module")
def controller(lab_machine: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Controller]:  # noqa: ARG001
    """A controller, an application host and a database host, all Debian 13, provisioned."""
    wheels = tmp_path_factory.mktemp("wheels")
    wheel = build_wheel(wheels)
    with Lab.create() as lab:
        lab.add_host("desk", group="controller", suite="trixie")
        add_production_set(lab, app=1, suite="trixie")
        lab.add_wheels(ROOT / "requirements" / "run.txt", suites=["trixie"])
        lab.wheels.add(wheels)
        application = Application(lab, "dashboard", {"namaskah_service_defaults": QUICK})
        application.prepare()
        application.provision()
        made = Controller(lab.hosts["desk"], application)
        made.install(f"{lab.wheels.url}{wheel.name}")
        made.furnish()
        yield made


def test_it_has_the_newest_that_is_promised(controller: Controller) -> None:
    """What `requirements/run.txt` pins for this Python, installed by its own pip."""
    python, core, tool = json.loads(controller.host.ssh([f"{TOOL}/bin/python", "-c", VERSIONS]).stdout)
    assert python == ["3", "13"]
    assert core.startswith("2.21.")
    assert tool == controller.host.ssh([f"{TOOL}/bin/namaskah-deploy", "--version"]).stdout.split()[-1]


def test_releases_and_a_rollback(controller: Controller) -> None:
    """Two releases and the way back, by an operator who is not root and has nothing but the wheel."""
    for words, live in (
        (("lab", "--ref", "v1.0.0", "--yes"), "v1.0.0"),
        (("lab", "--ref", "v1.1.0", "--yes"), "v1.1.0"),
        (("rollback", "lab", "--tag", "v1.0.0", "--yes"), "v1.0.0"),
    ):
        done = controller.cli(*words)
        assert done.returncode == 0, done.stdout + done.stderr
        assert controller.application.live_tags() == {"app1": live}
