"""Does the database go back together with the code on real hosts, and is exactly that lost which the report says?"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.lab.application import Application
from tests.support.lab.interrupted import consistent, kill_all
from tests.support.lab.loads import under_load
from tests.support.load import Load, Rates

pytestmark = pytest.mark.lab
REPORT = [{"table": "payments_payment", "group_by": ["caller"]}]
BACK = ("rollback", "lab", "--tag", "v1.0.0", "--restore-database")
COLUMNS = "SELECT attname FROM pg_attribute WHERE attrelid = 'payments_payment'::regclass AND attname LIKE 'amount%'"


def sql(application: Application, statement: str) -> str:
    """What the database's own superuser reads."""
    (host,) = application.lab.group("database")
    return host.run(["su", "postgres", "-c", f'psql -XqAt {application.sample} -c "{statement}"']).stdout.strip()


def payments(application: Application) -> int:
    return int(sql(application, "SELECT count(*) FROM payments_payment"))


def stands_on(application: Application, tag: str, column: str) -> None:
    """Assert that every host serves this release, and that the database has the schema of its code."""
    assert set(application.live_tags().values()) == {tag}
    assert sql(application, COLUMNS) == column
    for host in application.lab.group("app"):
        consistent(application, host)


@pytest.fixture(scope="module")
def ahead(dashboard: Application) -> Iterator[Application]:
    """The fleet on v2.0.0, on whose schema v1.0.0 fails; the backup before it was made while v1.0.0 ran."""
    dashboard.write(restore_report=REPORT)
    done = dashboard.deploy("v2.0.0", "-e", '{"namaskah_allow": ["breaking-schema"]}')
    assert done.returncode == 0, done.stdout[-6000:]
    yield dashboard
    dashboard.write(restore_report=[])


@pytest.mark.fault("front: unreachable", ends="returned", where="rollback --restore-database, all switched")
def test_a_switch_that_fails_takes_the_newer_database_back_too(ahead: Application) -> None:
    ahead.write(verification_public_url="http://127.0.0.1:1")
    try:
        done = ahead.cli(*BACK, "--confirm", "lab", "--json")
    finally:
        ahead.write(verification_public_url="")
    assert done.returncode == 3, done.stdout[-3000:] + done.stderr[-6000:]
    # Every host has switched, and it was the public address that was refused: nothing earlier.
    told = json.loads(done.stdout)
    assert {one["phase"] for one in told["failures"]} == {"verification"}, told["failures"]
    assert "127.0.0.1:1" in json.dumps(told["failures"])
    switched = [one for one in told["results"] if one["action"] == "namaskah_activate" and "instance" in one["data"]]
    assert {one["host"] for one in switched} == {host.name for host in ahead.lab.group("app")}
    restores = [one for one in told["results"] if one["action"] == "namaskah_restore"]
    assert "swapped" in [one["data"].get("phase") for one in restores]
    assert restores[-1]["data"]["phase"] == "returned"
    stands_on(ahead, "v2.0.0", "amount_minor")


@pytest.mark.fault("controller killed", ends="returned", where="rollback --restore-database, a host has switched")
def test_killed_after_the_swap_recover_takes_both_back(ahead: Application) -> None:
    (first, *_) = ahead.lab.group("app")
    running = ahead.start_cli(*BACK, "--confirm", "lab")
    ahead.await_act(first, "switched", running)
    kill_all(running)
    assert sql(ahead, COLUMNS) == "amount"
    refused = ahead.cli("resume", "lab", "--yes")
    assert refused.returncode == 2, refused.stdout + refused.stderr
    assert "abort lab" in refused.stderr
    done = ahead.cli("abort", "lab", "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    stands_on(ahead, "v2.0.0", "amount_minor")


@pytest.mark.fault("database: written since the backup", ends="swapped", where="rollback --restore-database under load")
def test_code_and_database_go_back_together_and_exactly_the_reported_rows_are_lost(ahead: Application) -> None:
    answer: dict[str, Any] = {}

    def work(_first: Load, _second: Load) -> None:
        refused = ahead.cli(*BACK, "--yes")
        assert refused.returncode == 2, refused.stderr
        assert "--confirm lab" in refused.stderr
        done = ahead.cli(*BACK, "--confirm", "lab", "--json")
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-6000:]
        answer.update(json.loads(done.stdout))

    reports = under_load(ahead, work, rates=Rates.of_total(5))
    stands_on(ahead, "v1.0.0", "amount")
    told = [one["data"] for one in answer["results"] if one["action"] == "namaskah_restore"]
    assert told[-1]["phase"] == "confirmed"
    swapped = next(one for one in told if one.get("phase") == "swapped")
    lost = swapped["loss"]["tables"]["public.payments_payment"]
    assert lost["inserted"] > 0
    grouped = sum(group["rows"] for entry in swapped["loss"]["sums"] for group in entry["groups"])
    assert grouped == lost["inserted"] + lost["updated"]
    print(f"held off {swapped['held_off_ms']:.0f} ms, {lost['inserted']} payments lost, "
          f"{sum(r.failed for r in reports)} of {sum(r.sent for r in reports)} requests failed, "
          f"longest gap {max(r.longest_gap_ms for r in reports):.0f} ms")  # fmt: skip
    kept = ahead.cli("backups", "swap-back", "lab", "--confirm", "lab")
    assert kept.returncode == 0, kept.stderr
    assert sql(ahead, COLUMNS) == "amount_minor"
    held = payments(ahead)
    assert ahead.cli("lock", "acquire", "lab", "-m", "incident 4711").returncode == 0
    kept_out = ahead.cli("backups", "restore", "lab", answer["facts"]["restored backup"], "--confirm", "lab")
    assert kept_out.returncode == 7, kept_out.stdout + kept_out.stderr
    assert "incident 4711" in kept_out.stderr
    assert ahead.cli("lock", "release", "lab").returncode == 0
    assert sql(ahead, COLUMNS) == "amount_minor", "nothing is restored beside who has the lease"
    again = ahead.cli("backups", "restore", "lab", answer["facts"]["restored backup"], "--confirm", "lab")
    assert again.returncode == 0, again.stderr
    assert held - payments(ahead) == lost["inserted"] - lost["deleted"]
    stands_on(ahead, "v1.0.0", "amount")


@pytest.mark.soak
def test_a_backup_of_a_database_that_was_ahead_is_not_taken(ahead: Application) -> None:
    """After a rollback of the code alone the newest backup under the older code has the newer schema."""
    forward = ("deploy", "lab", "--ref", "v2.0.0", "--yes", "--allow", "breaking-schema", "--allow", "bad-release")
    for words in (
        *([forward] if set(ahead.live_tags().values()) != {"v2.0.0"} else []),
        ("rollback", "lab", "--tag", "v1.0.0", "--yes", "--allow", "schema-ahead"),
        forward,
        (*BACK, "--confirm", "lab"),
    ):
        done = ahead.cli(*words)
        assert done.returncode == 0, f"{words}\n{done.stdout}{done.stderr}"
    stands_on(ahead, "v1.0.0", "amount")
