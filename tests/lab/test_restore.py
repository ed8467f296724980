"""Is the database taken back together with the code on real hosts, and is exactly that lost which the report says?"""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.lab.application import API_TOKEN, Application
from tests.lab.test_release import under_load
from tests.load import Load

pytestmark = pytest.mark.lab
REPORT = [{"table": "payments_payment", "group_by": ["status"], "sum": ["amount"]}]


def sql(application: Application, statement: str, database: str = "dashboard") -> str:
    """What the database's own superuser reads."""
    host = application.lab.group("database")[0]
    done = host.ssh(["sudo", "-u", "postgres", "psql", "-XqAt", "-d", database, "-c", statement], user="ops")
    return done.stdout.strip()


def payments(application: Application, database: str = "dashboard") -> int:
    return int(sql(application, "SELECT count(*) FROM payments_payment", database))


@pytest.mark.fault("database: written since the backup", ends="swapped", where="rollback --restore-database under load")
def test_code_and_database_go_back_together_and_exactly_the_reported_rows_are_lost(dashboard: Application) -> None:
    before = set(dashboard.live_tags().values())
    if before != {"v1.0.0"}:
        assert dashboard.rollback("v1.0.0").returncode == 0
    done = dashboard.deploy("v1.1.0")
    assert done.returncode == 0, done.stdout[-6000:]
    held = payments(dashboard)
    dashboard.write(restore_report=REPORT)
    answer: dict[str, Any] = {}

    def work(_first: Load, _second: Load) -> None:
        refused = dashboard.cli("rollback", "lab", "--tag", "v1.0.0", "--restore-database", "--yes")
        assert refused.returncode == 2, refused.stderr
        assert "--confirm lab" in refused.stderr
        words = ("--tag", "v1.0.0", "--restore-database", "--confirm", "lab", "--json")
        gone = dashboard.cli("rollback", "lab", *words)
        assert gone.returncode == 0, gone.stdout[-3000:] + gone.stderr[-6000:]
        answer.update(json.loads(gone.stdout))

    reports = under_load(dashboard, work, rate=5)  # each request has a connection of its own, and there are 100
    assert set(dashboard.live_tags().values()) == {"v1.0.0"}
    told = [one["data"] for one in answer["results"] if one["action"] == "namaskah_restore"]
    swapped = next(one for one in reversed(told) if "held_off_ms" in one)
    sql(dashboard, f"ALTER DATABASE {swapped['kept']} ALLOW_CONNECTIONS true", "postgres")
    lost = swapped["loss"]["tables"]["public.payments_payment"]
    assert lost["inserted"] == payments(dashboard, swapped["kept"]) - lost["rows_before"]
    assert lost["rows_before"] <= held
    assert sum(group["rows"] for entry in swapped["loss"]["sums"] for group in entry["groups"]) == lost["inserted"]
    assert sum(report.ledger.acknowledged for report in reports) > 0
    print(f"held off {swapped['held_off_ms']:.0f} ms, {lost['inserted']} payments lost, "
          f"{sum(r.failed for r in reports)} of {sum(r.sent for r in reports)} requests failed, "
          f"longest gap {max(r.longest_gap_ms for r in reports):.0f} ms")  # fmt: skip
    back = dashboard.cli("backups", "swap-back", "lab", "--confirm", "lab")
    assert back.returncode == 0, back.stderr
    assert payments(dashboard) == lost["rows_before"] + lost["inserted"]
    assert API_TOKEN
