"""Does a host that an older version installed go on with the tool of today, without being provisioned again?

Each exhibit is put on blank hosts and booted, which is a power cut in the state that it shows. One application host is
under systemd and one under pm2, so every step is taken under both. README.md says what the exhibits are.
"""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest

from tests.support.museum.capture import psql
from tests.support.museum.exhibits import APP_HOSTS, DATABASE_HOST, SAMPLE, Exhibit
from tests.support.museum.make import HELD_FOR, PINNED_FOR, VAULT
from tests.support.museum.thaw import Hall

pytestmark = pytest.mark.lab
LEASE_HELD, DIFFERS = 7, 5  # exit codes (docs/reference/cli.md)
PAYMENTS = "SELECT count(*) FROM payments"
NOTES = "SELECT count(*) FROM information_schema.columns WHERE column_name = 'note'"  # brought by v1.3.0
UNFINISHED = ("provisional", "leased", "prepared", "migrated", "swapped")


def typed(hall: Hall, *words: str, status: int = 0) -> subprocess.CompletedProcess[str]:
    """Type a command of the tool of today, and insist on its exit status."""
    done = hall.operated.cli(*words)
    assert done.returncode == status, f"{words}: {done.returncode}\n{done.stdout[-4000:]}\n{done.stderr[-6000:]}"
    return done


def serves(hall: Hall, live: dict[str, str]) -> None:
    """Assert that each host serves the release that its `current` names, and that it is of this tag."""
    assert hall.operated.live_tags() == live
    for name in APP_HOSTS:
        answer = hall.lab.hosts[name].run(["curl", "-sf", "--max-time", "10", "http://127.0.0.1/healthz"]).stdout
        assert json.loads(answer)["release"] == hall.operated.record(name)["id"]


def told(hall: Hall, exhibit: Exhibit) -> None:
    """Assert that `status` ends as expected and names what is to be known."""
    expected = exhibit.expected["status"]
    done = typed(hall, "status", "lab", status=expected["code"])
    line = " ".join((done.stdout + done.stderr).split())
    assert [word for word in expected["words"] if word not in line] == [], done.stdout + done.stderr


def asked(hall: Hall, statement: str) -> str:
    """Return what the live database answers to its superuser."""
    return psql(hall.lab.hosts[DATABASE_HOST], statement, SAMPLE).strip()


def backups(hall: Hall) -> list[dict[str, Any]]:
    """Return what is told of the backups, oldest first."""
    said = json.loads(typed(hall, "backups", "list", "lab", "--json").stdout)
    found: list[dict[str, Any]] = said["hosts"][DATABASE_HOST]["backups"]
    return found


def test_a_fleet_at_rest_goes_on(hall: Hall) -> None:
    """A person's hold holds and ends; releases, pins, copies and the kept database are known; two ways back work."""
    exhibit = hall.show("held")
    serves(hall, exhibit.expected["live"])
    told(hall, exhibit)
    refused = typed(hall, "rollback", "lab", "--yes", status=LEASE_HELD)
    assert HELD_FOR in refused.stdout + refused.stderr
    # Whoever took it was known by LOGNAME then; now the system says who asks, and root is not asha.
    refused = typed(hall, "lock", "release", "lab", status=LEASE_HELD)
    assert "--allow take-over" in refused.stdout + refused.stderr
    typed(hall, "lock", "release", "lab", "--allow", "take-over", "-m", "asha was a name of the environment")
    listed = backups(hall)
    assert [one["id"] for one in listed] == exhibit.facts["backups"]
    marks = [" ".join(one["marks"]) for one in listed]
    assert PINNED_FOR in marks[0] or "pinned" in marks[0], marks
    assert sum(f"copy at {VAULT}" in one for one in marks) == 1, marks
    typed(hall, "backups", "verify", "lab")
    typed(hall, "rollback", "lab", "--yes")
    serves(hall, dict.fromkeys(APP_HOSTS, "v1.0.0"))
    typed(hall, "backups", "swap-back", "lab", "--confirm", "lab")
    assert asked(hall, PAYMENTS) == str(exhibit.facts["rows"]["replaced"])
    typed(hall, "backups", "restore", "lab", exhibit.facts["backups"][1], "--confirm", "lab")
    assert asked(hall, PAYMENTS) == str(exhibit.facts["rows"]["restored"])
    serves(hall, dict.fromkeys(APP_HOSTS, "v1.0.0"))
    typed(hall, "status", "lab")


@pytest.mark.parametrize("name", UNFINISHED)
def test_a_run_that_died_under_an_older_version_is_ended(hall: Hall, name: str) -> None:
    """The boot unit brings the release of before, `status` names the run, and `recover` makes the fleet final."""
    exhibit = hall.show(name)
    serves(hall, exhibit.expected["booted"])
    told(hall, exhibit)
    typed(hall, "recover", "lab", "--yes")
    serves(hall, exhibit.expected["recovered"])
    assert asked(hall, NOTES) == ("0" if name in ("leased", "prepared") else "1"), "it is the database of before"
    typed(hall, "status", "lab")


@pytest.mark.parametrize("name", ["migrated", "provisional"])
def test_a_run_that_died_under_an_older_version_is_finished(hall: Hall, name: str) -> None:
    """What it had prepared and migrated is kept, and it ends under its own name."""
    exhibit = hall.show(name)
    done = typed(hall, "resume", "lab", "--yes")
    assert exhibit.facts["run"] in done.stdout + done.stderr
    serves(hall, dict.fromkeys(APP_HOSTS, "v1.3.0"))
    typed(hall, "status", "lab")


def test_a_split_fleet_is_told_and_made_one(hall: Hall) -> None:
    """Two versions side by side are no accident that recovery would end; a release of one of them makes them one."""
    exhibit = hall.show("split")
    serves(hall, exhibit.expected["live"])
    told(hall, exhibit)
    typed(hall, "recover", "lab", "--yes")
    serves(hall, exhibit.expected["recovered"])
    typed(hall, "deploy", "lab", "--ref", "v1.3.0", "--yes", "--limit", APP_HOSTS[1])
    serves(hall, dict.fromkeys(APP_HOSTS, "v1.3.0"))
    typed(hall, "status", "lab")


@pytest.mark.soak
def test_a_fleet_that_is_provisioned_again_goes_on(hall: Hall) -> None:
    """Backups log in by who asks from then on; what was made, kept and pinned before is of use as it was."""
    exhibit = hall.show("held")
    for requirements in sorted((hall.wing.folder / "requirements").iterdir()):
        hall.lab.add_wheels(requirements, suites=[hall.lab.hosts[APP_HOSTS[0]].record.suite])
    typed(hall, "lock", "release", "lab", "--allow", "take-over", "-m", "asha was a name of the environment")
    noted = json.loads(
        typed(hall, "deploy", "lab", "--ref", "v1.3.0", "--yes", "--json", "--allow", "bad-release").stdout
    )
    assert "by a password" in noted["facts"]["backups log in"]
    hall.operated.provision()
    serves(hall, dict.fromkeys(APP_HOSTS, "v1.3.0"))
    again = hall.operated.playbook("provision", "-e", "ansible_user=ops")
    assert "changed=0" in again.stdout, again.stdout[-4000:]
    assert "changed=1" not in again.stdout, again.stdout[-4000:]
    typed(hall, "backups", "verify", "lab")
    assert [one["id"] for one in backups(hall)][: len(exhibit.facts["backups"])] == exhibit.facts["backups"]
    noted = json.loads(typed(hall, "rollback", "lab", "--yes", "--json").stdout)
    noted = json.loads(typed(hall, "deploy", "lab", "--ref", "v1.3.0", "--yes", "--json").stdout)
    assert "backups log in" not in noted["facts"], noted["facts"]
    assert noted["facts"]["backup proof"] == "proved"
    typed(hall, "backups", "restore", "lab", exhibit.facts["backups"][1], "--confirm", "lab")
    assert asked(hall, PAYMENTS) == str(exhibit.facts["rows"]["restored"])
    typed(hall, "status", "lab")
