"""Where do the samples keep their data? In fresh databases of one server of the tests' own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from urllib.parse import urlsplit

from tests.support import postgres

SETTINGS = {"full_page_writes": "off", "max_connections": "60"}


@dataclass(frozen=True)
class Databases:
    """The databases of a running server; every `create` gives a fresh, empty one."""

    server: postgres.Server
    numbers: Iterator[int]

    def create(self, like: str = "") -> str:
        """Return the DATABASE_URL of a new database: empty, or a copy of one that nobody is connected to."""
        name = f"sample{next(self.numbers)}"
        template = urlsplit(like).path.strip("/") or "template1"
        self.server.sql(f"CREATE DATABASE {name} TEMPLATE {template}")
        return f"postgresql://{self.server.superuser}@/{name}?host={self.server.folder}"

    def query(self, sql: str, address: str) -> str:
        """Run SQL in the database of an address, and return its rows, columns divided by a bar."""
        return self.server.sql(sql, database=address)


@contextmanager
def running() -> Iterator[Databases]:
    """Run their server until the end of the block."""
    with postgres.running(SETTINGS) as server:
        yield Databases(server, count(1))
