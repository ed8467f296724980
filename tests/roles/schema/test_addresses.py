"""Do migrations and the session beside them reach the database that the application means, as the application does?"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest
from ansible.module_utils.namaskah_host.contract import Contract
from ansible.module_utils.namaskah_host.failure import Failure
from ansible.module_utils.namaskah_host.release import Release
from ansible.module_utils.namaskah_schema import session
from ansible.module_utils.namaskah_schema.history import History

from tests.support.contracts import contract

# Drivers that write down what they are given. A session of a pooler has another number than its server's process.
PSYCOPG = """
import json, types
def connect(*words, **given):
    print(json.dumps({"given": given}), file=open("{log}", "w"))
    cursor = types.SimpleNamespace(execute=lambda *_: None, fetchall=lambda: [[41]])
    return types.SimpleNamespace(cursor=lambda: cursor, info=types.SimpleNamespace(backend_pid={pid}))
"""
ASYNCPG = """
import json, os, types
async def connect(*words, **given):
    given["environment"] = {name: os.environ[name] for name in os.environ if name.startswith("PGSSL")}
    print(json.dumps({"given": given}), file=open("{log}", "w"))
    async def fetch(query, *values):
        return [[41]]
    return types.SimpleNamespace(fetch=fetch, get_server_pid=lambda: {pid})
"""


def reached(folder: Path, address: str, driver: str = "psycopg", pid: int = 41) -> tuple[dict[str, object], str]:
    """What the driver was given for an address, and why there is no session, if there is none."""
    (folder / "venv" / "bin").mkdir(parents=True)
    modules, log = folder / "modules", folder / "log"
    modules.mkdir()
    source = (ASYNCPG if driver == "asyncpg" else PSYCOPG).replace("{log}", str(log)).replace("{pid}", str(pid))
    (modules / f"{driver}.py").write_text(source)
    python = folder / "venv" / "bin" / "python"
    python.write_text(f'#!/bin/sh\nPYTHONPATH={modules} exec {sys.executable} -S "$@"\n')
    python.chmod(0o755)
    with session.opened(folder / "venv", {"DATABASE_URL": address}, "DATABASE_URL", "here") as (made, why):
        assert (made is None) == bool(why)
    return (json.loads(log.read_text())["given"] if log.exists() else {}), why


@pytest.mark.parametrize("address", [
    "postgresql+asyncpg://u:p%23w@h/d?ssl=require&prepared_statement_cache_size=0",
    "postgis://u:p#w@h/d?conn_max_age=600&sslmode=require",
])  # fmt: skip
def test_the_drivers_of_libpq_are_given_what_libpq_knows(tmp_path: Path, address: str) -> None:
    given, why = reached(tmp_path, address)
    assert why == ""
    assert given == {
        "user": "u", "password": "p#w", "host": "h", "dbname": "d", "sslmode": "require",
        "application_name": "namaskah-migrate",
    }  # fmt: skip


def test_asyncpg_is_given_the_same_in_its_own_way(tmp_path: Path) -> None:
    address = "postgresql+asyncpg://u:p@h1:1,h2/d?ssl=require&options=-c%20search_path%3Dshop&pool_size=3"
    given, why = reached(tmp_path, address, "asyncpg")
    assert why == ""
    assert given == {
        "user": "u", "password": "p", "host": ["h1", "h2"], "port": [1, 5432], "database": "d",
        "server_settings": {"application_name": "namaskah-migrate", "options": "-c search_path=shop"},
        "environment": {"PGSSLMODE": "require"},
    }  # fmt: skip


@pytest.mark.parametrize("driver", ["psycopg", "asyncpg"])
def test_there_is_no_lock_in_a_pooler(tmp_path: Path, driver: str) -> None:
    assert "leads to a pooler" in reached(tmp_path, "postgres://u:p@h/d", driver, pid=7)[1]


@pytest.mark.parametrize(("address", "why"), [
    ("mysql://u:sentinel@h/d", "the variable DATABASE_URL holds no address of PostgreSQL"),
    ("postgres://u:p@h:sentinel/d", "the address in DATABASE_URL cannot be read: its port is no number"),
])  # fmt: skip
def test_without_a_session_the_reason_holds_no_part_of_the_address(tmp_path: Path, address: str, why: str) -> None:
    told = reached(tmp_path, address)[1]
    assert told.startswith(why)
    assert "sentinel" not in told


@pytest.fixture
def history(tmp_path: Path) -> History:
    """The migrations of an application whose command prints what its environment says."""
    agreed = contract({
        "root": str(tmp_path), "env_file": str(tmp_path / "env"), "migrate_env_file": str(tmp_path / "env.migrate"),
        "migrate_lock_timeout": 3,
        "migrate_command": [sys.executable, "-c", "import os; print(os.environ['PGOPTIONS'])"],
    })  # fmt: skip
    (tmp_path / "env").write_text("")
    (tmp_path / "env.migrate").write_text("")
    name = "20260101T000000Z-000000000000"
    (tmp_path / "releases" / name).mkdir(parents=True)
    return History(Contract(agreed), Release(Contract(agreed), name), {"release": name, "commit": ""})


@pytest.mark.parametrize(("own", "for_migrations", "told"), [
    ("", "", "-c lock_timeout=3000"),
    ("PGOPTIONS=-c search_path=shop", "", "-c search_path=shop -c lock_timeout=3000"),
    ('PGOPTIONS="-c search_path=shop"', "PGOPTIONS='-c search_path=till'", "-c search_path=till -c lock_timeout=3000"),
    ("PGOPTIONS=--lock_timeout=9", "", "--lock_timeout=9 -c lock_timeout=3000"),
])  # fmt: skip
def test_the_options_of_the_application_are_kept(history: History, own: str, for_migrations: str, told: str) -> None:
    root = history.contract.root
    (root / "env").write_text(own)
    (root / "env.migrate").write_text(for_migrations)
    assert history.run(history.contract.migrate_command, "migrate").strip() == told


def test_the_options_around_the_tool_are_kept(history: History, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "PGOPTIONS", "-c search_path=shop")
    assert history.variables["PGOPTIONS"] == "-c search_path=shop -c lock_timeout=3000"


def test_an_environment_file_that_cannot_be_read_is_a_failure(history: History) -> None:
    (history.contract.root / "env").write_text("GOOD=1\nsentinel\n")
    with pytest.raises(Failure, match="line 2 is not KEY=VALUE") as caught:
        history.run(history.contract.migrate_command, "migrate")
    assert "sentinel" not in str(caught.value.as_dict())
