"""Is a backup proved on another host, over the network with a password, and is what keeps that host away told?"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

from tests.support.lab import broken_world
from tests.support.lab.guarded import Guarded
from tests.support.lab.host import Host

pytestmark = [pytest.mark.lab, pytest.mark.soak]
SERVICE = "dashboard-elsewhere"
SECRET = "Elsewhere-secret-1"  # noqa: S105 - of hosts that live for one test run
HBA = "/etc/postgresql/15/main/pg_hba.conf"
FILES = ("/home/deploy/.pg_service.conf", "/home/deploy/.pgpass")


def sql(host: Host, *statements: str) -> str:
    words = ["runuser", "-u", "postgres", "--", "psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-f", "-"]
    return host.run(words, stdin=";\n".join(statements) + ";\n").stdout.strip()


def databases(host: Host) -> str:
    return sql(host, "SELECT string_agg(datname, ' ' ORDER BY datname) FROM pg_database")


@pytest.fixture(scope="module")
def prover(guarded: Guarded) -> Iterator[Host]:
    """The application's host as a second server, with the roles of the first and a role that makes databases."""
    database, host = guarded.lab.hosts["db1"], guarded.lab.hosts["app1"]
    host.write("/etc/postgresql/15/main/conf.d/prover.conf", "listen_addresses = '*'\n")
    before = host.read(HBA)
    line = f"host all dashboard_proof {database.address}/32 scram-sha-256\n"
    host.write(HBA, line + before, mode="0640", owner="postgres", group="postgres")
    host.run(["systemctl", "start", "postgresql@15-main.service"])
    names = ("owner", "app", "backup")
    made = [f"CREATE ROLE dashboard_{name}" for name in names]
    sql(host, *made, f"CREATE ROLE dashboard_proof LOGIN CREATEDB PASSWORD '{SECRET}'")
    own = {path: database.run(["cat", path], check=False).stdout for path in FILES}
    place = f"[{SERVICE}]\nhost={host.address}\nuser=dashboard_proof\ndbname=postgres\n"
    keep(database, FILES[0], own[FILES[0]] + place)
    keep(database, FILES[1], f"{host.address}:5432:*:dashboard_proof:{SECRET}\n" + own[FILES[1]])
    with broken_world.inventory(guarded, backup_proof_service=SERVICE):
        yield host
    for path, text in own.items():
        keep(database, path, text)
    sql(host, *(f"DROP ROLE dashboard_{name}" for name in (*names, "proof")))
    host.run(["systemctl", "stop", "postgresql@15-main.service"])
    host.write(HBA, before, mode="0640", owner="postgres", group="postgres")


def keep(host: Host, path: str, text: str) -> None:
    """Write a file of the deploy user that nobody else may read."""
    host.write(path, text, mode="0600", owner="deploy", group="deploy")


@contextmanager
def closed(_database: Host, host: Host) -> Iterator[None]:
    """No line of pg_hba.conf lets the role in."""
    before = host.read(HBA)
    host.write(HBA, before.split("\n", 1)[1], mode="0640", owner="postgres", group="postgres")
    sql(host, "SELECT pg_reload_conf()")
    yield
    host.write(HBA, before, mode="0640", owner="postgres", group="postgres")
    sql(host, "SELECT pg_reload_conf()")


@contextmanager
def wrong_password(database: Host, _host: Host) -> Iterator[None]:
    before = database.read(FILES[1])
    keep(database, FILES[1], before.replace(SECRET, "another-word"))
    yield
    keep(database, FILES[1], before)


@contextmanager
def stopped(_database: Host, host: Host) -> Iterator[None]:
    host.run(["systemctl", "stop", "postgresql@15-main.service"])
    yield
    host.run(["systemctl", "start", "postgresql@15-main.service"])


@contextmanager
def without_a_role(_database: Host, host: Host) -> Iterator[None]:
    sql(host, "DROP ROLE dashboard_app")
    yield
    sql(host, "CREATE ROLE dashboard_app")


def test_a_backup_is_proved_on_another_host(guarded: Guarded, prover: Host) -> None:
    """Nothing of the copy is left on either server, and the operator is told whose disk nobody could look at."""
    database = guarded.lab.hosts["db1"]
    before = [databases(host) for host in (database, prover)]
    done = guarded.cli("backup", "lab", "--yes", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    (told,) = [one["data"] for one in json.loads(done.stdout)["results"] if one["data"].get("proof") == "proved"]
    assert told["proof_details"]["service"] == SERVICE
    assert told["tables"] > 0
    room = [note for note in told["notes"] if note.startswith("room for the proving copy is unknown")]
    assert [prover.address in note and "GRANT" not in note for note in room] == [True], told["notes"]
    assert [databases(host) for host in (database, prover)] == before


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        pytest.param(
            closed, "no pg_hba.conf entry", marks=pytest.mark.fault("database: rights missing", ends="refused")
        ),
        pytest.param(
            wrong_password,
            "password authentication failed",
            marks=pytest.mark.fault("database: wrong password", ends="refused"),
        ),
        pytest.param(stopped, "Connection refused", marks=pytest.mark.fault("database: down", ends="refused")),
        pytest.param(
            without_a_role, "no role dashboard_app", marks=pytest.mark.fault("backup not restorable", ends="found")
        ),
    ],
)
def test_a_prover_that_cannot_prove_stops_the_release(
    guarded: Guarded, prover: Host, wrong: Callable[[Host, Host], AbstractContextManager[None]], words: str
) -> None:
    live = guarded.live_tags()
    with wrong(guarded.lab.hosts["db1"], prover):
        done = guarded.cli("deploy", "lab", "--ref", "v1.1.0", "--yes")
    assert done.returncode != 0
    assert words in " ".join((done.stdout + done.stderr).split()), done.stdout + done.stderr
    assert guarded.live_tags() == live
