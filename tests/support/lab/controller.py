"""What is a host that an operator releases from?"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass

from tests.support.lab.application import PLAYBOOK_SECONDS, Application
from tests.support.lab.host import Host

TOOL = "/opt/namaskah"
OPERATOR = "ops"


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
