"""What does the tool of a commit leave on hosts, in every state? Brings a lab there with that tool, and keeps it.

    python -m tests.support.museum.make 8e1ebe7 [--python OTHER/bin/python] [--only NAME ...]

Takes root, the repository's history, and a quarter of an hour. The tool of the commit runs by this interpreter, or by
`--python`: one of a virtual environment with that commit's requirements, should they have become others.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.lab.interrupted import kill_all
from tests.support.lab.lab import Lab
from tests.support.lab.production_set import start_services
from tests.support.museum import capture
from tests.support.museum.exhibits import APP_HOSTS, DATABASE_HOST, PLACE, SAMPLE, Exhibit, Wing
from tests.support.museum.operating import CONTROLLER, OPERATOR, Operated, fleet
from tests.support.project import ROOT

# The return is armed for longer than a capture takes, a dead run's lease is over soon, and nothing is waited for.
VARIABLES = {
    "namaskah_lease_ttl": 60,
    "namaskah_settle": 2,
    "namaskah_service_defaults": {
        "listen": "none",
        "ports": {},
        "overlap": False,
        "health": {},
        "boot_timeout": 60,
        "stop_timeout": 30,
        "drain": 2,
    },
}
PINNED_FOR = "the audit of the year"
HELD_FOR = "incident 4711, ask Asha"
VAULT = "vault"
_KEY = "/home/deploy/.ssh/copies"
_KNOWN = "/home/deploy/.ssh/copies_known_hosts"
ROWS = {"restored": 40, "replaced": 50}  # payments in the database that is live, and in the one that it replaced
_PAID = """INSERT INTO payments (idempotency_key, amount)
SELECT 'museum-{0}-' || n, 100 * n FROM generate_series(1, {1}) AS n"""


@dataclass
class Maker:
    """The fleet on its way from one state to the next."""

    fleet: Operated
    wing: Wing
    only: list[str]

    def keep(self, name: str, what: str, expected: dict[str, Any], **more: Any) -> None:
        """Keep the fleet as it is now, as an exhibit."""
        if self.only and name not in self.only:
            return
        folder = self.wing.folder / name
        taken = time.time()
        numbers = capture.capture(self.fleet.lab, folder)
        venvs = {host: capture.venvs(self.fleet.lab.hosts[host]) for host in APP_HOSTS}
        facts = {"databases": numbers, "venvs": {host: sorted(found) for host, found in venvs.items()}}
        facts |= more.pop("facts", {})
        Exhibit(folder, what, taken, {"live": self.fleet.live_tags(), **expected}, facts, **more).save()
        for found in venvs.values():
            for venv, requirements in found.items():
                file = self.wing.requirements(venv)
                file.parent.mkdir(exist_ok=True)
                file.write_text(requirements)
        size = sum(path.stat().st_size for path in folder.iterdir())
        say(f"kept {name}: {what} ({size // 1024} KiB)")

    def done(self, *words: str, status: int = 0) -> subprocess.CompletedProcess[str]:
        """Type a command, and insist on its exit status."""
        say(" ".join(words))
        done = self.fleet.cli(*words)
        if done.returncode != status:
            raise SystemExit(f"{words} ended with {done.returncode}:\n{done.stdout[-6000:]}\n{done.stderr[-6000:]}")
        return done

    def crash(self, when: Callable[[], bool], *words: str) -> str:
        """Type a command and kill everything of it when something is so; return the run's name."""
        say(f"{' '.join(words)}, and its end")
        running, end = self.fleet.start_cli(*words), time.monotonic() + 300
        while not when():
            if running.poll() is not None or time.monotonic() > end:
                raise SystemExit(f"{words} was not where it was to be killed:\n{self.fleet.end(running)[-6000:]}")
            time.sleep(0.05)
        kill_all(running)
        time.sleep(2)  # what a module still does on a host ends with its connection
        return str(self.acts(APP_HOSTS[0])[-1]["run"])

    def acts(self, host: str) -> list[dict[str, Any]]:
        """Return what a host's journal holds."""
        whole = self.fleet.lab.hosts[host].read(f"{self.fleet.root}/journal.jsonl").rpartition("\n")[0]
        return [json.loads(line) for line in whole.splitlines()]

    def counted(self, hosts: tuple[str, ...], act: str, phase: str = "") -> Callable[[], bool]:
        """Return a question: has each host's journal one more record of an act than now?"""

        def count(host: str) -> int:
            return sum((one["act"], one.get("phase", "")) == (act, phase) for one in self.acts(host))

        before = {host: count(host) for host in hosts}
        return lambda: all(count(host) > before[host] for host in hosts)

    def settle(self) -> None:
        """Bring the fleet back to rest, with v1.1.0 live."""
        time.sleep(VARIABLES["namaskah_lease_ttl"])  # type: ignore[arg-type] # a number of this dictionary
        self.done("recover", "lab", "--yes", "--allow", "take-over")
        assert set(self.fleet.live_tags().values()) == {"v1.1.0"}, self.fleet.live_tags()

    # --- The states, in the order in which one follows from the other ----------------------------------

    def history(self) -> list[str]:
        """Release twice, fail once, with backups: one pinned, one copied; return the backups, oldest first."""
        fleet, database = self.fleet, self.fleet.lab.hosts[DATABASE_HOST]
        self.done("deploy", "lab", "--ref", "v1.0.0", "--yes")
        capture.psql(database, _PAID.format("a", ROWS["restored"]), SAMPLE)
        self.done("deploy", "lab", "--ref", "v1.1.0", "--yes")
        capture.psql(database, _PAID.format("b", ROWS["replaced"] - ROWS["restored"]), SAMPLE)
        self.second_place()
        fleet.write(backup_copies=self.targets(), backup_copy_required=True)
        self.done("backup", "lab", "--yes")
        fleet.variables.clear()
        fleet.write()
        self.done("deploy", "lab", "--ref", "broken-start", "--yes", status=3)
        listed = json.loads(self.done("backups", "list", "lab", "--json").stdout)["hosts"][DATABASE_HOST]["backups"]
        ids = [str(backup["id"]) for backup in listed]
        self.done("backups", "keep", "lab", ids[0], "--reason", PINNED_FOR)
        return ids

    def second_place(self) -> None:
        """A user of its own on an application host, for copies, whose key only the deploy user of the database has."""
        hosts = self.fleet.lab.hosts
        database, place = hosts[DATABASE_HOST], hosts[APP_HOSTS[0]]
        database.run(["su", "deploy", "-c", f"mkdir -p -m 700 ~/.ssh && ssh-keygen -q -t ed25519 -N '' -f {_KEY}"])
        place.run(["useradd", "--create-home", "--shell", "/bin/sh", "copies"])
        place.run(["install", "-d", "-o", "copies", "-m", "0700", "/srv/copies"])
        line = f"restrict {database.read(_KEY + '.pub').strip()}"
        place.write("/home/copies/.ssh/authorized_keys", line + "\n", mode="0600", owner="copies")
        place.run(["chown", "copies", "/home/copies/.ssh"])
        kind, text = place.read("/etc/ssh/ssh_host_ed25519_key.pub").split()[:2]
        database.write(_KNOWN, f"{APP_HOSTS[0]} {kind} {text}\n", mode="0600", owner="deploy", group="deploy")

    @staticmethod
    def targets() -> list[dict[str, str]]:
        """Return the places for copies."""
        to = f"copies@{APP_HOSTS[0]}:/srv/copies/{SAMPLE}"
        return [{"name": VAULT, "kind": "rsync", "to": to, "key": _KEY, "known_hosts": _KNOWN}]

    def states(self) -> None:
        """Go through all states, and keep each."""
        both, first = APP_HOSTS, APP_HOSTS[:1]
        ids = self.history()
        said = self.done("backups", "restore", "lab", ids[1], "--confirm", "lab", "--json")
        facts = {"backups": ids, "restored": json.loads(said.stdout)["facts"], "rows": ROWS}
        self.done("lock", "acquire", "lab", "--for", str(7 * 86400), "--reason", HELD_FOR, "--yes")
        rest = dict.fromkeys(both, "v1.1.0")
        words = {"status": {"code": 0, "words": [f"{OPERATOR}@{CONTROLLER}"]}, "recovered": rest}
        ahead = {f"srv/{SAMPLE}/lease.json": ["expires"]}
        what = "at rest: two releases and a bad one, backups, a pin, a copy, a kept database; held by a person"
        self.keep("held", what, words, facts=facts, ahead=ahead)
        self.done("lock", "release", "lab", "--yes")

        release = ("deploy", "lab", "--ref", "v1.3.0", "--yes", "--allow", "bad-release")
        for name, what, point in (
            ("leased", "its controller was killed when it had the lease", (both, "lease taken")),
            ("prepared", "its controller was killed when the release was prepared", (both, "ended", "prepare")),
            ("migrated", "its controller was killed when the database was migrated", (first, "ended", "migrate")),
            ("provisional", "switched on every host, not confirmed, its controller killed", (both, "switched")),
        ):
            self.died(name, f"a release of v1.3.0: {what}", point, release, ids)
        back = ("rollback", "lab", "--tag", "v1.0.0", "--restore-database", "--confirm", "lab")
        what = "a rollback with its database to v1.0.0: swapped and switched, not confirmed, its controller killed"
        self.died("swapped", what, (both, "switched"), back, ids)
        self.done("deploy", "lab", "--ref", "v1.3.0", "--yes", "--allow", "bad-release", "--limit", first[0])
        live = {"app1": "v1.3.0", "app2": "v1.1.0"}
        words = {"status": {"code": 5, "words": ["v1.3.0", "v1.1.0"]}, "recovered": live}
        self.keep("split", "v1.3.0 on one host and v1.1.0 on the other", words, facts={"backups": ids})

    def died(self, name: str, what: str, point: tuple[Any, ...], command: tuple[str, ...], ids: list[str]) -> None:
        """Keep what a command leaves that is killed at a point, unless another one is asked for; then make it good."""
        if self.only and name not in self.only:
            return
        run = self.crash(self.counted(*point), *command)
        rest = dict.fromkeys(APP_HOSTS, "v1.1.0")
        words = {"status": {"code": 0, "words": [run]}, "booted": rest, "recovered": rest}
        self.keep(name, what, words, facts={"run": run, "backups": ids})
        self.settle()


def say(text: str) -> None:
    """Tell the person who waits."""
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


@contextmanager
def checked_out(commit: str) -> Iterator[Path]:
    """Give a folder with the files of a commit; which ends with the block."""
    with tempfile.TemporaryDirectory(prefix="museum-") as folder:
        archive = subprocess.run(["git", "archive", commit], cwd=ROOT, check=True, capture_output=True).stdout
        subprocess.run(["tar", "--extract", "--directory", folder], input=archive, check=True)
        yield Path(folder)


def main() -> int:
    """Read the arguments and make the exhibits of a commit."""
    parser = argparse.ArgumentParser(description="Keep what the tool of a commit leaves on hosts.")
    parser.add_argument("commit", help="of this repository; the folder of the exhibits has this name")
    parser.add_argument("--python", type=Path, default=Path(sys.executable), help="interpreter that runs that tool")
    parser.add_argument(
        "--only", nargs="+", default=[], metavar="NAME", help="make these exhibits anew, keep the others"
    )
    options = parser.parse_args()
    folder = PLACE / options.commit
    folder.mkdir(parents=True, exist_ok=True)
    with checked_out(options.commit) as checkout, Lab.create() as lab:
        fleet(lab)
        lab.boot()
        for host in lab.hosts.values():
            start_services(host)
        operated = Operated(lab, SAMPLE, checkout=checkout, python=options.python)
        operated.settled = {**operated.words(), **VARIABLES}
        operated.prepare()
        say("provision")
        operated.provision()
        hosts = {
            name: {"users": capture.users(host), "removed": capture.removed(host)} for name, host in lab.hosts.items()
        }
        wing = Wing(folder, options.commit, operated.settled, hosts)
        git = ["git", f"--git-dir={lab.origin.path(SAMPLE)}", "bundle", "create", "--quiet", str(wing.repository)]
        subprocess.run([*git, "--all"], check=True)
        wing.save()
        Maker(operated, wing, options.only).states()
    return 0


if __name__ == "__main__":
    sys.exit(main())
