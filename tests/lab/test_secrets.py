"""Does a secret come to light? Marks are planted in all of them, and everything that runs leave behind is searched."""

from __future__ import annotations

import json
import time
import urllib.parse
from pathlib import Path
from typing import Any

import pytest

from tests.support.lab import broken_world, sentinels
from tests.support.lab.guarded import Guarded
from tests.support.lab.host import Host
from tests.support.lab.sampler import Sampler
from tests.support.lab.sentinels import Search

pytestmark = pytest.mark.lab

CANARY = sentinels.mark()  # shows that the search and the sampler see what is there
# What a careless build prints when it fails: its environment, in the forms that programs give to it.
CARELESS = """
import base64, json, os, shlex, sys, urllib.parse as url
for name in ("SECRET_KEY", "API_TOKEN", "DATABASE_URL", "PIP_FIND_LINKS"):
    value = os.environ[name]
    print(name, value, repr(value), json.dumps(value), shlex.quote(value), url.quote(value), url.quote_plus(value))
    print(name, base64.b64encode(value.encode()).decode(), value.encode().hex())
print(url.unquote(url.urlsplit(os.environ["DATABASE_URL"]).password))
sys.exit(3)
"""
MIGRATION: dict[str, Any] = {
    "namaskah_pending_command": ["{venv}/bin/python", "-c", "import os,sys; sys.exit(str(os.environ))"]
}
BUILD: dict[str, Any] = {"namaskah_build_commands": [["{venv}/bin/python", "-c", CARELESS]]}
REPLY = {"name": "vault", "path": "/ws/notifications", "message": "{{ vault_websocket }}", "expect": "what never comes"}
# Where a secret may stand: on the hosts the environment files and the database itself.
ALLOWED = ("/srv/dashboard/shared/.env", "/srv/dashboard/shared/.env.migrate")
DATABASE = "/var/lib/postgresql/"


class Evidence:
    """What the commands said, what was seen meanwhile, and since when; the hosts' own files are older."""

    def __init__(self, application: Guarded, sampler: Sampler) -> None:
        self.application = application
        self.sampler = sampler
        self.since = time.time()
        self.said: dict[str, str] = {}
        self.ended: dict[str, int] = {}
        self.search = Search({**application.marks, "canary": CANARY})

    def playbook(self, title: str, name: str, *words: str) -> None:
        """Run a playbook with every word that Ansible can say."""
        self._keep(title, self.application.playbook(name, "-vvv", *words))

    def cli(self, title: str, *words: str) -> None:
        """Run the command line with every word that it can say."""
        self._keep(title, self.application.cli(*words, "-vvv"))

    def _keep(self, title: str, done: Any) -> None:
        self.said[title], self.ended[title] = done.stdout + done.stderr, done.returncode


@pytest.fixture(scope="module")
def evidence(guarded: Guarded) -> Evidence:
    """Every kind of run, good ones and bad ones, by both ways, at the highest verbosity."""
    with Sampler() as sampler:
        found = Evidence(guarded, sampler)
        host = guarded.lab.hosts["app1"]
        host.run(["sh", "-c", 'echo "$1" | tee /tmp/canary | systemd-cat; sleep 1', "sh", CANARY])
        found.playbook("provision", "provision", "--diff", "-e", "ansible_user=ops")
        found.playbook("release", "deploy", "-e", "namaskah_ref=v1.2.0")
        found.cli("failing start", "deploy", "lab", "--ref", "broken-start", "--yes")
        with broken_world.inventory(guarded, **BUILD):
            found.cli("failing build", "deploy", "lab", "--ref", "v1.3.0", "--yes")
        with broken_world.inventory(guarded, **MIGRATION):
            found.playbook("failing migration", "deploy", "-e", "namaskah_ref=v1.3.0")
        with broken_world.inventory(guarded, verification_websockets=[REPLY]):
            found.cli("failing check", "verify", "lab", "--json")
        found.cli("rollback", "rollback", "lab", "--tag", "v1.0.0", "--yes", "--json")
        found.cli("backup", "backup", "lab", "--yes", "--events")
    return found


def test_the_runs_ended_as_they_should(evidence: Evidence) -> None:
    """Otherwise the search would look at runs that never came to the secrets."""
    good = {"provision", "release", "rollback", "backup"}
    wrong = {
        title: evidence.said[title][-3000:] for title, code in evidence.ended.items() if (code == 0) != (title in good)
    }
    assert not wrong, wrong
    assert all("***" in evidence.said[title] for title in evidence.said if title.startswith("failing build"))


def test_no_command_said_one(evidence: Evidence) -> None:
    """Standard output and standard error, at -vvv."""
    told = {title: sorted(evidence.search.data(text.encode())) for title, text in evidence.said.items()}
    assert not any(told.values()), {title: (names, context(evidence, title)) for title, names in told.items() if names}


def test_no_process_carried_one(evidence: Evidence) -> None:
    """Command lines on the controller and on the hosts."""
    found = {line: names for line in evidence.sampler.seen if (names := evidence.search.data(line))}
    assert any("canary" in names for names in found.values()), "the sampler does not see the hosts' processes"
    leaked = {line[:300]: names for line, names in found.items() if names != {"canary"}}
    assert not leaked, leaked


def test_the_controller_keeps_none(evidence: Evidence) -> None:
    """The operator's home (records, reports, caches, Ansible's folders), temporary files, the repository."""
    application = evidence.application
    folders = [str(application.home), str(application.folder), str(application.lab.origin.folder), "/tmp", "/dev/shm"]  # noqa: S108
    found = evidence.search.folders(folders, evidence.since)
    password_file = str(application.vault_password_file)
    assert not {path: names for path, names in found.items() if path != password_file}
    assert evidence.search.file(password_file) == {"vault password"}
    assert not evidence.search.file(str(application.vault))
    assert any((application.home / ".local/state/namaskah-deploy/runs").glob("*/report.json")), "no record was searched"


@pytest.mark.parametrize("name", ["app1", "db1"])
def test_a_host_keeps_none(evidence: Evidence, name: str) -> None:
    """Every file that changed since, but those that are meant to hold secrets."""
    found = searched(evidence, evidence.application.lab.hosts[name])
    canary = found.pop("/tmp/canary", None)  # noqa: S108 - on the host
    assert canary == (["canary"] if name == "app1" else None)
    leaked = {path: names for path, names in found.items() if path not in ALLOWED and not path.startswith(DATABASE)}
    leaked = {path: names for path, names in leaked.items() if not ("/journal/" in path and names == ["canary"])}
    assert not leaked


@pytest.mark.parametrize("name", ["app1", "db1"])
def test_a_journal_keeps_none(evidence: Evidence, name: str) -> None:
    """The journal compresses what is long, so it is read by its own program; the kernel's messages are in it."""
    host = evidence.application.lab.hosts[name]
    text = host.run(
        ["journalctl", "--all", "--merge", "--output=export", f"--since=@{int(evidence.application.since)}"]
    ).stdout
    found = evidence.search.data(text.encode(errors="replace"))
    assert found == ({"canary"} if name == "app1" else set())


def test_the_places_that_are_meant_hold_them(evidence: Evidence) -> None:
    """Otherwise nothing was planted."""
    app = evidence.application.lab.hosts["app1"]
    written = "".join(app.read(path) for path in ALLOWED)
    meant = set(evidence.application.marks) - {"vault password", "websocket"}
    assert evidence.search.data(urllib.parse.unquote(written).encode()) == meant


def searched(evidence: Evidence, host: Host) -> dict[str, list[str]]:
    """Search a whole host by the same code."""
    asked = {
        "marks": {**evidence.application.marks, "canary": CANARY},
        "folders": ["/"],
        "since": evidence.application.since,
    }
    source = Path(sentinels.__file__).read_text()
    found: dict[str, list[str]] = json.loads(
        host.run(["python3", "-c", source], stdin=json.dumps(asked), timeout=300).stdout
    )
    return {path.replace("//", "/", 1): names for path, names in found.items()}


def context(evidence: Evidence, title: str) -> list[str]:
    """Return the lines of what a command said that hold a mark, cut around it."""
    lines = evidence.said[title].splitlines()
    return [line[:200] for line in lines if evidence.search.data(line.encode())][:5]
