"""Is an instance well? Asked on its own socket or port, before and after it gets traffic."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .bounded import BoundedConnection
from .contract import Contract, Service
from .failure import Failure
from .foreign import brief

GOOD_IN_A_ROW = 3  # one good answer of several workers proves little
PAUSE = 0.2  # seconds between two questions
ASKING = 1.0  # seconds between two questions to the process manager: one may start a program
LARGEST = 1_000_000  # bytes of an answer that are read


@dataclass(frozen=True)
class Answer:
    """One answer, or the reason why there was none."""

    status: int
    body: bytes
    headers: dict[str, str]
    error: str = ""

    def json(self) -> Any:
        """Return the body as JSON, or None where it is none."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None


def connection(contract: Contract, service: Service, instance: str, timeout: float) -> http.client.HTTPConnection:
    """Return a connection to the instance's own socket or port; `timeout` bounds the whole answer."""
    if service.listen == "port":
        return BoundedConnection(f"127.0.0.1:{service.ports[instance]}", timeout)
    return BoundedConnection("localhost", timeout, path=str(contract.runtime_of(instance) / f"{service.name}.sock"))


def get(connected: http.client.HTTPConnection, path: str, headers: dict[str, str]) -> Answer:
    """Ask once by GET; every failure to answer becomes an Answer with status 0 and its reason."""
    try:
        connected.request("GET", path, headers={"Connection": "close", **headers})
        response = connected.getresponse()
        return Answer(response.status, response.read(LARGEST), {k.lower(): v for k, v in response.getheaders()})
    except (OSError, ValueError, http.client.HTTPException) as error:  # a number that is none is a ValueError
        return Answer(0, b"", {}, f"{type(error).__name__}: {error}")
    finally:
        connected.close()


def complaint(contract: Contract, service: Service, instance: str, release: str) -> str:
    """Ask the instance once; return "" when it is well and runs `release`, else what is wrong with its answer."""
    health = service.health
    if health is None:
        return ""
    answer = get(
        connection(contract, service, instance, health.timeout),
        health.path,
        {"Host": health.host, "X-Forwarded-Proto": "https"},
    )
    if answer.error:
        return brief(answer.error)
    if answer.status != health.status:
        where_to = f" to {brief(answer.headers['location'])}" if "location" in answer.headers else ""
        return f"GET {health.path} answered {answer.status}{where_to}, expected {health.status}"
    if health.release_key:
        document = answer.json()
        told = document.get(health.release_key) if isinstance(document, dict) else None
        if told != release:
            return f"GET {health.path} says {health.release_key}={brief(repr(told))}, expected {release!r}"
    return ""


def gate(contract: Contract, service: Service, instance: str, release: str, alive: Callable[[], str]) -> float:
    """Wait until the instance has answered well several times in a row; return the seconds it took.

    `alive` returns "" while the process manager still believes in the instance, else why not: then waiting is over.
    Raises Failure (unhealthy) with the last complaint when `boot_timeout` has passed.
    """
    begin = time.monotonic()
    good, last, asked = 0, "no answer yet", -ASKING
    while time.monotonic() - begin < service.boot_timeout:
        last = complaint(contract, service, instance, release)
        good = good + 1 if not last else 0
        if good >= GOOD_IN_A_ROW:
            return time.monotonic() - begin
        if last and time.monotonic() - asked >= ASKING:
            asked = time.monotonic()
            dead = alive()
            if dead:
                last = f"{dead}; {last}"
                break
        time.sleep(PAUSE)
    if not last:
        last = f"its last {good} answers were good, {GOOD_IN_A_ROW} in a row are wanted within its boot_timeout"
    where = f"{contract.host}: {service.name}@{instance}"
    raise Failure(
        "unhealthy",
        f"wait for {service.name} of {release} to be well",
        where,
        last,
        f"read the log of {service.name}@{instance}; a slow start needs a longer boot_timeout "
        f"(now {service.boot_timeout:g} s)",
    )
