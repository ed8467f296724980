"""How did a release end? Reads the end from what the operator was told, and the state from the host itself."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import time
from dataclasses import dataclass
from typing import Any

from tests.support.lab.application import API_TOKEN, Application
from tests.support.lab.host import Host
from tests.support.lab.loads import LIGHT
from tests.support.load import PROFILES, Load, Settings, resolve_target

# What a role's failure is called where outcomes are written down (examples/*/history/expected.json).
PHASES = {
    "preflight": "preflight",
    "preparation": "prepare",
    "migration": "migrate",
    "activation": "activate",
    "verification": "verify",
}
IN_HAND = 90  # seconds for what a run leaves in hand: the drain, and the stop of the idle instance


@dataclass(frozen=True)
class End:
    """The end of a release: exit status, the phase of the first failure ("" where all was well), what was told."""

    status: int
    phase: str
    told: str

    @property
    def line(self) -> str:
        """What was told, in one line: Ansible breaks long ones anywhere."""
        return " ".join(self.told.split())


def by_playbook(application: Application, tag: str, **variables: Any) -> End:
    """Release a tag by plain ansible-playbook, with further variables."""
    done = application.deploy(tag, "-e", json.dumps(variables))
    told = done.stdout + done.stderr
    return End(done.returncode, _first_failed(done.stdout), told)


def by_command(application: Application, tag: str) -> End:
    """Release a tag by the command line, which answers in JSON."""
    done = application.cli("lab", "--ref", tag, "--yes", "--json")
    failures = json.loads(done.stdout)["failures"]
    phase = PHASES.get(failures[0]["phase"], failures[0]["phase"]) if failures else ""
    return End(done.returncode, phase, done.stdout + done.stderr)


def _first_failed(output: str) -> str:
    """Return the phase of the task under which the first host failed."""
    role = ""
    for line in output.splitlines():
        header = re.match(r"TASK \[(\w+) : ", line)
        role = header.group(1) if header else role
        if line.startswith("fatal: ["):
            return PHASES.get(role, role)
    return ""


# --- The only application host ------------------------------------------------------------------------


def host_of(application: Application) -> Host:
    """Return the application host; these tests have one."""
    (host,) = application.lab.group("app")
    return host


def port_of(application: Application) -> int:
    """Return the port of the application's front: two applications share the hosts."""
    return int(application.variables["provision_http_port"])


def light_load(application: Application) -> Load:
    """Return a load of every kind that leaves two cores time for the release itself."""
    address = host_of(application).address
    target = resolve_target(f"http://{address}:{port_of(application)}", allow=(f"{address}/32",))
    profile = PROFILES[application.sample]
    return Load(Settings(target, profile, token=API_TOKEN, rates=LIGHT, websockets=2, seconds=900))


def records(application: Application, tag: str) -> list[dict[str, Any]]:
    """Return the records of the releases of a tag on the host, oldest first."""
    script = f"cat {shlex.quote(application.root)}/records/*.json"
    text = host_of(application).run(["sh", "-c", script]).stdout
    found: list[dict[str, Any]] = []
    decoder, at = json.JSONDecoder(), 0
    while at < len(text.rstrip()):
        record, at = decoder.raw_decode(text, at)
        found.append(record)
        at += len(text[at:]) - len(text[at:].lstrip())
    return sorted((record for record in found if record["tag"] == tag), key=lambda record: str(record["id"]))


def answers(application: Application) -> set[str]:
    """Return the releases that answer on the live instance's own socket and at the front, several times each."""
    script = """
    cd "$1" || exit 1
    for _ in 1 2 3 4; do
      curl -sf --max-time 10 --unix-socket "$(readlink -f current/run)/web.sock" http://localhost/healthz && echo
      curl -sf --max-time 10 "http://127.0.0.1:$2/healthz" && echo
    done
    """
    words = ["sh", "-c", script, "sh", application.root, str(port_of(application))]
    lines = host_of(application).ssh(words).stdout.splitlines()
    assert len(lines) == 8, lines
    return {str(json.loads(line)["release"]) for line in lines}


def running(application: Application) -> set[str]:
    """Return the releases whose code any process on the host runs, by the processes' own folders."""
    script = 'for process in /proc/[0-9]*; do readlink "$process/cwd"; done; true'
    folders = host_of(application).run(["sh", "-c", script]).stdout.split()
    prefix = f"{application.root}/releases/"
    return {folder.removeprefix(prefix).partition("/")[0] for folder in folders if folder.startswith(prefix)}


def comes_to_rest(application: Application) -> None:
    """Wait until the host has nothing left in hand from the last switch."""
    end = time.monotonic() + IN_HAND
    pending = f"{application.root}/switch.json"
    while host_of(application).run(["test", "-e", pending], check=False).returncode == 0:
        assert time.monotonic() < end, host_of(application).read(pending)
        time.sleep(0.3)


def log_of(application: Application, service: str) -> str:
    """Return what a service said lately, read as the deploy user where it may, for failures say "read the log"."""
    host = host_of(application)
    if application.variables["namaskah_process_manager"] == "systemd":
        names = (f"{application.sample}-{service}@{instance}" for instance in ("blue", "green"))
        units = [word for name in names for word in ("-u", name)]
        return host.ssh(["journalctl", "-o", "cat", "-n", "400", "--no-pager", *units], user="deploy").stdout
    script = f"tail -q -n 200 /var/lib/{application.sample}/.pm2/logs/{application.sample}-{service}-*.log"
    return host.run(["sh", "-c", script]).stdout


def reverse_by_hand(application: Application, release: str, venv: str) -> subprocess.CompletedProcess[str]:
    """Take the newest migration of a release back, as an operator would: as the deploy user, in its own folder."""
    reverse = {
        "dashboard": "python manage.py migrate payments 0001",
        "ledger": "alembic downgrade 0001",
    }[application.sample]
    shared, place = f"{application.root}/shared", f"{application.root}/venvs/{venv}/bin"
    script = f"set -ae; . {shared}/.env; . {shared}/.env.migrate; cd {application.root}/releases/{release}; "
    return host_of(application).ssh(["sh", "-c", f"{script} {place}/{reverse}"], user="deploy")
