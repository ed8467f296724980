"""Clients that never rest: each writes a row and reads in one transaction, connects again at once, and keeps count.

They speak PostgreSQL's protocol themselves (the manual's "Frontend/Backend Protocol"): the tests' environment has no
driver, and what is counted is what the server acknowledged, not what a driver's pool hides.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import struct
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

STATEMENT = "BEGIN; SELECT count(*) FROM payments WHERE id < 3; INSERT INTO acks VALUES ({client}, {number}); COMMIT"
TABLE = "CREATE TABLE acks (client int, number int, PRIMARY KEY (client, number))"


class RefusedError(Exception):
    """The server said no, or hung up."""


@dataclass
class Seen:
    """What clients saw: rows acknowledged, errors, and the moments of each success (monotonic seconds)."""

    acknowledged: set[tuple[int, int]] = field(default_factory=set)
    errors: list[str] = field(default_factory=list)
    moments: list[float] = field(default_factory=list)
    slowest: float = 0.0

    def longest_gap_ms(self, since: float = 0.0) -> float:
        """The longest time in which no client at all had a success; only gaps that end after `since` count."""
        moments = sorted(self.moments)
        return 1000 * max((b - a for a, b in itertools.pairwise(moments) if b > since), default=0.0)


class Client:
    """One connection on a unix socket."""

    def __init__(self, socket: Path, user: str, database: str) -> None:
        self.socket, self.user, self.database = socket, user, database
        self.reader: asyncio.StreamReader | None = None
        self.writer: asyncio.StreamWriter | None = None

    async def connect(self) -> None:
        self.reader, self.writer = await asyncio.open_unix_connection(str(self.socket))
        words = f"user\0{self.user}\0database\0{self.database}\0\0".encode()
        self.writer.write(struct.pack("!ii", len(words) + 8, 196608) + words)
        await self._until_ready()

    async def ask(self, sql: str) -> None:
        if self.writer is None:
            await self.connect()
        assert self.writer is not None
        text = sql.encode() + b"\0"
        self.writer.write(b"Q" + struct.pack("!i", len(text) + 4) + text)
        await self._until_ready()

    def hang_up(self) -> None:
        if self.writer is not None:
            self.writer.close()
        self.reader = self.writer = None

    async def _until_ready(self) -> None:
        assert self.reader is not None
        wrong = ""
        while True:
            kind, length = struct.unpack("!ci", await self.reader.readexactly(5))
            body = await self.reader.readexactly(length - 4)
            if kind == b"E":
                fields = {part[:1]: part[1:] for part in body.split(b"\0") if part}
                wrong = fields.get(b"M", b"").decode()
                if fields.get(b"S") == b"FATAL":
                    raise RefusedError(wrong)
            if kind == b"Z":
                if wrong:
                    raise RefusedError(wrong)
                return


@contextlib.contextmanager
def busy(socket: Path, count: int, *, user: str = "owner", database: str = "shop") -> Iterator[Seen]:
    """So many clients work while the block runs."""
    seen, stop = Seen(), threading.Event()
    clients = [Client(socket, user, database) for _ in range(count)]
    worker = threading.Thread(target=lambda: asyncio.run(_work(clients, seen, stop)))
    worker.start()
    try:
        deadline = time.monotonic() + 30
        while len({client for client, _ in list(seen.acknowledged)}) < count and time.monotonic() < deadline:
            time.sleep(0.05)
        yield seen
        time.sleep(0.5)
    finally:
        stop.set()
        worker.join()


async def _work(clients: list[Client], seen: Seen, stop: threading.Event) -> None:
    await asyncio.gather(*(_one(client, name, seen, stop) for name, client in enumerate(clients)))


async def _one(client: Client, name: int, seen: Seen, stop: threading.Event) -> None:
    number = 0
    while not stop.is_set():
        number += 1
        begun = time.monotonic()
        try:
            await client.ask(STATEMENT.format(client=name, number=number))
        except (RefusedError, OSError, asyncio.IncompleteReadError) as error:
            seen.errors.append(str(error))
            client.hang_up()
            await asyncio.sleep(0.005)
        else:
            seen.acknowledged.add((name, number))
            seen.moments.append(time.monotonic())
            seen.slowest = max(seen.slowest, time.monotonic() - begun)
            await asyncio.sleep(0.002)
    client.hang_up()
