"""Do the commands about backups do what they say on real hosts, and is a copy on a second host one to believe?"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.lab import broken_world
from tests.support.lab.guarded import Guarded
from tests.support.lab.host import Host

pytestmark = [pytest.mark.lab, pytest.mark.soak]
PLACE = "/srv/copies/dashboard"
KEY = "/home/deploy/.ssh/copies"
KNOWN = "/home/deploy/.ssh/copies_known_hosts"
NEEDED = "taken before a release that is kept"


class Operator:
    """Types the commands of the group `backups`."""

    def __init__(self, application: Guarded) -> None:
        self.application = application

    def __call__(self, *words: str) -> subprocess.CompletedProcess[str]:
        return self.application.operate(["namaskah-deploy", *words, "--inventory", str(self.application.folder)])

    def json(self, *words: str) -> Any:
        """What the host that backs up said, as a program reads it."""
        done = self(*words, "--json")
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout)["hosts"]["db1"]

    def ids(self) -> list[str]:
        """The backups, oldest first."""
        return [backup["id"] for backup in self.json("backups", "list", "lab")["backups"]]


@pytest.fixture(scope="module")
def vault(guarded: Guarded) -> Iterator[Host]:
    """The application's host as a place for copies of a user of its own, whose key only the deploy user of db1 has."""
    database, vault = guarded.lab.hosts["db1"], guarded.lab.hosts["app1"]
    database.run(["su", "deploy", "-c", f"mkdir -p -m 700 ~/.ssh && ssh-keygen -q -t ed25519 -N '' -f {KEY}"])
    vault.run(["useradd", "--create-home", "--shell", "/bin/sh", "copies"])
    vault.run(["install", "-d", "-o", "copies", "-m", "0700", "/srv/copies"])
    line = f'from="{database.address}",restrict {database.read(KEY + ".pub").strip()}'
    vault.write("/home/copies/.ssh/authorized_keys", line + "\n", mode="0600", owner="copies")
    vault.run(["chown", "copies", "/home/copies/.ssh"])
    know(guarded, vault.read("/etc/ssh/ssh_host_ed25519_key.pub"))
    yield vault
    vault.run(["userdel", "--force", "--remove", "copies"])  # a session of it may linger
    vault.run(["rm", "-rf", "/srv/copies"])
    database.run(["rm", "-f", KEY, KEY + ".pub", KNOWN])


def know(guarded: Guarded, key: str) -> None:
    """Tell the deploy user of db1 by which key the place for copies is known."""
    kind, text = key.split()[:2]
    address = guarded.lab.hosts["app1"].address
    guarded.lab.hosts["db1"].write(KNOWN, f"{address} {kind} {text}\n", mode="0600", owner="deploy", group="deploy")


def targets(guarded: Guarded) -> list[dict[str, str]]:
    to = f"copies@{guarded.lab.hosts['app1'].address}:{PLACE}"
    return [{"name": "vault", "kind": "rsync", "to": to, "key": KEY, "known_hosts": KNOWN}]


def test_backup_is_copied_to_a_second_host_and_read_back_there(guarded: Guarded, vault: Host) -> None:
    operator = Operator(guarded)
    with broken_world.inventory(guarded, backup_copies=targets(guarded), backup_copy_required=True):
        done = operator("backup", "lab", "--yes", "--json")
        assert done.returncode == 0, done.stdout + done.stderr
        facts = json.loads(done.stdout)["facts"]
        made = facts["backup"]
        assert facts["backup copies"] == ["vault"]
        listed = operator.json("backups", "lab")["backups"][-1]
        assert listed["id"] == made
        assert listed["marks"] == ["copy at vault"]
        there = vault.run(["find", f"{PLACE}/{made}", "-type", "f", "-printf", "%f %u %m\n"]).stdout.split("\n")
        assert sorted(filter(None, there)) == [
            f"{name} copies 600" for name in ("copy.json", "database.dump", "manifest.json", "manifest.json.sha256")
        ]
        sums = [
            host.run(["sha256sum", f"{place}/{made}/database.dump"]).stdout.split()[0]
            for host, place in ((vault, PLACE), (guarded.lab.hosts["db1"], "/var/backups/dashboard"))
        ]
        assert sums[0] == sums[1]
        # Whoever answers with another key gets nothing, and the operator is told.
        know(guarded, guarded.lab.hosts["db1"].read("/etc/ssh/ssh_host_ed25519_key.pub"))
        refused = operator("backup", "lab", "--yes")
        assert refused.returncode != 0
        assert "verification failed" in refused.stdout + refused.stderr
        assert operator.json("backups", "list", "lab")["backups"][-1]["marks"] == ["COPY FAILED: vault"]
        know(guarded, vault.read("/etc/ssh/ssh_host_ed25519_key.pub"))
        again = operator("backups", "copy", "lab", operator.ids()[-1])
        assert again.returncode == 0, again.stdout + again.stderr


# Does what the sender's ssh asks for, and then damages what was sent.
SPOILING = """#!/bin/sh
sh -c "$SSH_ORIGINAL_COMMAND"
code=$?
for dump in /srv/copies/*/*/database.dump; do printf x >> "$dump"; done
exit $code
"""


@pytest.mark.fault("copy damaged at the target", ends="found")
def test_copy_that_is_damaged_there_is_not_believed(guarded: Guarded, vault: Host) -> None:
    operator, keys = Operator(guarded), "/home/copies/.ssh/authorized_keys"
    line = vault.read(keys)
    vault.write("/usr/local/bin/spoiling", SPOILING, mode="0755")
    with broken_world.inventory(guarded, backup_copies=targets(guarded), backup_copy_required=True):
        vault.write(keys, f'command="/usr/local/bin/spoiling",{line}', mode="0600", owner="copies")
        try:
            done = operator("backup", "lab", "--yes")
        finally:
            vault.write(keys, line, mode="0600", owner="copies")
        assert done.returncode != 0
        assert "differs from what was sent: database.dump" in done.stdout + done.stderr
        made = operator.ids()[-1]
        assert "manifest.json" not in vault.run(["ls", f"{PLACE}/{made}"]).stdout.split()
        again = operator("backups", "copy", "lab", made)
        assert again.returncode == 0, again.stdout + again.stderr
        assert operator.json("backups", "list", "lab")["backups"][-1]["marks"] == ["copy at vault"]


@pytest.mark.fault("disk full: copies", ends="found", where="on the second host")
def test_copy_for_which_there_is_no_room_there_is_made_later(guarded: Guarded, vault: Host) -> None:
    operator = Operator(guarded)
    with broken_world.inventory(guarded, backup_copies=targets(guarded), backup_copy_required=True):
        vault.limit_disk("/srv/copies", 16)
        try:
            vault.fill_disk("/srv/copies", leave_kilobytes=8)
            done = operator("backup", "lab", "--yes")
        finally:
            vault.unlimit_disk("/srv/copies")
        assert done.returncode != 0
        assert re.search("No space left on device|is a disk full, there", done.stdout + done.stderr), done.stdout
        listed = operator.json("backups", "list", "lab")["backups"][-1]
        assert listed["marks"] == ["COPY FAILED: vault"]
        assert operator("backups", "verify", "lab", listed["id"]).returncode == 0
        again = operator("backups", "copy", "lab", listed["id"])
        assert again.returncode == 0, again.stdout + again.stderr


def test_backups_are_shown_verified_pinned_and_pruned(guarded: Guarded) -> None:
    operator = Operator(guarded)
    with broken_world.inventory(guarded, backup_keep_count=1, backup_keep_days=0):
        for _ in range(2):
            assert operator("backup", "lab", "--yes").returncode == 0
        ids = operator.ids()
        assert len(ids) >= 3
        shown = operator.json("backups", "show", "lab", ids[-1])["backups"][0]
        assert shown["moment"]["snapshot"].count(":") == 2
        assert shown["proof"] == "proved"
        table = operator("backups", "show", "lab", ids[-1])
        assert ids[-1] in table.stdout
        assert operator("backups", "verify", "lab").returncode == 0
        assert operator("backups", "keep", "lab", ids[0], "--reason", "the audit").returncode == 0
        foreseen = operator.json("backups", "prune", "lab", "--dry-run")["verdicts"]
        assert foreseen[0]["why"].startswith("pinned by ")
        assert foreseen[-1]["why"] == "the last proved one"
        assert operator("backups", "prune", "lab").returncode == 2, "nobody was asked"
        assert operator.ids() == ids
        gone = operator.json("backups", "prune", "lab", "--yes")["removed"]
        assert gone == [verdict["id"] for verdict in foreseen if not verdict["stays"]]
        assert gone
        assert operator.ids() == [name for name in ids if name not in gone]
        assert operator("backups", "unkeep", "lab", ids[0]).returncode == 0
        # Nobody pins it now; it was taken before the release that is live, so it is needed all the same.
        assert operator.json("backups", "prune", "lab", "--dry-run")["verdicts"][0]["why"] == NEEDED
        assert operator.json("backups", "prune", "lab", "--yes")["removed"] == []
        damage = f"/var/backups/dashboard/{ids[-1]}/database.dump"
        host = guarded.lab.hosts["db1"]
        host.run(["sh", "-c", 'cp -p "$1" "$1".whole && printf x >> "$1" && mv "$1".whole /root/whole', "sh", damage])
        verdict = operator("backups", "verify", "lab", ids[-1])
        host.run(["mv", "/root/whole", damage])
        assert verdict.returncode == 5
        assert "database.dump has" in verdict.stderr
        assert operator("backups", "verify", "lab").returncode == 0
