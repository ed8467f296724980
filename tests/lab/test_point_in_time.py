"""Does a release name a moment in a real archive, and does Debian's pgBackRest bring the server's data back to it?"""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.support.lab import broken_world
from tests.support.lab.guarded import Guarded
from tests.support.lab.host import Host

pytestmark = [pytest.mark.lab, pytest.mark.soak]
STANZA = "dashboard"
CLUSTER = "/var/lib/postgresql/15/main"
SETTINGS = "/etc/postgresql/15/main/conf.d/archive.conf"
RETURNED = "/var/lib/postgresql/returned"
PUSH = f"pgbackrest --stanza={STANZA} archive-push %p"
CONFIG = f"""[global]
repo1-path=/var/lib/pgbackrest
start-fast=y
compress-type=none
archive-timeout=20
[{STANZA}]
pg1-path={CLUSTER}
"""


def as_postgres(host: Host, *words: str) -> str:
    """What a program says that PostgreSQL's own user runs; it has to succeed."""
    return host.run(["runuser", "-u", "postgres", "--", *words]).stdout.strip()


def sql(host: Host, statement: str, *place: str, database: str = STANZA) -> str:
    return as_postgres(host, "psql", "-XqAt", "-v", "ON_ERROR_STOP=1", *place, "-d", database, "-c", statement)


def data(host: Host, *place: str) -> str:
    """What the database holds: the columns of a table that the release alters, and every row of one of ours."""
    columns = "SELECT string_agg(attname, ' ' ORDER BY attnum) FROM pg_attribute WHERE attnum > 0"
    rows = "SELECT count(*), md5(string_agg(m::text, ',' ORDER BY n)) FROM moment m"
    return sql(host, f"{columns} AND attrelid = 'payments_payment'::regclass; {rows}", *place)


def set_archive(host: Host, command: str) -> None:
    host.write(SETTINGS, f"archive_mode = on\narchive_command = '{command}'\n")
    sql(host, "SELECT pg_reload_conf()", database="postgres")


@pytest.fixture(scope="module")
def archived(guarded: Guarded) -> Iterator[Host]:
    """The database host with a stanza that was made as pgBackRest's guide says; the inventory names it."""
    host = guarded.lab.hosts["db1"]
    host.write("/etc/pgbackrest.conf", CONFIG, mode="0640", owner="postgres", group="postgres")
    set_archive(host, PUSH)
    host.run(["systemctl", "restart", "postgresql@15-main.service"])
    with broken_world.inventory(guarded, point_in_time_stanza=STANZA):
        yield host
    host.run(["rm", "-f", SETTINGS])
    host.run(["systemctl", "restart", "postgresql@15-main.service"])
    guarded.provision()


def test_a_release_names_a_moment_and_the_server_returns_to_it(guarded: Guarded, archived: Host) -> None:
    """Refused without rights and without a stanza; then the data beside the live server equals that of the moment."""
    bare = guarded.cli("plan", "lab", "--ref", "v1.3.0")
    assert bare.returncode != 0
    assert "ask pgBackRest: info" in bare.stdout + bare.stderr
    guarded.provision()
    none = guarded.cli("plan", "lab", "--ref", "v1.3.0")
    assert none.returncode != 0
    assert f"stanza {STANZA}" in none.stdout + none.stderr
    assert "missing stanza path" in none.stdout + none.stderr
    as_postgres(archived, "pgbackrest", f"--stanza={STANZA}", "stanza-create")
    as_postgres(archived, "pgbackrest", f"--stanza={STANZA}", "backup")
    planned = guarded.cli("plan", "lab", "--ref", "v1.3.0")
    assert planned.returncode == 0, planned.stdout + planned.stderr

    sql(archived, "CREATE TABLE moment AS SELECT n, md5(n::text) AS word FROM generate_series(1, 5000) n")
    before = data(archived)
    done = guarded.cli("deploy", "lab", "--ref", "v1.3.0", "--yes", "--json")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-6000:]
    facts = json.loads(done.stdout)["facts"]
    assert facts["restore point"] == f"namaskah-{json.loads(done.stdout)['run']}"
    sql(archived, "DELETE FROM moment WHERE n % 2 = 0; UPDATE moment SET word = 'after'")
    after = data(archived)
    assert after != before

    try:
        as_postgres(archived, *facts["back to it by"].split(), f"--pg1-path={RETURNED}")
        settings = "/etc/postgresql/15/main/postgresql.conf"
        options = f"-p 5499 -c config_file={settings} -c data_directory={RETURNED} -c archive_mode=off"
        words = ["/usr/lib/postgresql/15/bin/pg_ctl", "-D", RETURNED, "-l", f"{RETURNED}/returned.log", "-w"]
        as_postgres(archived, *words, "-o", f"{options} -c external_pid_file=", "start")
        broken_world.wait_for(
            lambda: (
                sql(archived, "SELECT pg_get_wal_replay_pause_state()", "-p", "5499", database="postgres") == "paused"
            )
        )
        assert data(archived, "-p", "5499") == before
        assert data(archived) == after, "the server that serves went on"
        as_postgres(archived, *words, "-m", "immediate", "stop")
    finally:
        sql(archived, "DROP TABLE moment")
        archived.run(["rm", "-rf", RETURNED])


@pytest.mark.fault("archive: log does not arrive", ends="refused")
def test_a_release_is_refused_where_the_log_does_not_reach_the_archive(guarded: Guarded, archived: Host) -> None:
    live = guarded.live_tags()
    set_archive(archived, "/bin/false pgbackrest")
    try:
        for words in (["plan", "lab", "--ref", "v1.2.0"], ["deploy", "lab", "--ref", "v1.2.0", "--yes"]):
            refused = guarded.cli(*words)
            assert refused.returncode != 0
            said = " ".join((refused.stdout + refused.stderr).split())
            assert "does not reach the archive: archive_command failed" in said, said
            assert "mend archive_command" in said
    finally:
        set_archive(archived, PUSH)
    assert guarded.live_tags() == live
