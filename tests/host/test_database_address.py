"""Is the address of a database read in whatever form its application takes, and is nothing of it in an error?"""

from __future__ import annotations

import random
import time
from typing import Any
from urllib.parse import quote

import pytest
from ansible.module_utils.namaskah_host import database_address

USER = {"user": "u", "password": "p", "dbname": "d"}
READ: list[tuple[str, dict[str, str]]] = [
    ("postgresql://u:p@h:5433/d", {**USER, "host": "h", "port": "5433"}),
    ("postgres://u:p@h/d", {**USER, "host": "h"}),
    # Drivers and parameters that libpq does not know.
    ("postgresql+asyncpg://u:p@h/d?ssl=require&prepared_statement_cache_size=0",
     {**USER, "host": "h", "sslmode": "require"}),
    ("postgresql+psycopg://u:p@h/d?sslmode=verify-full&sslrootcert=/ca.pem",
     {**USER, "host": "h", "sslmode": "verify-full", "sslrootcert": "/ca.pem"}),
    ("postgres://u:p@h/d?conn_max_age=600&conn_health_checks=true&CONN_MAX_AGE=1", {**USER, "host": "h"}),
    ("postgresql+psycopg2cffi://u:p@h/d?application_name=x&pool_size=5", {**USER, "host": "h"}),
    ("asyncpg://u:p@h/d?minsize=1", {**USER, "host": "h"}),
    ("postgres://u:p@h/d?ssl=false", {**USER, "host": "h", "sslmode": "disable"}),
    ("postgres://u:p@h/d?sslmode=no-verify", {**USER, "host": "h", "sslmode": "require"}),
    ("postgres://u:p@h/d?ssl=no-verify", {**USER, "host": "h", "sslmode": "require"}),
    ("postgres://u:p@h/d?pgbouncer=true&channel_binding=require", {**USER, "host": "h", "channel_binding": "require"}),
    # Names of kinds.
    ("postgis://u:p@h/d", {**USER, "host": "h"}),
    ("psql://u:p@h/d", {**USER, "host": "h"}),
    ("pgsql://u:p@h/d", {**USER, "host": "h"}),
    ("timescalegis://u:p@h/d", {**USER, "host": "h"}),
    ("postgresql_psycopg2://u:p@h/d", {**USER, "host": "h"}),
    ("POSTGRES://u:p@h/d", {**USER, "host": "h"}),
    # Sockets.
    ("postgresql://u:p@/d?host=/run/pg&port=5433", {**USER, "host": "/run/pg", "port": "5433"}),
    ("postgres://u:p@%2Frun%2Fpg/d", {**USER, "host": "/run/pg"}),
    ("postgres://u:p@%2Frun%2Fpg:5433/d", {**USER, "host": "/run/pg", "port": "5433"}),
    ("postgres://u:p@//run/pg/d", {**USER, "host": "/run/pg"}),
    ("psql://u:p@//cloudsql/project:region:instance/d", {**USER, "host": "/cloudsql/project:region:instance"}),
    ("postgres:////run/pg/d", {"dbname": "d", "host": "/run/pg"}),
    ("postgresql:///d", {"dbname": "d"}),
    ("postgresql://", {}),
    ("postgresql+pg8000://u:p@/d?unix_sock=/run/pg/.s.PGSQL.5433", {**USER, "host": "/run/pg", "port": "5433"}),
    # Several hosts.
    ("postgresql://u:p@h1:1,h2:2/d?target_session_attrs=read-write",
     {**USER, "host": "h1,h2", "port": "1,2", "target_session_attrs": "read-write"}),
    ("postgresql://u:p@h1,h2:5433/d", {**USER, "host": "h1,h2", "port": ",5433"}),
    ("postgresql+psycopg2://u:p@/d?host=h1:1&host=h2:2", {**USER, "host": "h1,h2", "port": "1,2"}),
    ("postgresql+asyncpg://u:p@/d?host=h1,h2&port=5,6", {**USER, "host": "h1,h2", "port": "5,6"}),
    ("postgresql://u:p@/d?host=h1,h2&port=5", {**USER, "host": "h1,h2", "port": "5,5"}),
    ("postgresql://u:p@[fd00::1]:5433,[fd00::2]/d", {**USER, "host": "fd00::1,fd00::2", "port": "5433,"}),
    # Passwords as people write them.
    ("postgres://u:p%23w@h/d", {**USER, "password": "p#w", "host": "h"}),
    ("postgres://u:p#w@h/d", {**USER, "password": "p#w", "host": "h"}),
    ("postgres://u:p?w@h/d", {**USER, "password": "p?w", "host": "h"}),
    ("postgres://u:p/w@h/d", {**USER, "password": "p/w", "host": "h"}),
    ("postgres://u:12/w@h/d", {**USER, "password": "12/w", "host": "h"}),
    ("postgres://u:p@w@h/d", {**USER, "password": "p@w", "host": "h"}),
    ("postgres://u:p:w@h/d", {**USER, "password": "p:w", "host": "h"}),
    ("postgres://u:12345@h/d", {**USER, "password": "12345", "host": "h"}),
    ("postgres://u:100%@h/d", {**USER, "password": "100%", "host": "h"}),
    ("postgres://u:100%25@h/d", {**USER, "password": "100%", "host": "h"}),
    ("postgres://u:a+b@h/d", {**USER, "password": "a+b", "host": "h"}),
    ("postgres://h/d?user=u&password=p", {**USER, "host": "h"}),
    ("postgres://h:5433/d?user=u@x", {"user": "u@x", "dbname": "d", "host": "h", "port": "5433"}),
    ("postgres://u%40x:p@h/d", {**USER, "user": "u@x", "host": "h"}),
    # The search path.
    ("postgres://h/d?options=-c%20search_path%3Dshop", {"dbname": "d", "host": "h", "options": "-c search_path=shop"}),
    ("postgres://h/d?options=-c+search_path=shop", {"dbname": "d", "host": "h", "options": "-c search_path=shop"}),
    ("postgres://h/d?currentSchema=shop,public", {"dbname": "d", "host": "h", "options": "-c search_path=shop,public"}),
]  # fmt: skip
OF_OTHERS = [
    "",
    "mysql://u:p@h/d",
    "sqlite:////srv/db.sqlite3",
    "h:5432/d",
    "jdbc:postgresql://h/d",
    "redis://h",
    "cockroach://h/d",
]
BROKEN = [
    "postgres://u:sentinel#x", "postgres://u:sentinel", "postgres://h:sentinel/d", "postgres://::1/d",
    "postgres://u:p@h:sentinel/d", "postgres://u:p@h:99999/d", "postgres://u:p@h:0/d", "postgres://u:sentinel%00@h/d",
    "postgres://u:p@/d?port=sentinel", "postgres://u:p@/d?host=a,b&port=1,2,3", "postgres://u:p@sent inel/d",
    "postgres://u:p@/d?unix_sock=sentinel", "postgres://u:p@h/d?sslmode=sentinel", "postgres://u:p@h/d?ssl=sentinel",
    "postgres://u:p@h'sentinel/d", "postgres://u:p@h:²/d",
]  # fmt: skip


@pytest.mark.parametrize(("text", "keywords"), READ)
def test_every_form_is_read(text: str, keywords: dict[str, str]) -> None:
    found = database_address.parse(text)
    assert found
    assert found.for_libpq() == keywords


@pytest.mark.parametrize("text", OF_OTHERS)
def test_other_databases_are_none_of_ours(text: str) -> None:
    assert database_address.parse(text) is None


@pytest.mark.parametrize("text", BROKEN)
def test_what_is_broken_is_said_without_it(text: str) -> None:
    with pytest.raises(ValueError, match=r"^it") as caught:
        database_address.parse(text).for_libpq()  # type: ignore[union-attr]
    assert "sentinel" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("postgres:///d PGPORT=6", [("/var/run/postgresql", 6)]),
        ("postgres:///d PGHOST=h PGPORT=6", [("h", 6)]),
        ("postgres:///d PGHOST=h1,h2 PGPORT=6", [("h1", 6), ("h2", 6)]),
        ("postgres://h1,h2/d PGPORT=6,7", [("h1", 6), ("h2", 7)]),
        ("postgres://h:5/d PGHOST=other PGPORT=6", [("h", 5)]),
        ("postgres://:5/d PGHOST=h PGPORT=6", [("h", 5)]),
        ("postgres://u:p@h/d", [("h", 5432)]),
        ("postgres:///d", [("/var/run/postgresql", 5432)]),
        ("postgres://h1,h2:6/d", [("h1", 5432), ("h2", 6)]),
        ("postgres://h/d?hostaddr=10.0.0.1", [("10.0.0.1", 5432)]),
        ("postgres:////run/pg/d?port=6", [("/run/pg", 6)]),
    ],
)
def test_where_servers_are(text: str, places: list[tuple[str, int]]) -> None:
    address, *variables = text.split(" ")
    found = database_address.parse(address)
    assert found
    assert found.places({name: value for name, _, value in (one.partition("=") for one in variables)}) == places


LETTERS = "abc019:/@#?%&=+,[]. \\'\"\0\n\u2028é"


def check(count: int) -> None:
    """Whatever an address holds, it is read or refused at once, in words without it; what is quoted is read back."""
    chance = random.Random(7)  # noqa: S311 - a repeatable choice, no secret
    read, told = 0, [""]
    begun = time.monotonic()
    for _ in range(count):
        secret = "".join(chance.choices(LETTERS.replace("\0", ""), k=chance.randint(1, 8)))
        given: dict[str, Any] = {"user": "u", "password": secret, "dbname": "d", "host": "h"}
        found = database_address.parse(f"postgresql://u:{quote(secret, safe='')}@h/d")
        assert found
        assert found.for_libpq() == given
        wild = f"postgres://{''.join(chance.choices(LETTERS, k=chance.randint(0, 12)))}sentinel"
        wild += "".join(chance.choices(LETTERS, k=chance.randint(0, 12)))
        try:
            found = database_address.parse(wild)
        except ValueError as error:
            told.append(str(error))
        else:
            assert found
            assert all(isinstance(port, int) for _, port in found.places())
            read += 1
    assert not any("sentinel" in text for text in told)
    assert read > count / 20
    assert time.monotonic() - begun < 1 + count / 100
    database_address.parse("postgres://" + "a," * 50_000 + "@" * 50_000 + ":/" * 50_000)


def test_made_up_addresses() -> None:
    check(300)


@pytest.mark.soak
def test_many_made_up_addresses() -> None:
    check(10_000)
