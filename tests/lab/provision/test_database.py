"""What can each role do in the database, from the places where it works?"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.support.lab.provision.database import by_service, from_app
from tests.support.lab.provision.fleet import Fleet, as_user

pytestmark = pytest.mark.lab
HBA = "/etc/postgresql/15/main/pg_hba.conf"
SCRATCH = re.compile(r"namaskah_proof_[0-9a-f]{10}\b")


@pytest.fixture(scope="module")
def migrated(fleet: Fleet) -> Iterator[Fleet]:
    """The database with a table, a sequence and a schema that the owner made after provisioning."""
    made = from_app(
        fleet,
        "owner",
        "CREATE TABLE payment (id bigserial PRIMARY KEY, amount int);"
        "CREATE SCHEMA extra; CREATE TABLE extra.note (id int);"
        "INSERT INTO payment (amount) VALUES (1);",
    )
    assert made.returncode == 0, made.stderr
    yield fleet
    from_app(fleet, "owner", "DROP TABLE payment; DROP SCHEMA extra CASCADE;")


def test_application_uses_tables_that_were_made_later(migrated: Fleet) -> None:
    done = from_app(
        migrated,
        "app",
        "INSERT INTO payment (amount) VALUES (2); UPDATE payment SET amount = 3 WHERE amount = 2;"
        "DELETE FROM payment WHERE amount = 3; INSERT INTO extra.note VALUES (1);"
        "SELECT count(*) FROM payment; SELECT setval('payment_id_seq', 9);",
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-2:] == ["1", "9"]


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE TABLE mine (id int)",
        "CREATE TEMPORARY TABLE mine (id int)",
        "CREATE TABLE extra.mine (id int)",
        "CREATE SCHEMA mine",
        "CREATE VIEW mine AS SELECT 1",
        "CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "CREATE EXTENSION hstore",
        "CREATE DATABASE mine",
        "CREATE ROLE mine",
        "ALTER TABLE payment ADD COLUMN note text",
        "DROP TABLE payment",
        "TRUNCATE payment",
        "ALTER TABLE payment OWNER TO dashboard_app",
        "SET ROLE dashboard_owner",
        "SET ROLE postgres",
        "SELECT pg_read_file('/etc/passwd')",
        "COPY payment TO '/tmp/x'",
        "COPY payment FROM PROGRAM 'id'",
        "SELECT rolpassword FROM pg_authid",
        "ALTER SYSTEM SET log_statement = 'none'",
    ],
)
@pytest.mark.fault("right too much", ends="refused")
def test_application_cannot(migrated: Fleet, sql: str) -> None:
    done = from_app(migrated, "app", sql + ";")
    assert done.returncode == 3, f"the application could: {sql}"
    words = ("permission denied", "must be owner", "must be superuser or have privileges")
    assert any(word in done.stderr for word in words), done.stderr


def test_backup_reads_everything(migrated: Fleet) -> None:
    done = by_service(
        migrated, "backup", "SELECT current_user, count(*) FROM payment; SELECT count(*) FROM extra.note;"
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("dashboard_backup|1\n")
    dump = migrated.database.ssh(
        ["pg_dump", "-Fc", "--no-sync", "-f", "/dev/null", "service=dashboard-backup"], user="deploy"
    )
    assert dump.stderr == ""


@pytest.mark.parametrize("open_up", ["", "SET default_transaction_read_only = off; "])
@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO payment (amount) VALUES (7)",
        "UPDATE payment SET amount = 7",
        "DELETE FROM payment",
        "SELECT nextval('payment_id_seq')",
        "CREATE TABLE mine (id int)",
        "CREATE TEMPORARY TABLE mine (id int)",
        "DROP TABLE payment",
        "CREATE DATABASE mine",
        "SET ROLE dashboard_owner",
    ],
)
@pytest.mark.fault("right too much", ends="refused")
def test_backup_cannot(migrated: Fleet, sql: str, open_up: str) -> None:
    """Neither by mistake nor after the role has switched its own read-only setting off."""
    done = by_service(migrated, "backup", f"\\set ON_ERROR_STOP 1\n{open_up}{sql};")
    assert done.returncode == 3, f"backups could: {sql}"
    words = ("permission denied", "read-only transaction", "must be owner")
    assert any(word in done.stderr for word in words), done.stderr


def test_proof_makes_scratch_databases_and_nothing_else(migrated: Fleet) -> None:
    name = SCRATCH.search(migrated.database.read(HBA))
    assert name
    statements = f"CREATE DATABASE {name[0]}; CREATE DATABASE another; SELECT current_setting('data_directory');"
    done = by_service(migrated, "proof", statements)
    assert done.returncode == 0, done.stderr
    made = by_service(migrated, "proof", "CREATE TABLE t (id int); DROP TABLE t;", name[0])
    assert made.returncode == 0, made.stderr
    for elsewhere in ("dashboard", "another", "template1"):
        refused = by_service(migrated, "proof", "SELECT 1;", elsewhere)
        assert refused.returncode == 2
        assert "Peer authentication failed" in refused.stderr
    assert by_service(migrated, "proof", f"DROP DATABASE {name[0]}; DROP DATABASE another;").returncode == 0
    assert "permission denied" in by_service(migrated, "proof", "CREATE ROLE mine;").stderr


@pytest.mark.fault("role changed by SQL of the application", ends="harmless", where="its password and settings")
@pytest.mark.parametrize("role", ["backup", "proof"])
def test_a_role_whose_password_was_changed_logs_in(fleet: Fleet, role: str) -> None:
    """Whoever runs as the role may change both; by who asks, the deploy user comes in all the same."""
    open_up = "SET default_transaction_read_only = off;"
    changed = by_service(fleet, role, f"{open_up} ALTER ROLE CURRENT_USER PASSWORD 'another-password-1';")
    assert changed.returncode == 0, changed.stderr
    assert by_service(fleet, role, "SELECT 1;").stdout == "1\n"
    assert fleet.part("database", fleet.database) == 1, "the password is taken away again"


def test_roles_are_known_only_where_they_work(fleet: Fleet) -> None:
    """Backups and proofs run on the database host; no line of pg_hba.conf lets them in from elsewhere."""
    for role in ("backup", "proof"):
        done = from_app(fleet, role, "SELECT 1;")
        assert done.returncode == 2
        assert "no pg_hba.conf entry" in done.stderr
    assert "password authentication failed" in from_app(fleet, "app", "SELECT 1;", password="wrong").stderr  # noqa: S106


def test_tables_from_before_get_their_grants(migrated: Fleet) -> None:
    """A database that was used before provisioning has tables that nobody granted anything on."""
    tables = "REVOKE ALL ON payment, extra.note FROM dashboard_app;"
    statement = f"{tables} REVOKE ALL ON SEQUENCE payment_id_seq FROM dashboard_app;"
    assert from_app(migrated, "owner", statement).returncode == 0
    assert "permission denied" in from_app(migrated, "app", "SELECT count(*) FROM payment;").stderr
    assert migrated.part("database", migrated.database) == 1
    done = from_app(migrated, "app", "SELECT count(*) FROM payment; SELECT nextval('payment_id_seq');")
    assert done.returncode == 0, done.stderr


def test_rights_that_grew_are_cut_back(fleet: Fleet) -> None:
    fleet.database.run(["runuser", "-u", "postgres", "psql"], stdin="ALTER ROLE dashboard_app SUPERUSER CREATEDB;")
    assert fleet.part("database", fleet.database) == 1
    assert "permission denied" in from_app(fleet, "app", "CREATE DATABASE mine;").stderr


@pytest.mark.soak
def test_rights_in_the_archive_come_and_go_with_the_stanza(fleet: Fleet) -> None:
    """Two questions to pgBackRest and no third; a moment is named in the database postgres and nowhere else."""
    here, name = ("--limit", fleet.database.name), "SELECT pg_create_restore_point('here') IS NOT NULL;"
    parts = ["packages", "database", "rights"]
    assert fleet.changes(*here, provision_parts=parts, point_in_time_stanza="main") != {fleet.database.name: 0}
    assert fleet.changes(*here, provision_parts=parts, point_in_time_stanza="main") == {fleet.database.name: 0}
    allowed = fleet.database.run(["sudo", "--list", "--other-user", "deploy"]).stdout
    assert [line.split("NOPASSWD: ")[1] for line in allowed.splitlines() if "NOPASSWD" in line] == [
        r"/usr/bin/pgbackrest --stanza\=main --output\=json info",
        r"/usr/bin/pgbackrest --stanza\=main check",
    ]
    sudo = "sudo -n -u postgres /usr/bin/pgbackrest --stanza=main"
    assert as_user(fleet.database, "deploy", f"{sudo} --output=json info").returncode == 0
    for words in ("restore", "expire", "stanza-delete", "--config=/tmp/x check", "--repo1-host-cmd=/tmp/x check"):
        done = as_user(fleet.database, "deploy", f"{sudo} {words}")
        assert done.returncode != 0
        assert "a password is required" in done.stderr, words
    assert by_service(fleet, "backup", name, "postgres").stdout == "t\n"
    assert "permission denied" in by_service(fleet, "backup", name).stderr
    assert fleet.changes(*here, provision_parts=parts)[fleet.database.name] > 0
    assert "pgbackrest" not in fleet.database.run(["sudo", "--list", "--other-user", "deploy"]).stdout
    gone = by_service(fleet, "backup", name, "postgres")
    assert gone.returncode == 2
    assert "Peer authentication failed" in gone.stderr


@pytest.mark.parametrize("password", ["", "short", "with a space in it", "Grüße-an-alle-Leser"])
def test_a_password_that_cannot_work_is_refused(fleet: Fleet, password: str) -> None:
    said = fleet.refusal("database", host=fleet.database, provision_database_owner_password=password)
    assert "provision_database_owner_password needs at least 12 printable ASCII characters" in said
    assert password == "" or password not in said


@pytest.mark.parametrize("client", ["not an address", "10.0.0.1 trust", "10.0.0.1\nhost all all all trust", ""])
def test_a_client_that_is_no_address_is_refused(fleet: Fleet, client: str) -> None:
    """Nothing may slip into pg_hba.conf, which PostgreSQL reads again only at its next start."""
    before = fleet.database.read("/etc/postgresql/15/main/pg_hba.conf")
    said = fleet.refusal("database", host=fleet.database, provision_database_clients=[client])
    assert "provision_database_clients" in said
    assert fleet.database.read("/etc/postgresql/15/main/pg_hba.conf") == before
