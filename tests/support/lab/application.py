"""How is a sample application released to the hosts of a lab? Writes its environment, and speaks for the operator.

An environment is the sample's own variables (examples/<sample>/environment.yml) and the lab's places and secrets.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.support.lab.host import Host
from tests.support.lab.lab import Lab
from tests.support.lab.wheels import WHEEL_PORT
from tests.support.project import ROOT

API_TOKEN = "lab-api-token-0123456789"  # noqa: S105 - of hosts that live for one test run
CONTROLLER = "controller"  # its name on every host (host_files.py)
NAMED_WHEELS = f"http://{CONTROLLER}:{WHEEL_PORT}/"
PLAYBOOK_SECONDS = 900  # no playbook of a test takes longer


@dataclass
class Application:
    """One sample on the hosts of one lab, in the environment `lab`."""

    lab: Lab
    sample: str
    variables: dict[str, Any] = field(default_factory=dict)
    groups: dict[str, list[str]] = field(default_factory=dict)
    """Further groups of the inventory: name and hosts."""

    @property
    def folder(self) -> Path:
        """The inventory folder; environments are folders in it."""
        return self.lab.folder / f"inventory-{self.sample}"

    @property
    def inventory(self) -> Path:
        """The folder of the environment `lab`."""
        return self.folder / "lab"

    @property
    def root(self) -> str:
        """The application's root on every host."""
        return f"/srv/{self.sample}"

    def prepare(self) -> None:
        """Build the sample's git history, serve its wheels, and write the environment. Needs running hosts."""
        repository = self.lab.origin.path(self.sample)
        if not any((repository / "refs" / "heads").iterdir()):
            shutil.rmtree(repository)  # the origin makes an empty one; the history wants a new folder
            subprocess.run(
                [sys.executable, "examples/history.py", self.sample, str(repository)],
                cwd=ROOT,
                check=True,
                capture_output=True,
                timeout=120,
            )
        suites = sorted({host.record.suite for host in self.lab.hosts.values()})
        self.lab.add_wheels(*self._requirements(repository), suites=suites)
        self.write()

    def _requirements(self, repository: Path) -> list[Path]:
        """Return a file for the requirements of each tag that can be installed, and the sample's further ones."""
        git = ["git", f"--git-dir={repository}"]
        tags = subprocess.run([*git, "tag"], check=True, capture_output=True, text=True, timeout=30).stdout.split()
        folder = self.lab.folder / f"requirements-{self.sample}"
        folder.mkdir(exist_ok=True)
        files = []
        for tag in tags:
            if tag.startswith("v"):
                show = [*git, "show", f"{tag}:requirements.txt"]
                text = subprocess.run(show, check=True, capture_output=True, text=True, timeout=30).stdout
                files.append(folder / f"{tag}.txt")
                files[-1].write_text(text)
        return files + sorted((ROOT / "examples" / self.sample).glob("requirements-*.txt"))

    def write(self, **variables: Any) -> None:
        """Write the environment anew, with these variables changed."""
        self.variables.update(variables)
        places = self.inventory / "group_vars" / "all"
        places.mkdir(parents=True, exist_ok=True)
        hosts = json.loads(self.lab.inventory.read_text())
        hosts["all"]["vars"]["ansible_user"] = "deploy"
        for name, members in self.groups.items():
            hosts["all"]["children"][name] = {"hosts": {member: {} for member in members}}
        (self.inventory / "hosts.yml").write_text(json.dumps(hosts, indent=2) + "\n")
        own = (ROOT / "examples" / self.sample / "environment.yml").read_text()
        (places / "application.yml").write_text(own)
        (places / "lab.yml").write_text(yaml.safe_dump({**self._places(), **self.variables}))

    def _places(self) -> dict[str, Any]:
        database = f"{self.sample}_"
        address = self.lab.group("database")[0].address
        url = f"postgresql://{{user}}:{{user}}-Secret-1@{address}:5432/{self.sample}"
        return {
            "namaskah_environment": "lab",
            "namaskah_repository": self.lab.origin.url(self.sample),
            "namaskah_controller_repository": str(self.lab.origin.path(self.sample)),
            # By name, for each lab has other addresses, and virtualenvs are named after these words.
            "namaskah_pip_arguments": ["--no-index", "--find-links", NAMED_WHEELS, "--trusted-host", CONTROLLER],
            "namaskah_migrate_env_file": f"{self.root}/shared/.env.migrate",
            "provision_deploy_authorized_keys": [self.lab.keys.public_line],
            **{f"provision_database_{role}_password": f"{database}{role}-Secret-1" for role in ("owner", "app")},
            "provision_database_restore": f"{database}restore",
            # Costs each of some hundred releases two seconds of the processor; of hosts `as_found` they are archived.
            "backup_static": False,
            "provision_environment": {
                "SECRET_KEY": "lab-secret-key-0123456789",
                "ALLOWED_HOSTS": "*",
                "API_TOKEN": API_TOKEN,
                "DATABASE_URL": url.replace("{user}", f"{database}app"),
            },
            "provision_migrate_environment": {"DATABASE_URL": url.replace("{user}", f"{database}owner")},
        }

    def services(self) -> dict[str, Any]:
        """Return the services as the sample's own environment names them."""
        own = yaml.safe_load((ROOT / "examples" / self.sample / "environment.yml").read_text())
        found: dict[str, Any] = own["namaskah_services"]
        return found

    # --- What an operator does --------------------------------------------------------------------

    def playbook(self, name: str, *words: str, seconds: float = PLAYBOOK_SECONDS) -> subprocess.CompletedProcess[str]:
        """Run a playbook by plain ansible-playbook; the caller judges the exit status."""
        return subprocess.run(
            self.command(name, *words),
            cwd=ROOT,
            env=environment(),
            capture_output=True,
            text=True,
            check=False,
            timeout=seconds,
            stdin=subprocess.DEVNULL,
        )

    def command(self, name: str, *words: str) -> list[str]:
        """Return the words of a plain ansible-playbook call."""
        tool = Path(sys.executable).parent / "ansible-playbook"
        return [str(tool), "-i", str(self.inventory), f"playbooks/{name}.yml", *words]

    def provision(self) -> None:
        """Provision every host; raises AssertionError with the playbook's output when it fails."""
        done = self.playbook("provision", "-e", "ansible_user=ops")
        assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]

    def deploy(self, ref: str, *words: str) -> subprocess.CompletedProcess[str]:
        """Release `ref` by plain ansible-playbook."""
        return self.playbook("deploy", "-e", f"namaskah_ref={ref}", *words)

    def rollback(self, tag: str = "", *words: str) -> subprocess.CompletedProcess[str]:
        """Roll back by plain ansible-playbook."""
        return self.playbook("rollback", "-e", f"namaskah_target_tag={tag}", *words)

    def have_live(self, tag: str) -> None:
        """Have a release live on every host, whatever an earlier test left there."""
        if set(self.live_tags().values()) == {tag}:
            return
        allow = ["-e", '{"namaskah_allow": ["bad-release", "drift", "take-over"]}']
        self.cli("recover", "lab", "--yes", "--allow", "take-over")
        done = self.rollback(tag, *allow)
        if set(self.live_tags().values()) != {tag}:
            done = self.deploy(tag, *allow)
        assert set(self.live_tags().values()) == {tag}, done.stdout[-6000:] + done.stderr[-2000:]

    def cli(self, *words: str, seconds: float = PLAYBOOK_SECONDS) -> subprocess.CompletedProcess[str]:
        """Run the command line as an operator would, without a terminal."""
        tool = Path(sys.executable).parent / "namaskah-deploy"
        return subprocess.run(
            [str(tool), *words, "--inventory", str(self.folder)],
            cwd=ROOT,
            env=environment(),
            capture_output=True,
            text=True,
            check=False,
            timeout=seconds,
            stdin=subprocess.DEVNULL,
        )

    def start_cli(self, *words: str) -> subprocess.Popen[str]:
        """Start the command line and return at once; `end` waits for it."""
        tool = Path(sys.executable).parent / "namaskah-deploy"
        return subprocess.Popen(
            [str(tool), *words, "--inventory", str(self.folder)],
            cwd=ROOT,
            env=environment(),
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def end(self, running: subprocess.Popen[str]) -> str:
        """Wait for a started command line; return all that it said."""
        output, _ = running.communicate(timeout=PLAYBOOK_SECONDS)
        return output

    def await_act(self, host: Host, act: str, running: subprocess.Popen[str], seconds: float = 300) -> None:
        """Wait until the host's journal has a new record of `act`, a phase's name for the begin of one.

        Fails when the command ends before.
        """
        begin, end = self._count(host, act), time.monotonic() + seconds
        while self._count(host, act) <= begin:
            assert running.poll() is None, f"it ended before {host.name} {act}: {self.end(running)}"
            assert time.monotonic() < end, f"{host.name} never {act}"
            time.sleep(0.1)

    def _count(self, host: Host, act: str) -> int:
        whole = host.read(f"{self.root}/journal.jsonl").rpartition("\n")[0]  # the last line may be in the making
        records = [json.loads(line) for line in whole.splitlines()]
        return sum(act in (record["act"], record.get("phase")) and record["act"] != "ended" for record in records)

    # --- What the hosts say -----------------------------------------------------------------------

    def record(self, host: str) -> dict[str, Any]:
        """Return the record of the release that `current` names on a host."""
        text = self.lab.hosts[host].ssh(["sh", "-c", LIVE_RECORD, "sh", self.root]).stdout
        found: dict[str, Any] = json.loads(text)
        return found

    def live_tags(self) -> dict[str, str]:
        """Return the tag that each application host serves, by its `current` link."""
        return {host.name: str(self.record(host.name)["tag"]) for host in self.lab.group("app")}

    def fingerprint(self, host: str) -> str:
        """Return owners, modes, links and contents of all that a release leaves, without names and times of runs."""
        command = ["sh", "-c", FINGERPRINT, "sh", self.root]
        return self.lab.hosts[host].ssh(command).stdout


# On a host that only an older version has been on (tests/museum) it is in the release.
LIVE_RECORD = (
    'cat "$1/records/$(basename "$(readlink "$1/current")").json" 2>/dev/null || cat "$1/current/.release.json"'
)
# Release ids, run ids and times become X; records (files.json: times of files) and journals are left out.
FINGERPRINT = r"""
cd "$1/current/" && find . -not -name '*.pyc' -not -name launch.json \
  -not -name files.json -printf '%P %y %m %u %g %l\n' \
  | sed -E 's/[0-9]{8}T[0-9]{6}Z-[0-9a-f]{12}/X/g; s/(blue|green)/I/g' | sort
find . -type f -not -name '*.pyc' -not -name launch.json -not -name files.json \
  -exec sha256sum {} + | sort -k 2
cd "$1" && find . -maxdepth 1 -printf '%P %y %m %u %g\n' | sort
ls -l shared/assets -R | grep -v '^total' | sed -E 's/[A-Z][a-z]{2} +[0-9]+ [0-9:]+//'
"""


def environment() -> dict[str, str]:
    """Return what an operator's shell passes on: nothing of this machine's own settings for Ansible or Python."""
    kept = {
        name: os.environ[name]
        for name in ("HOME", "USER", "PATH", "XDG_CACHE_HOME", "XDG_STATE_HOME")
        if name in os.environ
    }
    return {**kept, "LC_ALL": "C.UTF-8", "PATH": f"{Path(sys.executable).parent}:{kept['PATH']}"}
