"""What do the gate and a rollback make of real migrations, of both samples, in a real database?"""

from __future__ import annotations

import shutil
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from ansible.module_utils.namaskah_backups import catalogue, dump, settings, tools
from ansible.module_utils.namaskah_backups import session as backup_session
from ansible.module_utils.namaskah_host import lease
from ansible.module_utils.namaskah_host.failure import Failure
from ansible.module_utils.namaskah_host.release import Release, all_of
from ansible.module_utils.namaskah_schema import difference, session
from ansible.module_utils.namaskah_schema.gate import Gate

from tests.support.holding import psql
from tests.support.playing import Played, play
from tests.support.samples.databases import Databases
from tests.support.samples.site import Site
from tests.support.waiting import until

SAMPLES = ("dashboard", "ledger")
TABLE = {"dashboard": "payments_payment", "ledger": "payments"}
NAMES = {
    "dashboard": ["payments.0002_payment_note", "payments.0003_amount_minor"],
    "ledger": ["0002_note", "0003_amount_minor"],
}
Build = Callable[..., Site]


def columns(postgres: Databases, site: Site) -> set[str]:
    query = f"SELECT attname FROM pg_attribute WHERE attrelid = '{TABLE[site.sample.name]}'::regclass AND attnum > 0"  # noqa: S608
    return set(postgres.query(query, site.database).split())


@pytest.mark.fault("release: breaking migration", ends="refused")
@pytest.mark.parametrize("name", SAMPLES)
def test_a_compatible_then_a_breaking_release(name: str, site: Build, postgres: Databases) -> None:
    """The story of both samples: what is pending, refused, allowed, ahead, refused to go back from, and reversed."""
    one = site(name)
    first, second = NAMES[name]
    found = one.migrate("v1.3.0")
    assert (found["applied"], found["schema"], found["tries"]) == ([first], "compatible", 1)
    assert found["migrations"][0]["statements"][0]["lock"] == "ACCESS EXCLUSIVE"
    assert Release(one.contract, one.root.joinpath("current").readlink().name).record["migrations"]["applied"] == [
        first
    ]

    run = one.prepared("v2.0.0")
    assert Gate(one.contract, run).look()["pending"] == [second]
    with pytest.raises(Failure, match="renamed to amount_minor") as refused:
        Gate(one.contract, run).apply()
    assert refused.value.kind == "refused"
    assert "--allow breaking-schema" in refused.value.next_step
    assert "amount" in columns(postgres, one)
    one.settings["allow"] = ["breaking-schema"]
    assert one.migrate("v2.0.0")["applied"] == [second]

    one.settings["allow"] = []
    back = one.prepared("v1.0.0")
    told = difference.compare(one.contract, Release(one.contract, back["release"]))
    assert ([entry.name for entry in told.ahead], told.breaking) == ([first, second], True)
    with pytest.raises(Failure, match=r"2 migrations ahead: older code FAILS.*nothing was switched") as ahead:
        difference.settle(one.contract, back, reverse=False)
    assert "--reverse-migrations" in ahead.value.next_step
    assert {"note", "amount_minor"} <= columns(postgres, one)
    assert difference.settle(one.contract, back, reverse=True)["reversed"] == [second, first]
    assert {"amount"} <= columns(postgres, one)
    assert not {"note", "amount_minor"} & columns(postgres, one)


@pytest.mark.parametrize("name", SAMPLES)
def test_a_rollback_over_a_compatible_migration_is_allowed_and_said(name: str, site: Build) -> None:
    one = site(name)
    assert (
        difference.compare(one.contract, Release(one.contract, one.prepared("v1.1.0")["release"])).sentence()
        == "code only"
    )
    one.migrate("v1.3.0")
    found = difference.settle(one.contract, one.prepared("v1.1.0"), reverse=False)
    assert found["schema"] == "1 migration ahead: older code works with them, by what their SQL shows"
    assert found["ahead"][0]["name"] == NAMES[name][0]
    # The last release of v1.3.0, after its migration was taken back, has not got what it needs.
    difference.settle(one.contract, one.prepared("v1.1.0"), reverse=True)
    one.switch(one.prepared("v1.1.0"))
    with pytest.raises(Failure, match="the release FAILS without") as missing:
        difference.settle(one.contract, one.prepared("v1.3.0"), reverse=False)
    assert "release it instead" in missing.value.next_step


def test_a_pruned_release_is_judged_by_what_was_kept(site: Build) -> None:
    one = site("dashboard", allow=["breaking-schema"])
    one.migrate("v1.1.0")
    gone = one.root.joinpath("current").readlink()
    one.migrate("v1.3.0")
    one.migrate("v2.0.0")
    shutil.rmtree(one.root / gone)
    found = difference.compare(one.contract, difference.target_of(one.contract, "v1.1.0"), tag="v1.1.0")
    assert [entry.name for entry in found.ahead] == NAMES["dashboard"]
    unknown = difference.compare(one.contract, difference.target_of(one.contract, "v9"), tag="v9")
    assert "judged when it has been prepared again" in unknown.sentence()


BACK = {"dashboard": "migrate --noinput payments 0001_initial", "ledger": "alembic downgrade 0001"}


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize(("policy", "kept"), [("breaking", True), ("keep", True), ("reverse", False)])
def test_what_was_committed_before_a_failing_migration(
    name: str, policy: str, kept: bool, site: Build, postgres: Databases
) -> None:
    one = site(name, migrate_on_failure=policy)
    with pytest.raises(Failure) as failed:
        Gate(one.contract, one.prepared("broken-migration")).apply()
    said = "APPLIED AND KEPT before it failed" if kept else "APPLIED AND REVERSED again"
    assert f"{said}: {NAMES[name][0]}" in failed.value.why
    assert ("note" in columns(postgres, one)) is kept
    assert (BACK[name] in failed.value.next_step) is kept


def test_the_printed_line_undoes_it(site: Build, postgres: Databases) -> None:
    """The line is for ssh; what follows the host in it is run here."""
    from ansible.module_utils.namaskah_host import package  # noqa: PLC0415
    from ansible.module_utils.namaskah_host.files import write_json  # noqa: PLC0415

    one = site("dashboard")
    found = one.migrate("v1.3.0")
    (one.root / "host").mkdir()
    package.write_host_program(one.contract.host_program)
    write_json(one.root / "host" / "contract.json", one.contract.raw)
    (line,) = found["undo"]
    assert line.startswith("ssh deploy@here ")
    shell = ["sh", "-c", f'ssh() {{ shift; sh -c "$1"; }}; {line}']
    done = subprocess.run(shell, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "note" not in columns(postgres, one)


def test_another_run_that_migrates_keeps_this_one_out(site: Build, postgres: Databases) -> None:
    """Whoever broke the lease: the database lets one in, and the loser says who that is."""
    one = site("dashboard")
    run = one.prepared("v1.3.0")
    with psql(
        postgres.server,
        one.database,
        f"SET application_name = 'other run'; SELECT pg_advisory_lock({session.key('dashboard')})",
    ):
        with pytest.raises(Failure, match="another run migrates it: other run of postgres") as refused:
            Gate(one.contract, run).apply()
        assert refused.value.kind == "refused"
        assert "note" not in columns(postgres, one)
    assert Gate(one.contract, run).apply()["applied"] == NAMES["dashboard"][:1]
    held = postgres.query("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'", one.database)
    assert held == "0"


def test_no_migration_beside_a_dump(site: Build, postgres: Databases) -> None:
    """A real pg_dump, held up by a table that somebody else keeps."""
    one = site("dashboard")
    run = one.prepared("v1.3.0")
    with psql(postgres.server, one.database, "BEGIN; LOCK TABLE jobs_job IN ACCESS EXCLUSIVE MODE"):
        dump = subprocess.Popen(
            [str(postgres.server.binaries / "pg_dump"), "-d", one.database, "-f", str(one.root / "dump.sql")]
        )
        try:
            activity = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pg_dump'"
            while postgres.query(activity, one.database) != "1":
                assert dump.poll() is None
                time.sleep(0.05)
            with pytest.raises(Failure, match="being dumped: pg_dump of postgres") as refused:
                Gate(one.contract, run).apply()
            assert refused.value.kind == "refused"
            one.settings["migrate_wait"] = 20
            # The server does not see that a waiting client was killed: its session is ended instead.
            end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'pg_dump'"
            waiting = threading.Timer(1.0, postgres.query, (end, one.database))
            waiting.start()
            assert Gate(one.contract, run).apply()["applied"] == NAMES["dashboard"][:1]
            waiting.join()
        finally:
            dump.kill()
            dump.wait()


def test_no_migration_beside_a_backup_of_our_own(site: Build, postgres: Databases, folder: Path) -> None:
    """The very session and dump of the backup role, which go by another name than pg_dump."""
    one = site("dashboard", migrate_wait=20)
    run = one.prepared("v1.3.0")
    services = folder / "services"
    services.write_text(
        f"[own]\nhost={postgres.server.folder}\nuser=postgres\ndbname={urlsplit(one.database).path[1:]}\n"
    )
    usual = {name: option.get("default", "") for name, option in settings.ARGUMENTS.items()}
    given = {
        "root": str(folder),
        "service": "own",
        "service_file": str(services),
        "client_path": str(postgres.server.binaries),
    }
    asked = settings.read({"host": "here"}, {}, {}, {**usual, **given})
    programs = tools.candidates(asked)[0]
    own = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'namaskah-backup'"
    with psql(postgres.server, one.database, "BEGIN; LOCK TABLE jobs_job IN ACCESS EXCLUSIVE MODE") as holder:
        with backup_session.Session(programs, asked, "own") as counting:
            written = dump.start(programs, asked, folder, 0, catalogue.open_snapshot(counting)["exported"])
            try:
                until(lambda: postgres.query(own, one.database) >= "2", "the backup's sessions")
                one.settings["migrate_wait"] = 1
                with pytest.raises(Failure, match="being dumped: namaskah-backup of postgres") as refused:
                    Gate(one.contract, run).apply()
                assert refused.value.kind == "refused"
                assert "note" not in columns(postgres, one)
            finally:
                written.program.stop()
        holder.kill()
    until(lambda: postgres.query(own, one.database) == "0", "the end of the backup")
    assert Gate(one.contract, run).apply()["applied"] == NAMES["dashboard"][:1]


@pytest.mark.fault("release: migration waits for a lock", ends="old release")
def test_a_table_in_use_is_waited_for_in_tries(site: Build, postgres: Databases) -> None:
    one = site("ledger")
    run = one.prepared("v1.3.0")
    with psql(postgres.server, one.database, "BEGIN; SELECT count(*) FROM payments"):
        with pytest.raises(Failure, match="no migration was applied"):
            Gate(one.contract, run).apply()
        assert columns(postgres, one) == {"id", "idempotency_key", "amount"}
    found = Gate(one.contract, run).apply()
    assert (found["applied"], found["tries"]) == (["0002_note"], 1)


@pytest.mark.fault("release: migration killed", ends="old release")
def test_a_killed_migration_leaves_nothing_of_itself(site: Build, postgres: Databases) -> None:
    """Its backend is terminated in the middle, as by an administrator or for want of memory; the next try is whole."""
    one = site("ledger", migrate_lock_timeout=100)
    run = one.prepared("v1.3.0")
    before = columns(postgres, one)
    ended: list[str] = []

    def end_what_waits() -> None:
        waits = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = "
        while not ended:
            time.sleep(0.05)
            ended.extend(postgres.query(f"{waits}current_database()", one.database).split())

    killer = threading.Thread(target=end_what_waits, daemon=True)
    with psql(postgres.server, one.database, "BEGIN; SELECT count(*) FROM payments"):
        killer.start()
        with pytest.raises(Failure, match=r"(?s)terminating connection.*no migration was applied") as failed:
            Gate(one.contract, run).apply()
        killer.join(10)
    assert ended == ["t"]
    assert failed.value.kind == "failed"
    assert failed.value.result["tries"] == 1
    assert columns(postgres, one) == before
    assert postgres.query("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'", one.database) == "0"
    assert Gate(one.contract, run).apply()["applied"] == ["0002_note"]


@pytest.mark.fault("release: migration waits for a lock", ends="new release", where="until the next try")
def test_a_table_that_is_let_go_between_two_tries_is_migrated_by_the_second(site: Build, postgres: Databases) -> None:
    """Its user goes on until the first try has given up, and is gone before the next one."""
    one = site("ledger")
    run = one.prepared("v1.3.0")
    waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'payments'::regclass"
    with psql(postgres.server, one.database, "BEGIN; SELECT count(*) FROM payments") as user:

        def let_go() -> None:
            until(lambda: postgres.query(waiting, one.database) == "1", "the first try")
            until(lambda: postgres.query(waiting, one.database) == "0", "its end")
            user.kill()

        leaving = threading.Thread(target=let_go)
        leaving.start()
        found = Gate(one.contract, run).apply()
        leaving.join()
    assert (found["applied"], found["tries"]) == (["0002_note"], 2)
    assert "note" in columns(postgres, one)


def test_what_is_said_of_the_schema_goes_before_what_was_found(site: Build, postgres: Databases) -> None:
    """`breaking` refuses what nothing was found against, `compatible` lets through what was found to break."""
    one = site("ledger", schema="breaking")
    with pytest.raises(Failure, match="namaskah_schema says so") as refused:
        Gate(one.contract, one.prepared("v1.3.0")).apply()
    assert refused.value.kind == "refused"
    assert "note" not in columns(postgres, one)
    assert Gate(one.contract, one.prepared("v1.1.0")).look()["schema"] == "compatible"  # nothing is pending
    one.settings["schema"] = "compatible"
    found = one.migrate("v2.0.0")
    assert (found["applied"], found["schema"]) == (NAMES["ledger"], "breaking")
    assert any("renamed to amount_minor" in line for line in found["told"])  # it is told all the same


def test_an_index_that_was_left_invalid_is_found(site: Build, postgres: Databases) -> None:
    """A concurrent unique build that meets two equal rows fails, and leaves its index behind."""
    one = site("dashboard")
    run = one.prepared("v1.3.0")
    postgres.query(
        "INSERT INTO payments_payment (idempotency_key, amount, caller, created_at) "
        "VALUES ('a', 5, 'x', now()), ('b', 5, 'x', now())",
        one.database,
    )
    (one.root / "releases" / run["release"] / "payments" / "migrations" / "0003_unique.py").write_text(
        "from django.db import migrations\n\n\nclass Migration(migrations.Migration):\n    atomic = False\n"
        "    dependencies = [('payments', '0002_payment_note')]\n    operations = [migrations.RunSQL(\n"
        "        'CREATE UNIQUE INDEX CONCURRENTLY one_amount ON payments_payment (amount)', migrations.RunSQL.noop)]\n"
    )
    one.settings["allow"] = ["breaking-schema"]
    with pytest.raises(Failure) as failed:
        Gate(one.contract, run).apply()
    assert failed.value.result["invalid_indexes"] == ["one_amount"]


def test_the_tasks_of_a_run_do_the_same(site: Build, postgres: Databases, folder: Path) -> None:
    """Through ansible-playbook, with a real lease: the release's migrations, then where a rollback leads, and back."""
    # Were it read line by line, this would be no pattern: the role gives the program that answers.
    one = site("ledger", allow=["breaking-schema"], lease_ttl=600, pending_pattern="(", known_pattern="(")
    run = one.prepared("v2.0.0")
    run["fence"] = lease.acquire(one.contract, run)["fence"]
    variables = {
        "namaskah_app": "ledger", "namaskah_environment": "test", "namaskah_repository": "none",
        "namaskah_services": {},
        "namaskah_preset": "asgi", "namaskah_reverse_migrations": True, "namaskah_target_tag": "v1.0.0",
    }  # fmt: skip

    def played(tasks_from: str, **further: object) -> Played:
        agreed = {name: value for name, value in one.contract.raw.items() if name != "answer_program"}
        facts = {"namaskah_contract": agreed, "namaskah_run": {**run, **further}}
        role = {"name": "migration", "tasks_from": tasks_from}
        tasks: list[dict[str, Any]] = [{"ansible.builtin.set_fact": facts}, {"ansible.builtin.include_role": role}]
        return play(tasks, folder / "play", variables=variables, groups=["app"])

    applied = played("main").result("Apply the pending migrations")
    assert (applied["applied"], applied["schema"]) == (NAMES["ledger"], "breaking")
    one.switch(run)
    told = played("tell").result("Say what a rollback means for the database")
    assert told["schema"] == "2 migrations ahead: older code FAILS on them"
    first = {"release": next(release.id for release in all_of(one.contract) if release.record["tag"] == "v1.0.0")}
    back = played("settle", **first).result("Refuse code that the database does not fit, or reverse migrations")
    assert back["reversed"] == NAMES["ledger"][::-1]
    assert columns(postgres, one) == {"id", "idempotency_key", "amount", "........pg.dropped.4........"}
    planned = one.prepared("v1.3.0")["release"]
    shown = played("show", release=planned).result(
        "Show what is pending, and remove the release that was prepared for it"
    )
    assert shown["shown"][0] == NAMES["ledger"][0]
    assert not (one.root / "releases" / planned).exists()


def test_a_database_that_does_not_answer(site: Build) -> None:
    one = site("dashboard")
    run = one.prepared("v1.3.0")
    (one.root / "env.migrate").write_text("DATABASE_URL=postgresql://u:the-password-of-it@127.0.0.1:1/x\n")
    with pytest.raises(Failure) as failed:
        Gate(one.contract, run).apply()
    assert "the-password-of-it" not in str(failed.value) + failed.value.next_step
