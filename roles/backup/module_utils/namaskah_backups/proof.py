"""Whether a dump can be restored, and holds what the manifest says: restored into a scratch database and compared."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible.module_utils.namaskah_command import CommandTimeoutError
from ansible.module_utils.namaskah_host.failure import Failure

from . import beside, catalogue, fingerprint, queries, space
from .dump import jobs
from .manifest import WARM
from .session import Session, address
from .settings import Settings
from .tools import Tools

MAINTENANCE = "postgres"
_SHOWN = 12
# A scratch database is thrown away after a crash, so it need not wait for the disk at each commit.
_FAST = "-c synchronous_commit=off -c maintenance_work_mem=128MB"
_NEXT = "do not release on this backup; mend the cause and make a new one"


def check(tools: Tools, settings: Settings, size: int, others: Sequence[Mapping[str, Any]] = ()) -> dict[str, Any]:
    """Raise Failure when no scratch database of `size` bytes can be made; else what was found out about room for it.

    The copy lies beside the live database: a disk that it fills stops the application. Its writing goes through the
    write-ahead log, which grows to its limit meanwhile, usually on the same disk. `others` are rooms of the rest.
    """
    with _maintenance(tools.writing_at(address(settings.proof_service, MAINTENANCE)), settings) as server:
        state = server.ask(queries.PROVER)
    if not state["create"]:
        where, why = f"PostgreSQL service {settings.proof_service}", f"{state['user']} may not create databases"
        next_step = f"ALTER ROLE {state['user']} CREATEDB, or name another service in backup_proof_service"
        raise Failure("refused", "The backup cannot be proved", where, why, next_step)
    what = "the copy that proves the backup, beside the live database"
    logged = min(size, state["log"])
    return space.check_server(
        state["folder"], state["address"], size + logged, settings.space_margin, what, others=others
    )


def prove(tools: Tools, settings: Settings, path: Path, wanted: Mapping[str, Any], backup_id: str) -> dict[str, Any]:
    """Restore the dump at `path` and compare; what was proved, and the seconds that each part took.

    `wanted` is the manifest's `database`. The scratch database is dropped, or kept under a name of its own where the
    settings say so (`kept` of the result). The caller holds the lock of the backup root, so scratch databases of its
    name are left over and dropped first. Raises Failure.
    """
    tools = tools.writing_at(address(settings.proof_service, MAINTENANCE))
    notes = [f"scratch database {name} was left by a killed backup" for name in _sweep(tools, settings)]
    known = wanted["fingerprint"]["roles"]
    owners = _can_give_owners(tools, settings, known, wanted.get("owners", known))
    started = time.monotonic()
    owner = wanted.get("owner", "") if owners else ""
    with _scratch(tools, settings, wanted, settings.scratch("proof"), owner) as name:
        restore(tools, settings, path, name, owners=owners)
        restored = time.monotonic()
        notes += compare(tools, settings, name, wanted)
        compared = time.monotonic()
        kept = _kept(tools, settings, name, backup_id) if settings.keep_proof else ""
    return {
        **({"kept": kept} if kept else {}),
        "state": "proved",
        "moment": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "service": settings.proof_service,
        "owners": owners,
        "restore_seconds": round(restored - started, 2),
        "compare_seconds": round(compared - restored, 2),
        "notes": notes,
    }


def restore(tools: Tools, settings: Settings, path: Path, name: str, *, owners: bool) -> None:
    """Restore the dump into an empty database, stopping at the first error.

    Never a subscription: a copy would take part in the live replication, and could not be dropped.
    """
    words = ["pg_restore", "--no-password", "--exit-on-error", f"--jobs={jobs(settings)}", "--no-subscriptions"]
    words += [] if owners else ["--no-owner", "--no-privileges", "--no-publications", "--no-comments"]
    words += [f"--dbname={address(settings.proof_service, name)}", str(path)]
    what = "The backup cannot be restored"
    next_step = f"{_NEXT}; for an extension that only a superuser creates see backup_proof_template"
    tools.run(words, timeout=settings.left(), what=what, where=str(path), next_step=next_step, env=fast(tools))


def compare(tools: Tools, settings: Settings, name: str, wanted: Mapping[str, Any]) -> list[str]:
    """Compare a restored database with the manifest; notes on what differs without harm. Raises Failure."""
    with Session(tools, settings, settings.proof_service, name) as session:
        facts = catalogue.identify(session).facts
        session.do("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        found = fingerprint.take(session, catalogue.relations(session))
    differences = fingerprint.differences(wanted["fingerprint"], found)
    differences += [
        f"{word} is {facts[word]}, not {wanted[word]}"
        for word in ("encoding", "collate", "ctype")
        if facts[word] != wanted[word]
    ]
    if differences:
        why = "; ".join(differences[:_SHOWN]) + (
            f"; and {len(differences) - _SHOWN} more" if len(differences) > _SHOWN else ""
        )
        raise Failure("failed", "The restored backup differs from the database", name, why, _NEXT)
    return [
        f"extension {extension} {version} would come back as {found['extensions'].get(extension)}"
        for extension, version in wanted["fingerprint"]["extensions"].items()
        if found["extensions"].get(extension) != version
    ]


def _sweep(tools: Tools, settings: Settings) -> list[str]:
    """Drop the scratch databases that a killed backup of this root left, and copies that no backup's record names."""
    known = set(_kept_names(settings))
    with _maintenance(tools, settings) as server:
        left: list[str] = [
            name
            for beginning in (settings.scratch("proof"), settings.scratch("warm"))
            for name in server.ask(queries.SCRATCH.format(prefix=queries.literal(beginning)))
            if name not in known
        ]
    for name in left:
        drop(tools, settings, name)
    return left


def _kept_names(settings: Settings) -> Iterator[str]:
    """The databases that records name; a damaged one names none."""
    for path in settings.root.glob(f"*/{WARM}"):
        with contextlib.suppress(Failure):
            yield (beside.read(path) or {}).get("database", "")


def _maintenance(tools: Tools, settings: Settings) -> Session:
    return Session(tools, settings, settings.proof_service, MAINTENANCE)


def _can_give_owners(tools: Tools, settings: Settings, roles: Sequence[str], owners: Sequence[str]) -> bool:
    """Whether the proof can restore owners and rights, too. Raises Failure when a role that they need is missing."""
    with _maintenance(tools, settings) as server:
        state = server.ask(queries.PROVER)
    missing = sorted(set(roles) - set(state["roles"]))
    if missing:
        where = f"PostgreSQL service {settings.proof_service}"
        why = f"the server where it is proved has no role {', '.join(missing)}, so a restore there would fail"
        raise Failure(
            "failed", "The backup cannot be restored", where, why, "create these roles there, as on the live server"
        )
    return bool(state["superuser"] or (settings.keep_proof and set(owners) <= set(state["memberships"])))


@contextlib.contextmanager
def _scratch(tools: Tools, settings: Settings, wanted: Mapping[str, Any], name: str, owner: str) -> Iterator[str]:
    """An empty database like the original that nobody else may enter, dropped at the end unless it is renamed."""
    words = ["createdb", "--no-password", f"--maintenance-db={address(settings.proof_service, MAINTENANCE)}"]
    words += [f"--template={settings.proof_template}", f"--encoding={wanted['encoding']}", *locale_words(wanted)]
    words += [f"--owner={owner}", name] if owner else [name]
    where = f"PostgreSQL service {settings.proof_service}"
    what, next_step = "The scratch database cannot be made", "mend the cause on the server and make the backup again"
    try:
        tools.run(words, timeout=settings.left(), what=what, where=where, next_step=next_step)
        with _maintenance(tools, settings) as server:
            server.do(f"REVOKE ALL ON DATABASE {name} FROM PUBLIC")
        yield name
    finally:
        drop(tools, settings, name)


def _kept(tools: Tools, settings: Settings, name: str, backup_id: str) -> str:
    """Make the proved copy ready to serve, and give it the name under which it stays."""
    with Session(tools, settings, settings.proof_service, name) as session:
        session.do("ANALYZE")
    kept = f"{settings.scratch('warm')}_{backup_id.lower().replace('-', '_')}"
    with _maintenance(tools, settings) as server:
        server.do(f"ALTER DATABASE {name} RENAME TO {kept}")
    return kept


def locale_words(wanted: Mapping[str, Any]) -> list[str]:
    """The original's collation; text would sort, and unique indexes of it would judge, otherwise."""
    words = [f"--lc-collate={wanted['collate']}", f"--lc-ctype={wanted['ctype']}"]
    provider, locale = wanted["provider"], wanted["locale"]
    if provider == "i":
        words += ["--locale-provider=icu", f"--icu-locale={locale}"]
    elif provider == "b":
        words += ["--locale-provider=builtin", f"--builtin-locale={locale}"]
    elif provider == "c":
        words += ["--locale-provider=libc"]
    return words


def fast(tools: Tools) -> dict[str, str]:
    """What makes the same programs restore faster."""
    return {"PGOPTIONS": f"{tools.env['PGOPTIONS']} {_FAST}"}


def drop(tools: Tools, settings: Settings, name: str) -> None:
    """Drop a scratch database, thrown out whoever is in it; the next backup does it when this one cannot."""
    words = ["dropdb", "--no-password", "--if-exists", "--force"]
    words += [f"--maintenance-db={address(settings.proof_service, MAINTENANCE)}", name]
    with contextlib.suppress(CommandTimeoutError):
        tools.writing().start(words).finish(60)
