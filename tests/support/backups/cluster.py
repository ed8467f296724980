"""Which server do tests of backups and restores have? One with a database and the roles of a provisioned host."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support import postgres

PASSWORDS = {"reader": "sentinel-reader-9f31", "prover": "sentinel-prover-77c2"}
SETTINGS = {
    "max_connections": "30",
    "shared_buffers": "16MB",
    "log_min_messages": "warning",
    "autovacuum": "off",
    "max_prepared_transactions": "3",
}
ACCESS = "local all admin,owner,analyst trust\nlocal all all scram-sha-256\n"


@dataclass(frozen=True)
class Cluster(postgres.Server):
    """A running server with the database `shop` of the role `owner`; `reader` may read it, `prover` makes databases."""

    @property
    def service_file(self) -> Path:
        """Where the services `shop-backup` and `shop-proof` stand."""
        return self.folder / "pg_service.conf"

    @property
    def pass_file(self) -> Path:
        """Where the passwords stand."""
        return self.folder / "pgpass"

    def sql(self, *statements: str, database: str = "shop", role: str = "", port: int = 5432) -> str:
        """What psql prints for statements that have to succeed."""
        return super().sql(*statements, database=database, role=role, port=port)

    def create(self, options: str = "") -> None:
        """Make the empty database `shop`, with further options of CREATE DATABASE."""
        self.sql(f"CREATE DATABASE shop OWNER owner TEMPLATE template0 {options}", database="postgres")

    def reset(self) -> None:
        """Make the database `shop` anew, and every role as it was."""
        for name in self.databases():
            if name not in {"postgres", "template0", "template1"}:
                self.sql(f"ALTER DATABASE {name} IS_TEMPLATE false", database="postgres")
                self.sql(f"DROP DATABASE {name} WITH (FORCE)", database="postgres")
        self.create()
        self.sql(
            "GRANT pg_read_all_data TO reader",
            "ALTER ROLE reader NOBYPASSRLS",
            "ALTER ROLE prover CREATEDB NOSUPERUSER",
        )

    def set_up(self) -> None:
        """Make the roles, the files by which they are reached, and the database."""
        self.sql("CREATE ROLE owner LOGIN", "CREATE ROLE app LOGIN", database="postgres")
        for role, password in PASSWORDS.items():
            self.sql(f"CREATE ROLE {role} LOGIN PASSWORD '{password}'", database="postgres")
        self.sql("GRANT pg_read_all_settings TO prover", database="postgres")
        entry = "[shop-{0}]\nhost={1}\nuser={2}\ndbname=shop\n"
        services = entry.format("backup", self.folder, "reader") + entry.format("proof", self.folder, "prover")
        self.write(self.service_file, services)
        self.write(self.pass_file, "".join(f"*:*:*:{role}:{word}\n" for role, word in PASSWORDS.items()))
        self.reset()


@contextmanager
def running(
    binaries: Path | None = None,
    *,
    below: Path | None = None,
    log: Path | None = None,
    settings: Mapping[str, str] | None = None,
) -> Iterator[Cluster]:
    """Such a server until the end of the block, with the words of `postgres.running`."""
    with postgres.running(
        {**SETTINGS, **(settings or {})}, superuser="admin", access=ACCESS, binaries=binaries, below=below, log=log
    ) as server:
        cluster = Cluster(server.folder, server.user, server.binaries, server.superuser)
        cluster.set_up()
        yield cluster
