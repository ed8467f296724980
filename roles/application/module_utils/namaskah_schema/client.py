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

NOT_OURS, NO_DRIVER, REFUSED = 3, 4, 5  # exit codes
SCHEMES = ("postgres", "postgresql", "postgis", "pgsql")
NAME = "namaskah-migrate"  # as pg_stat_activity shows it

Ask = Callable[[str, list[Any]], list[Any]]


def address(text: str) -> str:
    """Return a database's URL as libpq takes it: what comes after a `+` chooses a driver."""
    scheme, divider, rest = text.partition("://")
    if not divider or scheme.partition("+")[0] not in SCHEMES:
        sys.exit(NOT_OURS)
    return f"postgresql://{rest}"


def by_libpq(name: str, url: str) -> Ask:
    """Connect with psycopg or psycopg2."""
    connection = importlib.import_module(name).connect(url, application_name=NAME)
    connection.autocommit = True

    def ask(query: str, values: list[Any]) -> list[Any]:
        cursor = connection.cursor()
        cursor.execute(query, values)
        return [list(row) for row in cursor.fetchall()]

    return ask


def by_asyncpg(url: str) -> Ask:
    """Connect with asyncpg, whose places for values are numbered."""
    loop = asyncio.new_event_loop()
    driver = importlib.import_module("asyncpg")
    connection = loop.run_until_complete(driver.connect(url, server_settings={"application_name": NAME}))

    def ask(query: str, values: list[Any]) -> list[Any]:
        for number in range(1, len(values) + 1):
            query = query.replace("%s", f"${number}", 1)
        return [list(row) for row in loop.run_until_complete(connection.fetch(query, *values))]

    return ask


def connect(url: str) -> Ask:
    """Connect with the first driver that is there."""
    found = [name for name in ("psycopg", "psycopg2", "asyncpg") if importlib.util.find_spec(name)]
    if not found:
        sys.exit(NO_DRIVER)
    return by_asyncpg(url) if found[0] == "asyncpg" else by_libpq(found[0], url)


def main() -> None:
    """Answer each line with the rows, or with the error, of its query; `argv[1]` names the variable of the address."""
    try:
        ask = connect(address(os.environ.get(sys.argv[1], "")))
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
