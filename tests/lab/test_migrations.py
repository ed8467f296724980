"""Does an operator see what a release does to the database, and get back over it, by the command line on real hosts?"""

from __future__ import annotations

import json

import pytest

from tests.support.lab.guarded import Guarded

pytestmark = [pytest.mark.lab, pytest.mark.soak]
COLUMNS = "SELECT attname FROM pg_attribute WHERE attrelid = 'payments_payment'::regclass AND attnum > 0"


def columns(application: Guarded) -> set[str]:
    (server,) = application.lab.group("database")
    asked = server.run(["su", "postgres", "-c", f'psql -XAt {application.sample} -c "{COLUMNS}"'])
    return set(asked.stdout.split())


def test_seen_refused_allowed_refused_and_taken_back(guarded: Guarded) -> None:
    releases = ["ls", f"{guarded.root}/releases"]
    (host,) = guarded.lab.group("app")
    before = host.ssh(releases).stdout
    plan = guarded.cli("plan", "lab", "--ref", "v2.0.0", "--prepare", "--json")
    assert plan.returncode == 0, plan.stdout[-4000:] + plan.stderr[-2000:]
    shown = json.loads(plan.stdout)["hosts"][host.name]
    text = "\n".join(shown["pending migrations"])
    assert 'RENAME COLUMN "amount" TO "amount_minor" [ACCESS EXCLUSIVE]' in text
    assert "breaks: payments_payment.amount renamed to amount_minor" in text
    assert shown["schema"] == "breaking"
    assert host.ssh(releases).stdout == before
    assert columns(guarded) & {"amount", "amount_minor", "note"} == {"amount"}

    refused = guarded.cli("deploy", "lab", "--ref", "v2.0.0", "--yes", "--json")
    assert refused.returncode == 1, refused.stdout[-4000:]
    failure = json.loads(refused.stdout)["failures"][0]
    assert (failure["phase"], failure["failure"]["class"]) == ("migration", "refused")
    assert "--allow breaking-schema" in failure["failure"]["next"]
    assert columns(guarded) & {"amount", "amount_minor", "note"} == {"amount"}

    done = guarded.cli("deploy", "lab", "--ref", "v2.0.0", "--yes", "--allow", "breaking-schema", "--json")
    assert done.returncode == 0, done.stdout[-4000:]
    assert json.loads(done.stdout)["facts"]["schema"] == "breaking"

    back = guarded.cli("rollback", "lab", "--tag", "v1.0.0", "--yes")
    assert back.returncode == 1, back.stdout[-4000:]
    assert "2 migrations ahead: older code FAILS on them; nothing was switched" in back.stdout + back.stderr
    assert guarded.live_tags() == {host.name: "v2.0.0"}

    back = guarded.cli("rollback", "lab", "--tag", "v1.0.0", "--reverse-migrations", "--yes", "--json")
    assert back.returncode == 0, back.stdout[-4000:]
    names = ["payments.0003_amount_minor", "payments.0002_payment_note"]
    assert json.loads(back.stdout)["facts"]["migrations reversed"] == names
    assert guarded.live_tags() == {host.name: "v1.0.0"}
    assert columns(guarded) & {"amount", "amount_minor", "note"} == {"amount"}
