"""What the tests of provisioning work on: bare hosts, the variables that describe them, and how a run is judged."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from typing import Any

from tests.support.lab.application import Application
from tests.support.lab.host import Host
from tests.support.lab.lab import Lab

APP = "dashboard"
ROOT = f"/srv/{APP}"
RUNTIME = f"/run/{APP}"
# Words that may appear nowhere but in the files that are made for them. Each holds what quoting gets wrong.
PASSWORDS = {
    "owner": "Sentinel-owner:1\\x",
    "app": "Sentinel-app:2/@%x",
    "backup": "Sentinel-backup:3\\:",
    "proof": "Sentinel-proof'4$x",
}
SECRET_KEY = 'Sentinel-key"5\\ $HOME `id` #x'  # noqa: S105 - of hosts that live for one test run
SERVICES = {
    "web": {"command": ["python3"], "listen": "socket", "overlap": True, "stop_timeout": 12},
    "api": {"command": ["python3"], "listen": "port", "ports": {"blue": 8101, "green": 8102}},
    "worker": {"command": ["python3"]},
}
VARIABLES: dict[str, Any] = {
    "provision_login": "ops",
    "namaskah_services": SERVICES,
    "namaskah_shared_paths": ["media", "exports/daily"],
    "provision_locations": {"/": "web", "/api/": "api"},
    "provision_shared_urls": {"/media/": "media"},
    "provision_environment": {
        "DATABASE_URL": "{{ provision_database_app_url }}",
        "SECRET_KEY": SECRET_KEY,
        "LINES": "first\nsecond",
    },
    "provision_migrate_environment": {"DATABASE_URL": "{{ provision_database_owner_url }}"},
    **{f"provision_database_{role}_password": password for role, password in PASSWORDS.items()},
}
_RECAP = re.compile(r"^(\S+) +: ok=\d+ +changed=(\d+) +unreachable=(\d+) +failed=(\d+)", re.MULTILINE)


@dataclass
class Fleet:
    """An application host and a database host, and what the last complete run printed."""

    application: Application
    output: str = ""

    @property
    def lab(self) -> Lab:
        """The lab that the hosts stand in."""
        return self.application.lab

    @property
    def app(self) -> Host:
        """The application host."""
        return self.lab.hosts["app1"]

    @property
    def database(self) -> Host:
        """The database host."""
        return self.lab.hosts["db1"]

    def provision(self, *words: str, **variables: Any) -> subprocess.CompletedProcess[str]:
        """Run the playbook with these variables changed for this run; the caller judges its end."""
        kept = dict(self.application.variables)
        self.application.write(**variables)
        try:
            return self.application.playbook("provision", *words)
        finally:
            self.application.variables = kept
            self.application.write()

    def changes(self, *words: str, **variables: Any) -> dict[str, int]:
        """Run the playbook, which must succeed; return the number of changes on each host that it worked on."""
        done = self.provision(*words, **variables)
        self.output = done.stdout + done.stderr
        assert done.returncode == 0, self.output[-6000:]
        return {host: int(changed) for host, changed, _, _ in _RECAP.findall(done.stdout)}

    def part(self, part: str, host: Host, **variables: Any) -> int:
        """Run one part of provisioning on one host; return the number of changes there."""
        found = self.changes("--limit", host.name, provision_parts=[part], **variables)
        assert set(found) == {host.name}
        return found[host.name]

    def refusal(self, *parts: str, host: Host, **variables: Any) -> str:
        """Run these parts on one host, which must refuse; return all that was said."""
        done = self.provision("--limit", host.name, provision_parts=list(parts), **variables)
        assert done.returncode == 2, done.stdout[-3000:]
        return done.stdout + done.stderr


def bare_fleet(lab: Lab, *, suite: str = "bookworm", pm2: bool = False, **variables: Any) -> Fleet:
    """Add and boot bare hosts app1 and db1; nothing is provisioned yet."""
    lab.add_host("app1", group="app", suite=suite, layers=["pm2"] if pm2 else [], bare=True)
    lab.add_host("db1", group="database", suite=suite, bare=True)
    lab.boot()
    fleet = Fleet(Application(lab, APP, {**VARIABLES, **variables}))
    fleet.application.write()
    return fleet


def as_user(host: Host, user: str, script: str) -> subprocess.CompletedProcess[str]:
    """Run a shell script on the host as `user`, as if it had got a shell; the caller judges its end."""
    return host.run(["runuser", "-u", user, "--", "sh", "-c", script], check=False)
