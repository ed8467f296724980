"""A session with the database, by the application's own driver: lines of JSON in, lines of JSON out.

It stands alone and runs with the interpreter of a release's virtualenv: an application host need not have psql, and
the drivers here are those that applications have. It ends when nobody listens, and with it ends what it locks.
"""

import asyncio
import importlib.util
import json
import os
import sys
from collections.abc import Callable
from typing import Any

NO_DRIVER, REFUSED, POOLED = 4, 5, 6  # exit codes
NAME = "namaskah-migrate"  # as pg_stat_activity shows it
# What asyncpg takes from the environment only, by the names of libpq.
FROM_ENVIRONMENT = {
    "sslmode": "PGSSLMODE", "sslcert": "PGSSLCERT", "sslkey": "PGSSLKEY", "sslrootcert": "PGSSLROOTCERT",
    "sslcrl": "PGSSLCRL", "passfile": "PGPASSFILE", "target_session_attrs": "PGTARGETSESSIONATTRS",
    "ssl_min_protocol_version": "PGSSLMINPROTOCOLVERSION", "ssl_max_protocol_version": "PGSSLMAXPROTOCOLVERSION",
}  # fmt: skip

Ask = Callable[[str, list[Any]], list[Any]]


def by_libpq(name: str, keywords: dict[str, str]) -> tuple[Ask, int]:
    """Connect with psycopg or psycopg2."""
    connection = importlib.import_module(name).connect(**{**keywords, "application_name": NAME})
    connection.autocommit = True

    def ask(query: str, values: list[Any]) -> list[Any]:
        cursor = connection.cursor()
        cursor.execute(query, values)
        return [list(row) for row in cursor.fetchall()]

    return ask, connection.get_backend_pid() if name == "psycopg2" else connection.info.backend_pid


def by_asyncpg(keywords: dict[str, str]) -> tuple[Ask, int]:
    """Connect with asyncpg, whose places for values are numbered."""
    os.environ.update({name: keywords[word] for word, name in FROM_ENVIRONMENT.items() if word in keywords})
    given: dict[str, Any] = {name: keywords[name] for name in ("user", "password") if name in keywords}
    given["server_settings"] = {"application_name": NAME}
    if "options" in keywords:
        given["server_settings"]["options"] = keywords["options"]
    if "dbname" in keywords:
        given["database"] = keywords["dbname"]
    if hosts := keywords.get("hostaddr") or keywords.get("host"):
        given["host"] = hosts.split(",")
    if ports := keywords.get("port"):
        given["port"] = [int(port or "5432") for port in ports.split(",")]
    loop = asyncio.new_event_loop()
    driver = importlib.import_module("asyncpg")
    connection = loop.run_until_complete(driver.connect(**given))

    def ask(query: str, values: list[Any]) -> list[Any]:
        for number in range(1, len(values) + 1):
            query = query.replace("%s", f"${number}", 1)
        return [list(row) for row in loop.run_until_complete(connection.fetch(query, *values))]

    return ask, connection.get_server_pid()


def connect(keywords: dict[str, str]) -> Ask:
    """Connect with the first driver that is there. Exits where there is none, or where the session is not our own.

    A pooler gives a connection a number of its own, and may give our session's lock to whoever comes next.
    """
    found = [name for name in ("psycopg", "psycopg2", "asyncpg") if importlib.util.find_spec(name)]
    if not found:
        sys.exit(NO_DRIVER)
    ask, told = by_asyncpg(keywords) if found[0] == "asyncpg" else by_libpq(found[0], keywords)
    if ask("SELECT pg_backend_pid()", [])[0][0] != told:
        sys.exit(POOLED)
    return ask


def main() -> None:
    """Answer each line with the rows, or with the error, of its query; the first line says where to connect."""
    try:
        ask = connect(json.loads(sys.stdin.readline()))
    except Exception as error:  # noqa: BLE001 - every driver has its own, and whoever asked wants to hear it
        sys.stdout.write(json.dumps({"error": str(error)}) + "\n")
        sys.exit(REFUSED)
    sys.stdout.write(json.dumps({"rows": []}) + "\n")
    sys.stdout.flush()
    for line in sys.stdin:
        question = json.loads(line)
        try:
            answer: dict[str, Any] = {"rows": ask(question["query"], question["values"])}
        except Exception as error:  # noqa: BLE001 - see above
            answer = {"error": str(error)}
        sys.stdout.write(json.dumps(answer, default=str) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
