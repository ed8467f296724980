"""Is what becomes of rows, and for whom a migration waits, told as it was observed? In a real database."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from ansible.module_utils.namaskah_host.failure import Failure
from ansible.module_utils.namaskah_host.release import Release
from ansible.module_utils.namaskah_schema import difference, lost, waits
from ansible.module_utils.namaskah_schema.gate import Gate
from ansible.module_utils.namaskah_schema.session import opened

from tests.support.holding import psql
from tests.support.samples.databases import Databases
from tests.support.samples.site import Site

Build = Callable[..., Site]
ROWS = "INSERT INTO payments (idempotency_key, amount) SELECT g::text, g FROM generate_series(1, 478) g"
BACKUP = {"public.payments": 478, "public.other": 3, "public.gone": 7}
REVISION = """from alembic import op

revision = "0009"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade():
    {upgrade}


def downgrade():
    pass
"""


def with_revision(one: Site, upgrade: str) -> dict[str, Any]:
    """Prepare a release that adds one revision."""
    run = one.prepared("v1.1.0")
    versions = one.root / "releases" / run["release"] / "migrations" / "versions"
    (versions / "0009_data.py").write_text(REVISION.format(upgrade=upgrade))
    return run


@pytest.fixture
def ledger_site(site: Build, postgres: Databases) -> Callable[..., Site]:
    def made(**settings: Any) -> Site:
        one = site("ledger", **settings)
        postgres.query(ROWS, one.database)
        postgres.query("CREATE TABLE other (id int); INSERT INTO other VALUES (1), (2)", one.database)
        return one

    return made


@pytest.mark.fault("migrations: rows deleted", ends="refused")
def test_every_row_deleted_is_refused_by_policy(ledger_site: Build, postgres: Databases) -> None:
    one = ledger_site()
    run = with_revision(one, 'op.execute("DELETE FROM payments")')
    with pytest.raises(Failure, match="payments: every row is deleted") as refused:
        Gate(one.contract, run).apply()
    assert refused.value.kind == "refused"
    assert "--allow data-loss" in refused.value.next_step
    assert postgres.query("SELECT count(*) FROM payments", one.database) == "478"
    bounded = with_revision(one, 'op.execute("DELETE FROM payments WHERE amount > 470")')
    found = Gate(one.contract, bounded, rows=BACKUP).apply()
    assert found["fewer_told"] == ["table public.payments: 478 rows in the backup, 470 now"]
    one.switch(bounded)
    back = difference.compare(one.contract, Release(one.contract, one.prepared("v1.0.0")["release"]))
    assert back.sentence().endswith("; rows that 0009 changed or deleted stay as they are")


@pytest.mark.parametrize("settings", [{"allow": ["data-loss"]}, {"migrate_deletes": "tell"}])
@pytest.mark.fault("migrations: rows deleted", ends="found")
def test_rows_that_are_gone_are_named_of_the_tables_that_were_touched(ledger_site: Build, settings: Any) -> None:
    """Users delete rows as well: of a table that no migration touches nothing is said."""
    one = ledger_site(**settings)
    found = Gate(one.contract, with_revision(one, 'op.execute("DELETE FROM payments")'), rows=BACKUP).apply()
    assert found["applied"] == ["0009"]
    assert found["fewer_told"] == ["table public.payments: 478 rows in the backup, 0 now"]
    assert found["fewer"][0] == {
        "table": "public.payments",
        "before": 478,
        "now": 0,
        "estimated": False,
        "told": found["fewer_told"][0],
    }


@pytest.mark.parametrize("changed", ["UPDATE payments SET amount = amount + 1", "ALTER TABLE payments ADD x int"])
def test_rows_that_a_rollback_leaves_as_they_are_are_said(ledger_site: Build, changed: str) -> None:
    """That alembic writes its own table is no change of rows."""
    one = ledger_site()
    run = with_revision(one, f"op.execute({changed!r})")
    Gate(one.contract, run).apply()
    one.switch(run)
    told = difference.compare(one.contract, Release(one.contract, one.prepared("v1.0.0")["release"])).sentence()
    assert ("rows that 0009 changed or deleted stay as they are" in told) == ("UPDATE" in changed)


@pytest.mark.fault("migrations: rows deleted", ends="found", where="by code")
def test_where_no_sql_shows_it_every_table_is_compared_and_its_effect_is_unknown(ledger_site: Build) -> None:
    one = ledger_site()
    run = with_revision(one, 'op.execute("DO $$ BEGIN DELETE FROM payments; DROP TABLE IF EXISTS gone; END $$")')
    found = Gate(one.contract, run, rows=BACKUP).apply()
    assert found["schema"] == "unknown"
    assert any("0009" in line for line in found["data"])
    assert found["fewer_told"] == [
        "table public.gone: 7 rows in the backup, is gone now",
        "table public.other: 3 rows in the backup, 2 now",
        "table public.payments: 478 rows in the backup, 0 now",
        "a migration runs what no SQL shows; users may have deleted some as well",
    ]
    one.switch(run)
    told = difference.compare(one.contract, Release(one.contract, one.prepared("v1.0.0")["release"])).sentence()
    assert "whether older code works with them is unknown" in told


def test_what_no_sql_shows_is_refused_where_the_policy_says_so(ledger_site: Build) -> None:
    one = ledger_site(migrate_deletes="refuse-unseen")
    with pytest.raises(Failure, match=r"(?s)rows may be lost.*nobody can tell from here what DO does"):
        Gate(one.contract, with_revision(one, 'op.execute("DO $$ BEGIN END $$")')).apply()


def test_a_large_table_is_estimated_and_marked(
    ledger_site: Build, postgres: Databases, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = ledger_site()
    postgres.query("DELETE FROM payments WHERE amount > 100; ANALYZE payments", one.database)
    monkeypatch.setattr(lost, "EXACT", 200)
    gate = Gate(one.contract, one.prepared("v1.1.0"))
    with opened(gate.history.build.venv, gate.history.variables, "DATABASE_URL", "here") as (session, _):
        assert session
        (found,) = lost.compare(session, {"public.payments": 478}, ["payments"])
    assert found.sentence == "table public.payments: 478 rows in the backup, about 100 now"


@pytest.mark.fault("release: migration waits for a lock", ends="old release", where="it names who has it")
def test_who_keeps_a_table_is_named_with_the_setting_that_bounds_the_wait(
    ledger_site: Build, postgres: Databases
) -> None:
    one = ledger_site()
    run = one.prepared("v1.3.0")
    holds = "SET application_name = 'always idle'; BEGIN; SELECT count(*) FROM payments WHERE amount = 4711"
    with psql(postgres.server, one.database, holds):
        with pytest.raises(Failure) as waited:
            Gate(one.contract, run).apply()
        pid = postgres.query("SELECT pid FROM pg_stat_activity WHERE application_name = 'always idle'", one.database)
    why, next_step = waited.value.why, waited.value.next_step
    assert why.startswith("a statement waited 1 s for a lock, in each of 2 tries; it waited for ")
    assert f"pid {pid}: always idle of postgres from the server itself, idle in transaction, its transaction" in why
    assert "last query: SELECT '...'" in why
    assert "no migration was applied" in why
    assert "Traceback" not in why
    assert f"SELECT pg_terminate_backend({pid})" in next_step
    assert "namaskah_migrate_lock_timeout (now 1 s)" in next_step
    assert "namaskah_migrate_tries (now 2)" in next_step


def test_a_session_idle_in_a_transaction_is_seen_before(
    ledger_site: Build, postgres: Databases, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = ledger_site()
    monkeypatch.setattr(waits, "_IDLE", waits._IDLE.replace(f"secs => {waits.LONG_IDLE}", "secs => 0"))
    gate = Gate(one.contract, one.prepared("v1.1.0"))
    with opened(gate.history.build.venv, gate.history.variables, "DATABASE_URL", "here") as (session, _):
        assert session
        assert waits.idle(session) == []
        with psql(postgres.server, one.database, "BEGIN; SELECT 1"):
            (told,) = waits.idle(session)
    assert "idle in transaction" in told


PARTLY = (
    "import subprocess; subprocess.run(['{venv}/bin/alembic', 'upgrade', 'head'], check=True); "
    "raise SystemExit('broken after it')"
)


@pytest.mark.parametrize("asked", [True, False])
def test_a_command_that_commits_a_part_and_fails(ledger_site: Build, postgres: Databases, asked: bool) -> None:
    """Where nobody can look, nobody says that nothing was applied."""
    settings: dict[str, Any] = {} if asked else {"pending_command": []}
    one = ledger_site(migrate_command=["{venv}/bin/python", "-c", PARTLY], **settings)
    with pytest.raises(Failure, match="broken after it") as failed:
        Gate(one.contract, one.prepared("v1.3.0")).apply()
    assert postgres.query("SELECT version_num FROM alembic_version", one.database) == "0002_note"
    assert "no migration was applied" not in failed.value.why
    if asked:
        assert "APPLIED AND KEPT before it failed: 0002_note" in failed.value.why
        assert "alembic downgrade 0001" in failed.value.next_step
    else:
        assert "whether a part was applied is unknown" in failed.value.why
        assert failed.value.result["unknown"]
        assert failed.value.result["schema"] == "unknown"
