"""How does a step work on a host? Under the lease of its run, which it renews, and written down before and after."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Iterator
from typing import Any

from . import lease
from .contract import Contract
from .failure import Failure
from .files import lock, write_json

LOCK_SECONDS = 5.0  # a taker of the lease has the lock for a moment only
OFTEN = 3.0  # so many renewals fit into the term of a lease


@contextlib.contextmanager
def working(contract: Contract, run: dict[str, Any], phase: str) -> Iterator[int]:
    """Work on the host for `run`: give the descriptor of the work lock, which long commands inherit.

    The phase stands in the journal before it begins and after it has ended; the lease is renewed while it lasts.
    Raises Failure (refused) when the lease belongs to another run or carries another fencing number.
    """
    with lock(lease.work_lock(contract), LOCK_SECONDS, shared=True) as descriptor:
        term = _renew(contract, run)
        lease.note(contract, run, "began", phase=phase, release=run.get("release", ""), pid=os.getpid())
        outcome: dict[str, Any] = {"outcome": "broken off"}
        try:
            with _renewed(contract, run, term):
                yield descriptor
            outcome = {"outcome": "done"}
        except Failure as failure:
            # The whole reason may be long and is in the report of the run.
            outcome = {"outcome": "failed", "class": failure.kind, "what": failure.what}
            raise
        finally:
            lease.note(contract, run, "ended", phase=phase, **outcome)


def working_if_held(
    contract: Contract, run: dict[str, Any], phase: str
) -> contextlib.AbstractContextManager[int | None]:
    """Work under the lease where the run has one here: a host of databases alone has no application, and so none."""
    return working(contract, run, phase) if run.get("fence") else contextlib.nullcontext()


def _renew(contract: Contract, run: dict[str, Any]) -> float:
    """Renew the lease and return its term in seconds; raises Failure (refused) when it is not this run's."""
    found = lease.held_by(contract, run)
    term = float(found.get("term") or contract.lease_ttl)
    write_json(lease.lease_file(contract), {**found, "expires": time.time() + term})
    return term


@contextlib.contextmanager
def _renewed(contract: Contract, run: dict[str, Any], term: float) -> Iterator[None]:
    """Renew the lease again and again: a step may last longer than the term."""
    over = threading.Event()

    def renew() -> None:
        # Nobody can take it meanwhile, for whoever takes it needs the lock alone.
        while not over.wait(max(term / OFTEN, 0.1)):
            with contextlib.suppress(OSError, Failure):  # a full disk is the step's own to report
                _renew(contract, run)

    thread = threading.Thread(target=renew, name="lease", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
