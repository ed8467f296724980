"""Do real drivers and a real server agree with how addresses are read? In the environment of a sample."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from ansible.module_utils.namaskah_host import database_address, pooler
from ansible.module_utils.namaskah_schema import session
from ansible.module_utils.namaskah_schema.gate import Gate

from tests.support.samples.databases import Databases
from tests.support.samples.making import Schemas
from tests.support.samples.sample import Sample
from tests.support.samples.site import Site
from tests.support.small_project import SmallProject
from tests.support.waiting import until

POOLER = "/usr/sbin/pgbouncer"
CONFIGURATION = """[databases]
* = host={folder} user={user}
[pgbouncer]
listen_addr =
unix_socket_dir = {own}
listen_port = 6432
auth_type = any
pool_mode = transaction
pidfile = {own}/pid
"""
FORMS = (
    "postgresql://{user}@/{name}?host={folder}", "postgresql+asyncpg://{user}@/{name}?host={folder}&ssl=disable",
    "postgis://{user}:a#b/c%@{quoted}/{name}?conn_max_age=600", "psql://{user}@/{folder}/{name}",
    "postgres://{user}@nowhere.invalid,{quoted}/{name}?connect_timeout=5",
)  # fmt: skip


@pytest.fixture
def places(postgres: Databases) -> dict[str, str]:
    """Return what the parts of an address are for a fresh database."""
    folder = str(postgres.server.folder)
    name = urlsplit(postgres.create()).path.strip("/")
    return {"user": postgres.server.superuser, "name": name, "folder": folder, "quoted": folder.replace("/", "%2F")}


def connected(sample: Sample, address: str) -> str:
    """Return the name of the database that a session is in, or why there is none."""
    with session.opened(sample.environment, {"DATABASE_URL": address}, "DATABASE_URL", "here") as (made, why):
        return str(made.ask("SELECT current_database()::text")[0][0]) if made else why


@pytest.mark.parametrize("form", FORMS)
def test_a_session_comes_from_every_form(ledger: Sample, places: dict[str, str], form: str) -> None:
    address = form.format(**places)
    assert connected(ledger, address) == places["name"]
    parsed = database_address.parse(address)
    assert parsed
    assert pooler.refusal(parsed, {}) == ""


# An application that reads its address by means of its own: here under a name of its own.
ENV = """
import os
from alembic import context
from sqlalchemy import create_engine, pool

if context.is_offline_mode():
    context.configure(dialect_name="postgresql", literal_binds=True, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()
else:
    with create_engine(os.environ["OWN_ADDRESS"], poolclass=pool.NullPool).connect() as connection:
        context.configure(connection=connection, transaction_per_migration=True)
        with context.begin_transaction():
            context.run_migrations()
"""
REVISION = """
from alembic import op
revision, down_revision = {name!r}, {before!r}
def upgrade():
    op.execute({sql!r})
def downgrade():
    pass
"""
FILES = {
    "alembic.ini": "[alembic]\nscript_location = %(here)s/migrations\n", "migrations/env.py": ENV,
    "migrations/versions/one.py": REVISION.format(name="one", before=None, sql="CREATE TABLE goods (code varchar(9))"),
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_a_pending_migration_is_judged_and_applied_by_every_form(
    ledger: Sample, postgres: Databases, places: dict[str, str], tmp_path: Path, form: str
) -> None:
    """That a longer text is no rewrite, and how many rows there were, only a session in that database can tell."""
    own = "postgresql+psycopg://{user}@/{name}?host={folder}".format(**places)
    variables = {"DATABASE_URL": form.format(**places), "OWN_ADDRESS": own}
    project = SmallProject(tmp_path / "app", ledger.environment, "asgi", FILES, variables)
    project.switch(project.prepared({}))
    tables = "CREATE TABLE goods (code varchar(9)); CREATE TABLE alembic_version AS SELECT 'one'::text AS version_num"
    postgres.query(tables, own.replace("+psycopg", ""))
    longer = REVISION.format(name="two", before="one", sql="ALTER TABLE goods ALTER code TYPE varchar(40)")
    gate = Gate(project.contract, project.prepared({"migrations/versions/two.py": longer}), rows={"public.goods": 5})
    found = gate.apply()
    assert (found["applied"], found["schema"]) == (["two"], "compatible")
    assert [note.partition(";")[0] for note in found["notes"]] == [
        "which database the application uses was asked of env.py alone"
    ]
    assert found["fewer_told"] == ["table public.goods: 5 rows in the backup, 0 now"]


@pytest.fixture
def shop(dashboard: Sample, postgres: Databases, schemas: Schemas, folder: Path) -> Site:
    """Return a host whose application has its tables in the schema shop, which it does not look at yet."""
    one = Site(dashboard, folder / "dashboard", postgres.create(schemas("dashboard")))
    one.switch(one.prepared("v1.0.0"))
    move = "DO $$ DECLARE t text; BEGIN FOR t IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' LOOP "
    move += "EXECUTE format('ALTER TABLE public.%I SET SCHEMA shop', t); END LOOP; END $$"
    postgres.query("CREATE SCHEMA shop", one.database)
    postgres.query(move, one.database)
    return one


@pytest.mark.fault("address in another form", ends="found", where="options in the application's own settings")
def test_what_the_application_sets_for_itself_is_said_and_followed(shop: Site) -> None:
    run = shop.prepared("v1.3.0")
    with (shop.root / "releases" / run["release"] / "dashboard" / "settings.py").open("a") as settings:
        settings.write("\nDATABASES['default'].setdefault('OPTIONS', {})['options'] = '-c search_path=shop'\n")
    gate = Gate(shop.contract, run, rows={"shop.payments_payment": 5})
    found = gate.apply()
    assert found["applied"] == ["payments.0002_payment_note"]
    (timeout, schema) = found["notes"]
    assert "namaskah_migrate_lock_timeout does not reach the server" in timeout
    assert "in the schemas shop, DATABASE_URL alone has them in public" in schema
    assert "payments_payment" in gate.reviewed[0].touches
    assert found["fewer_told"] == ["table shop.payments_payment: 5 rows in the backup, 0 now"]


@pytest.mark.fault("address in another form", ends="found", where="options of the application")
def test_migrations_stay_in_the_schema_of_the_application(shop: Site, postgres: Databases) -> None:
    one = shop
    with (one.root / "env").open("a") as file:
        file.write('PGOPTIONS="-c search_path=shop"\n')
    found = one.migrate("v1.3.0")
    assert found["applied"] == ["payments.0002_payment_note"]
    assert found["notes"] == []
    assert postgres.query("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'", one.database) == "0"


def test_options_in_the_address_itself_go_before_ours_and_the_report_says_so(
    dashboard: Sample, postgres: Databases, schemas: Schemas, folder: Path
) -> None:
    one = Site(dashboard, folder / "dashboard", postgres.create(schemas("dashboard")) + "&options=-c%20jit%3Doff")
    one.switch(one.prepared("v1.0.0"))
    (note,) = one.migrate("v1.3.0")["notes"]
    assert "namaskah_migrate_lock_timeout does not reach the server" in note


@pytest.fixture
def pool(request: pytest.FixtureRequest, postgres: Databases, folder: Path) -> Iterator[Path]:
    """Run pgbouncer before the server, with one further line of settings; return the folder of its socket."""
    if not Path(POOLER).exists():
        pytest.fail("Debian's package pgbouncer is not installed: tools/debian_packages.sh", pytrace=False)
    user = postgres.server.user
    own = folder / "pool"
    own.mkdir()
    settings = CONFIGURATION.format(folder=postgres.server.folder, user=postgres.server.superuser, own=own)
    (own / "pgbouncer.ini").write_text(f"{settings}{request.param}\n")
    folder.chmod(0o755)
    for path in (own, own / "pgbouncer.ini"):
        os.chown(path, user.uid, user.gid)
    process = subprocess.Popen(
        [*user.prefix, POOLER, "-q", str(own / "pgbouncer.ini")], cwd="/", stderr=subprocess.DEVNULL
    )
    try:
        until((own / ".s.PGSQL.6432").exists, "pgbouncer's socket")
        yield own
    finally:
        process.terminate()
        process.wait()


@pytest.mark.parametrize("pool", [""], indirect=True)
@pytest.mark.fault("address in another form", ends="refused", where="pooler")
def test_a_pooler_that_takes_no_options_is_found_before_anybody_logs_in(pool: Path, places: dict[str, str]) -> None:
    address = database_address.parse(f"postgresql://x@/{places['name']}?host={pool}&port=6432")
    assert address
    begun = time.monotonic()
    assert "startup parameter" in pooler.refusal(address, {})
    assert time.monotonic() - begun < 2


@pytest.mark.parametrize("pool", ["ignore_startup_parameters = options"], indirect=True)
def test_a_pooler_that_takes_them_is_found_by_the_session(ledger: Sample, pool: Path, places: dict[str, str]) -> None:
    address = f"postgresql://x@/{places['name']}?host={pool}&port=6432"
    assert "leads to a pooler" in connected(ledger, address)
