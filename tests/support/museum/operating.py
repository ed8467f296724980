"""How is a fleet of the museum operated? By one environment, which names hosts instead of addresses, then as now."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.support.lab.application import PLAYBOOK_SECONDS, Application, environment
from tests.support.lab.lab import Lab
from tests.support.lab.wheels import WHEEL_PORT
from tests.support.museum.exhibits import DATABASE_HOST, HOSTS, SAMPLE
from tests.support.project import ROOT

OPERATOR = "asha"
CONTROLLER = "controller"  # the lab's name of itself on its hosts, and the name that runs of the museum are led from
# Runs in a name space of its own, so that the name of no real machine gets into the records of hosts.
_NAMED = ["unshare", "--uts", "--", "sh", "-c", f'hostname {CONTROLLER} && exec "$@"', "sh"]


def fleet(lab: Lab) -> None:
    """Give the lab the hosts of the museum, still off."""
    for name, (group, manager) in HOSTS.items():
        lab.add_host(name, group=group, layers=["pm2"] if manager == "pm2" else [])


@dataclass
class Operated(Application):
    """The sample on the hosts of a lab, told by `settled` variables; `checkout` holds the tool that is used."""

    settled: dict[str, Any] = field(default_factory=dict)
    checkout: Path = ROOT
    python: Path = Path(sys.executable)

    def write(self, **variables: Any) -> None:
        """Write the environment anew, with these variables changed."""
        self.variables.update(variables)
        places = self.inventory / "group_vars" / "all"
        places.mkdir(parents=True, exist_ok=True)
        hosts = json.loads(self.lab.inventory.read_text())
        hosts["all"]["vars"]["ansible_user"] = "deploy"
        (self.inventory / "hosts.yml").write_text(json.dumps(hosts, indent=2) + "\n")
        own = {
            "namaskah_controller_repository": str(self.lab.origin.path(SAMPLE)),
            "provision_deploy_authorized_keys": [self.lab.keys.public_line],
        }
        (places / "all.yml").write_text(yaml.safe_dump({**self.settled, **own, **self.variables}))
        for name, (_, manager) in HOSTS.items():
            if manager:
                file = self.inventory / "host_vars" / f"{name}.yml"
                file.parent.mkdir(exist_ok=True)
                file.write_text(yaml.safe_dump({"namaskah_process_manager": manager}))

    def words(self) -> dict[str, Any]:
        """Return what the environment says, without anything of this lab: to be kept, and settled later."""
        own = yaml.safe_load((ROOT / "examples" / SAMPLE / "environment.yml").read_text())
        url = f"postgresql://{{user}}:{{user}}-Secret-1@{DATABASE_HOST}:5432/{SAMPLE}"
        wheels = ["--no-index", "--find-links", f"http://{CONTROLLER}:{WHEEL_PORT}/", "--trusted-host", CONTROLLER]
        named = {
            "namaskah_repository": f"git://{CONTROLLER}/{SAMPLE}.git",
            "namaskah_pip_arguments": wheels,
            "provision_environment": {
                **self._places()["provision_environment"],
                "DATABASE_URL": url.replace("{user}", f"{SAMPLE}_app"),
            },
            "provision_migrate_environment": {"DATABASE_URL": url.replace("{user}", f"{SAMPLE}_owner")},
        }
        of_the_lab = ("namaskah_controller_repository", "provision_deploy_authorized_keys")
        places = {name: value for name, value in self._places().items() if name not in of_the_lab}
        return {**own, **places, **named}

    # --- What an operator does, with the tool of the checkout ------------------------------------------

    def _surroundings(self) -> dict[str, str]:
        known = environment()
        path = f"{self.python.parent}{os.pathsep}{known['PATH']}"
        source = {"PYTHONPATH": str(self.checkout / "runner")}
        return {**known, **source, "PATH": path, "USER": OPERATOR, "LOGNAME": OPERATOR}

    def command(self, name: str, *words: str) -> list[str]:
        """Return the words of a plain ansible-playbook call."""
        tool = self.python.parent / "ansible-playbook"
        return [*_NAMED, str(tool), "-i", str(self.inventory), f"playbooks/{name}.yml", *words]

    def playbook(self, name: str, *words: str, seconds: float = PLAYBOOK_SECONDS) -> subprocess.CompletedProcess[str]:
        """Run a playbook by plain ansible-playbook; the caller judges the exit status."""
        return self._run(self.command(name, *words), seconds)

    def cli(self, *words: str, seconds: float = PLAYBOOK_SECONDS) -> subprocess.CompletedProcess[str]:
        """Run the command line as an operator would, without a terminal."""
        return self._run(self._typed(*words), seconds)

    def start_cli(self, *words: str) -> subprocess.Popen[str]:
        """Start the command line and return at once; `end` waits for it."""
        return subprocess.Popen(
            self._typed(*words),
            cwd=self.checkout,
            env=self._surroundings(),
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def _typed(self, *words: str) -> list[str]:
        tool = self.python.parent / "namaskah-deploy"
        return [*_NAMED, str(tool), *words, "--inventory", str(self.folder)]

    def _run(self, words: list[str], seconds: float) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            words,
            cwd=self.checkout,
            env=self._surroundings(),
            capture_output=True,
            text=True,
            check=False,
            timeout=seconds,
            stdin=subprocess.DEVNULL,
        )
