"""Was every acknowledged payment executed, and none twice? The client's book against the server's own."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from typing import TYPE_CHECKING, Any

from tests.support.load.errors import RequestError
from tests.support.load.report import LedgerReport
from tests.support.load.session import Session, expect_success

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.support.load.profiles import Profile

KEPT_KEYS = 50
ATTEMPTS = 5
READ_TIMEOUT = 60.0


async def compare_ledger(session: Session, prefix: str, sent: set[str], acknowledged: set[str]) -> LedgerReport:
    """Read the server's ledger and compare. A ledger that cannot be read is an error in the report, not a pass."""
    try:
        executed = await _executed(session, prefix)
    except RequestError as error:
        return LedgerReport(error=f"{session.settings.profile.ledger_path}: {error} {error.status or ''}".strip())
    return judge_ledger(executed, sent, acknowledged)


def judge_ledger(executed: Iterable[str], sent: set[str], acknowledged: set[str]) -> LedgerReport:
    """Compare the keys that the server executed, each as often as it did, with the client's."""
    counts = Counter(executed)
    keys = set(counts)
    missing, unknown = acknowledged - keys, keys - sent
    unacknowledged = keys & sent - acknowledged
    duplicates = {key for key, count in counts.items() if count > 1}
    return LedgerReport(
        checked=True,
        acknowledged=len(acknowledged),
        executed=len(keys),
        missing=len(missing),
        duplicates=len(duplicates),
        unknown=len(unknown),
        unacknowledged=len(unacknowledged),
        missing_keys=sorted(missing)[:KEPT_KEYS],
        duplicate_keys=sorted(duplicates)[:KEPT_KEYS],
        unknown_keys=sorted(unknown)[:KEPT_KEYS],
        unacknowledged_keys=sorted(unacknowledged)[:KEPT_KEYS],
    )


async def _executed(session: Session, prefix: str) -> list[str]:
    """Return the executed keys that begin with `prefix`."""
    template, keys, after = session.settings.profile.ledger_path, [], "0"
    try:
        async with asyncio.timeout(READ_TIMEOUT):
            while page := _entries(await _read(session, template.replace("{after}", after)), session.settings.profile):
                keys += [key for key, _ in page if key.startswith(prefix)]
                if "{after}" not in template:
                    break
                after = page[-1][1]
    except TimeoutError:
        raise RequestError("time-out", f"no complete ledger within {READ_TIMEOUT:g} s") from None
    return keys


async def _read(session: Session, path: str) -> bytes:
    """Read the ledger, trying again after a failure: here it is a measuring device, not load."""
    for attempt in range(1, ATTEMPTS):
        try:
            return await _read_once(session, path)
        except RequestError:
            await asyncio.sleep(attempt * 0.5)
    return await _read_once(session, path)


async def _read_once(session: Session, path: str) -> bytes:
    response = await session.fetch_once("GET", path)
    expect_success(response)
    return response.body


def _entries(body: bytes, profile: Profile) -> list[tuple[str, str]]:
    """Return the keys of a page and the cursors of its entries."""
    try:
        document: Any = json.loads(body)
        entries = document[profile.ledger_list] if profile.ledger_list else document
        return [(str(entry[profile.ledger_key]), str(entry.get(profile.ledger_cursor, ""))) for entry in entries]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        detail = f"expected a list of objects with {profile.ledger_key!r}: {error!r}"
        raise RequestError("bad ledger", detail, body=body) from None
