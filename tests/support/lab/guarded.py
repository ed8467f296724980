"""What does an environment look like whose every secret is in a vault, and holds a mark that can be searched for?

The operator has a home of his own in the lab's folder, so all that a run leaves on the controller is in one place.
"""

from __future__ import annotations

import os
import subprocess
import sys
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.lab import sentinels
from tests.support.lab.application import CONTROLLER, PLAYBOOK_SECONDS, environment
from tests.support.lab.kept import Fleet, KeptApplication, begun
from tests.support.lab.wheels import WHEEL_PORT
from tests.support.project import ROOT

ROLES = ("owner", "app")  # that log in with a password
NAMES = ("vault password", "secret key", "api token", "websocket", "package index", *(f"role {one}" for one in ROLES))
HARD = ":\\@/%'\"+&=#$~"  # what quoting, escaping, .pgpass and addresses each have a rule for
# Services drain for a moment only.
QUICK = {
    "listen": "none",
    "ports": {},
    "overlap": False,
    "health": {},
    "boot_timeout": 60,
    "stop_timeout": 20,
    "drain": 1,
}


@dataclass
class Guarded(KeptApplication):
    """A sample whose secrets come from a vault file.

    The marks are always the same: the hosts of one lab begin with what those of another one had in their files.
    """

    marks: dict[str, str] = field(default_factory=lambda: {name: sentinels.mark(name) for name in NAMES})

    @property
    def home(self) -> Path:
        """The operator's home: cache, state and Ansible's own folders."""
        return self.lab.folder / "operator"

    @property
    def vault(self) -> Path:
        """The encrypted file."""
        return self.inventory / "group_vars" / "all" / "vault.yml"

    @property
    def vault_password_file(self) -> Path:
        """Where the operator keeps the vault's password."""
        return self.home / "vault-password"

    @cached_property
    def surroundings(self) -> dict[str, str]:
        """The operator's environment variables."""
        self.home.mkdir(exist_ok=True)
        self.vault_password_file.write_text(self.marks["vault password"])
        self.vault_password_file.chmod(0o600)
        without = {name: value for name, value in environment().items() if not name.startswith("XDG_")}
        return {**without, "HOME": str(self.home), "ANSIBLE_VAULT_PASSWORD_FILE": str(self.vault_password_file)}

    def write(self, **variables: Any) -> None:
        """Write the environment anew, with these variables changed; the vault once."""
        super().write(**variables)
        if not self.vault.exists():
            self.operate(["ansible-vault", "encrypt", "--output", str(self.vault), "-"], yaml.safe_dump(self._secrets))
            assert self.vault.read_text().startswith("$ANSIBLE_VAULT")

    @property
    def _secrets(self) -> dict[str, Any]:
        """Everything in the vault."""
        password = {role: self.marks[f"role {role}"] + HARD + "x" for role in ROLES}
        database = f"{self.sample}_"
        place = f"{self.lab.group('database')[0].address}:5432/{self.sample}"

        def address(role: str) -> str:
            return f"postgresql://{database}{role}:{urllib.parse.quote(password[role], safe='')}@{place}"

        index = f"http://pip:{self.marks['package index']}@{CONTROLLER}:{WHEEL_PORT}/"
        return {
            **{f"provision_database_{role}_password": password[role] for role in ROLES},
            "vault_websocket": {"type": "ping", "echo": self.marks["websocket"] + "\"'\\&"},
            "provision_environment": {
                "SECRET_KEY": f"{self.marks['secret key']} {HARD}",
                "ALLOWED_HOSTS": "*",
                "API_TOKEN": self.marks["api token"],
                "DATABASE_URL": address("app"),
                "PIP_FIND_LINKS": index,
            },
            "provision_migrate_environment": {"DATABASE_URL": address("owner")},
        }

    def _places(self) -> dict[str, Any]:
        check = {"name": "vault", "path": "/ws/notifications", "message": "{{ vault_websocket }}", "replies": 3}
        return {
            **{name: value for name, value in super()._places().items() if name not in self._secrets},
            "namaskah_pip_arguments": ["--no-index", "--trusted-host", CONTROLLER],
            "namaskah_service_defaults": QUICK,
            "namaskah_settle": 2,
            "verification_websockets": [{**check, "expect_json": {"type": "pong"}}],
        }

    # --- What an operator does --------------------------------------------------------------------

    def operate(
        self, argv: list[str], typed: str | None = None, seconds: float = PLAYBOOK_SECONDS
    ) -> subprocess.CompletedProcess[str]:
        """Run a program of the virtual environment as the operator; the caller judges the exit status."""
        return subprocess.run(
            [str(Path(sys.executable).parent / argv[0]), *argv[1:]],
            cwd=ROOT,
            env=self.surroundings,
            input=typed or "",
            capture_output=True,
            text=True,
            check=False,
            timeout=seconds,
        )

    @contextmanager
    def operating(self, argv: list[str]) -> Iterator[subprocess.Popen[bytes]]:
        """Run such a program beside the block; what it says is in the home's `operating.log`."""
        with (self.home / "operating.log").open("wb") as log:
            program = [str(Path(sys.executable).parent / argv[0]), *argv[1:]]
            running = subprocess.Popen(
                program, cwd=ROOT, env=self.surroundings, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
            try:
                yield running
            finally:
                running.terminate()
                running.wait(30)

    def playbook(self, name: str, *words: str, seconds: float = PLAYBOOK_SECONDS) -> subprocess.CompletedProcess[str]:
        """Run a playbook by plain ansible-playbook."""
        return self.operate(["ansible-playbook", *self.command(name, *words)[1:]], seconds=seconds)

    def cli(self, *words: str, seconds: float = PLAYBOOK_SECONDS) -> subprocess.CompletedProcess[str]:
        """Run the command line, without a terminal."""
        command = ["namaskah-deploy", words[0], "--inventory", str(self.folder), *words[1:]]
        return self.operate(command, seconds=seconds)

    def disconnect(self) -> None:
        """End the ssh connections that earlier runs keep open, so that the next run logs in anew."""
        for socket in (self.home / ".ansible" / "cp").glob("*"):
            end = ["ssh", "-o", f"ControlPath={socket}", "-O", "exit", "host"]
            subprocess.run(end, capture_output=True, check=False, timeout=30, env={**os.environ, **self.surroundings})


@pytest.fixture(scope="session")
def guarded_fleet(lab_machine: None) -> Iterator[Guarded]:  # noqa: ARG001 - asked for its effect
    """The dashboard on one host beside its database, provisioned, v1.0.0 released."""
    with begun(Fleet("guarded", {"dashboard": {}}, app=1), Guarded) as applications:
        yield applications["dashboard"]


@pytest.fixture(scope="module")
def guarded(guarded_fleet: Guarded) -> Guarded:
    """The same, with v1.0.0 live as each file begins; each test leaves it with a good release live."""
    guarded_fleet.have_live("v1.0.0")
    return guarded_fleet
