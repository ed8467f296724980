"""What did the operator ask for? A value whose every word has been checked."""

import enum
from dataclasses import dataclass, field

from namaskah_deploy import words
from namaskah_deploy.errors import Refused


class Kind(enum.StrEnum):
    """What is to be done; the value is the command's name."""

    DEPLOY = "deploy"
    ROLLBACK = "rollback"
    RECOVER = "recover"
    BACKUP = "backup"
    VERIFY = "verify"
    PROVISION = "provision"
    STATUS = "status"
    RELEASES = "releases"
    BACKUPS = "backups"
    BACKUPS_SHOW = "backups show"
    BACKUPS_VERIFY = "backups verify"
    BACKUPS_KEEP = "backups keep"
    BACKUPS_UNKEEP = "backups unkeep"
    BACKUPS_COPY = "backups copy"
    BACKUPS_EXTRACT = "backups extract"
    BACKUPS_PREVIEW = "backups prune --dry-run"
    BACKUPS_PRUNE = "backups prune"
    RESTORE = "backups restore"
    RESTORE_PREVIEW = "backups restore, before it is confirmed"
    SWAP_BACK = "backups swap-back"
    PLAN = "plan"
    HOLD = "hold"
    LET_GO = "let-go"
    OUTLOOK = "outlook"


REPLACING = frozenset({Kind.RESTORE, Kind.SWAP_BACK})
"""Kinds that put another database in the place of the live one."""

CHANGING = REPLACING | {
    *(Kind.DEPLOY, Kind.ROLLBACK, Kind.RECOVER, Kind.BACKUP, Kind.PROVISION, Kind.BACKUPS_PRUNE),
}
"""Kinds that change something: they need `--yes` where nobody can be asked."""

BACKUPS = frozenset({Kind.BACKUPS, Kind.BACKUPS_SHOW, Kind.BACKUPS_VERIFY, Kind.BACKUPS_KEEP, Kind.BACKUPS_UNKEEP})
"""Kinds that the hosts answer by a list of backups."""

SWITCHING = frozenset({Kind.DEPLOY, Kind.ROLLBACK})
"""Kinds that move traffic to another release, and return after a bad end."""


@dataclass(frozen=True, kw_only=True)
class Resumed:
    """A run that died and goes on: its name, and what it had resolved."""

    run: str
    commit: str
    tag: str
    release: str


@dataclass(frozen=True, kw_only=True)
class Request:
    """One command of the operator. Raises Refused when a word is not allowed.

    `ref` is the branch, tag or commit to release ("" = what the inventory says), `tag` the release to roll back to
    ("" = the last good one), `reverse_migrations` whether it also takes back what that one lacks, `restore_database`
    whether the database goes back as well, `prepare` whether a plan may prepare the release, `limit` the words of
    --limit, `allow` the refusals that the operator overrides, `backup` the backup that the command is about ("" = all,
    or the one that fits), `commit` whose backups fit ("" = any), `confirmed` the name given with --confirm, `resumes`
    the dead run that goes on, `lock_wait` the seconds to wait for a lease, `seconds` those that a hold lasts.
    """

    kind: Kind
    environment: str
    ref: str = ""
    tag: str = ""
    backup: str = ""
    reverse_migrations: bool = False
    restore_database: bool = False
    commit: str = ""
    prepare: bool = False
    confirmed: str = ""
    limit: tuple[str, ...] = ()
    allow: tuple[str, ...] = ()
    reason: str = ""
    lock_wait: int = 0
    seconds: int = 0
    resumes: Resumed | None = None
    by: str = field(default="unknown")

    @property
    def replaces_data(self) -> bool:
        """Whether it takes rows away that were written since: no --yes is enough for that."""
        return self.restore_database or self.kind in REPLACING

    def __post_init__(self) -> None:
        """Check every word before anything is started with it."""
        words.environment(self.environment)
        if self.ref:
            words.ref(self.ref)
        if self.tag:
            words.ref(self.tag, kind="tag")
        if self.backup:
            words.backup(self.backup)
        for word in self.limit:
            words.host_pattern(word)
        for name in self.allow:
            words.override(name)
        words.reason(self.reason)
        if self.restore_database:
            _whole(self)


def _whole(request: Request) -> None:
    """Refuse what cannot be asked together with the return of a database."""
    if request.reverse_migrations:
        raise Refused(
            "--restore-database and --reverse-migrations are two ways back for one schema",
            "the restored database has the schema of its own time, and keeps none of the rows that a reversal keeps",
            next_step="choose one; --reverse-migrations loses no row unless a migration does",
        )
    if request.limit:
        raise Refused(
            "--restore-database goes with the whole fleet",
            f"all hosts use one database, and --limit {','.join(request.limit)} would leave some on the newer code",
            next_step="leave --limit out",
        )
