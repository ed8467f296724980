"""For whom does a migration wait? Another session looks, again and again, while it works."""

from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import Iterator
from typing import Any

from ansible.module_utils.namaskah_host.contract import Contract
from ansible.module_utils.namaskah_host.failure import Failure
from ansible.module_utils.namaskah_host.foreign import visible

from .session import Session
from .sql import statements

# The server's words for SQLSTATE 55P03, and the names that drivers give it.
TOO_LONG = re.compile(r"lock timeout|LockNotAvailable|55P03", re.IGNORECASE)
WHAT = "migrate the database beside those who use it"
EVERY = 0.2  # seconds between two looks
LONG_IDLE = 5.0  # seconds inside a transaction without a word, from which on a session is named before a release
_SHOWN = 120  # characters of a query
_MOST = 5  # sessions of a sentence

_COLUMNS = """
       coalesce(holder.usename::text, 'somebody'), coalesce(holder.application_name, ''),
       coalesce(host(holder.client_addr), 'the server itself'), coalesce(holder.state, 'in a state that is hidden'),
       coalesce(holder.xact_start::text, ''), coalesce(holder.query, '')
"""
# Who else waits is behind the migration, or behind the same session. 0 stands for a prepared transaction.
_HOLDERS = f"""
SELECT DISTINCT blocking.pid, {_COLUMNS}
  FROM pg_stat_activity AS waiting
 CROSS JOIN LATERAL unnest(pg_blocking_pids(waiting.pid)) AS blocking (pid)
  LEFT JOIN pg_stat_activity AS holder ON holder.pid = blocking.pid
 WHERE waiting.datname = current_database() AND waiting.usename = current_user AND waiting.wait_event_type = 'Lock'
   AND waiting.pid <> pg_backend_pid() AND holder.wait_event_type IS DISTINCT FROM 'Lock'
 ORDER BY 1
"""  # noqa: S608 - made of this file's own words
_IDLE = f"""
SELECT holder.pid, {_COLUMNS}
  FROM pg_stat_activity AS holder
 WHERE holder.datname = current_database() AND holder.state IN ('idle in transaction', 'idle in transaction (aborted)')
   AND holder.pid <> pg_backend_pid() AND holder.state_change < now() - make_interval(secs => {LONG_IDLE})
 ORDER BY holder.xact_start LIMIT 20
"""  # noqa: S608 - made of this file's own words


class Watch:
    """What was seen while the block ran: `last` are those who were waited for at the last look that saw any."""

    def __init__(self) -> None:
        self.last: dict[int, str] = {}

    @property
    def sentence(self) -> str:
        """Whom the migration waited for, in words; "" where nobody was seen."""
        shown = list(self.last.values())
        more = f"; and {len(shown) - _MOST} more" if len(shown) > _MOST else ""
        return "; ".join(shown[:_MOST]) + more

    @property
    def ending(self) -> str:
        """The statement that ends the first of those sessions; "" where there is none to end."""
        pids = [pid for pid in self.last if pid]
        return f"SELECT pg_terminate_backend({pids[0]})" if pids else ""


@contextlib.contextmanager
def watched(session: Session | None) -> Iterator[Watch]:
    """Look who is waited for while the block runs; nobody else may use the session meanwhile."""
    watch = Watch()
    if session is None:
        yield watch
        return
    over = threading.Event()

    def look() -> None:
        with contextlib.suppress(Failure):  # the wait itself ends in words of its own
            while not over.wait(EVERY):
                rows = session.ask(_HOLDERS)
                if rows:
                    watch.last = {int(row[0]): described(row) for row in rows}

    looking = threading.Thread(target=look, daemon=True)
    looking.start()
    try:
        yield watch
    finally:
        over.set()
        looking.join()


def idle(session: Session) -> list[str]:
    """Return who is idle inside a transaction for longer than a moment: behind its locks a migration would wait."""
    return [described(row) for row in session.ask(_IDLE)]


def described(row: list[Any]) -> str:
    """Return a session in words: who, from where, in which state since when, and its last query without values."""
    pid, user, name, place, state, since, query = row
    if not pid:
        return "a transaction that stands prepared (pg_prepared_xacts), which no session holds"
    words = f"pid {pid}: {name or 'a session'} of {user} from {place}, {state}"
    words += f", its transaction open since {since}" if since else ""
    shown = " ".join(statement.text for statement in statements(query)[:1])
    words += f", last query: {shown[:_SHOWN]}" if shown else ""
    return visible(words)


def explained(failure: Failure, watch: Watch, contract: Contract, tries: int) -> Failure:
    """Say of a wait that ended badly how long it was, how often, for whom, and what bounds it; no traceback."""
    line = next((one.strip() for one in failure.why.splitlines() if TOO_LONG.search(one)), "")
    if not line and not (watch.sentence and failure.kind == "timeout"):
        return failure
    bound = "migrate_lock_timeout" if line else "migrate_timeout"
    seconds = f"{float(getattr(contract, bound)):g} s"
    who = watch.sentence or "nobody could see whom it waited for: pg_stat_activity has the sessions"
    end = f", or end it as its owner: {watch.ending}" if watch.ending else ""
    said = f"a statement waited {seconds} for a lock, in each of {tries} tries" if line else f"it waited for {seconds}"
    return Failure(
        failure.kind,
        WHAT,
        failure.where,
        f"{said}; it waited for {who}" + (f"\n{line}" if line else ""),
        f"let that transaction end{end}; or wait longer: namaskah_{bound} (now {seconds}), namaskah_migrate_tries "
        f"(now {contract.migrate_tries})",
    )
