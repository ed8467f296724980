"""Can a real server be returned, by the real pgBackRest, to the moment that a run has named?"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.namaskah_host.failure import Failure
from ansible.module_utils.namaskah_points.pgbackrest import Stanza, newest_backup

from tests.support import postgres
from tests.support.absence import report_absence
from tests.support.playing import Played, play
from tests.support.waiting import until

ROLE = "shop_backup"
SERVICE = "shop-backup"


@pytest.fixture(scope="module")
def pgbackrest() -> str:
    """The real program, Debian's (tools/debian_packages.sh)."""
    return shutil.which("pgbackrest") or report_absence("pgBackRest is not installed")


@dataclass
class Archived:
    """A server that archives to a repository in its own folder."""

    server: postgres.Server
    command: list[str]

    def archive(self, *words: str) -> None:
        postgres.run_as(self.server.user, [*self.command[-2:], "--stanza=main", *words])

    def query(self, sql: str, database: str = "postgres", port: int = 5432) -> str:
        return self.server.sql(sql, database=database, port=port)

    def stanza(self, name: str = "main", days: float = 0) -> Stanza:
        return Stanza(name, self.command, SERVICE, 60, days)

    def play(self, folder: Path, *parts: str, **variables: Any) -> Played:
        """Play parts of the role on this machine, as a release does."""
        tasks = [
            {"name": part, "ansible.builtin.include_role": {"name": "point_in_time", "tasks_from": part}}
            for part in parts
        ]
        words = {
            "namaskah_app": "shop",
            "namaskah_environment": "production",
            "namaskah_repository": "unused",
            "namaskah_services": {"web": {"command": ["true"]}},
            "namaskah_run_id": "20260102T030405Z-beef",
            "point_in_time_stanza": "main",
            "point_in_time_command": self.command,
            **variables,
        }
        return play(tasks, folder, variables=words, groups=["app", "database"])

    @contextmanager
    def archiving_by(self, command: str) -> Iterator[None]:
        """Have PostgreSQL archive by another command, and by its own again; nobody waits long for what never comes."""
        self.query(f"ALTER SYSTEM SET archive_command = '{command}'")
        self.query("SELECT pg_reload_conf()")
        try:
            with pytest.MonkeyPatch.context() as environment:
                environment.setenv("PGBACKREST_ARCHIVE_TIMEOUT", "2")
                yield
        finally:
            self.query("ALTER SYSTEM RESET archive_command")
            self.query("SELECT pg_reload_conf()")


@pytest.fixture(scope="module")
def server(pgbackrest: str) -> Iterator[Archived]:
    """One that archives, for a stanza that nobody has made yet."""
    with tempfile.TemporaryDirectory(prefix="point-") as folder, pytest.MonkeyPatch.context() as environment:
        home = Path(folder)
        for name in ("repository", "spool", "locks", "logs"):
            (home / name).mkdir()
        config, services = home / "pgbackrest.conf", home / "services"
        settings = {
            "archive_mode": "on",
            "archive_command": f"{pgbackrest} --config={config} --stanza=main archive-push %p",
        }
        with postgres.running(settings) as server:
            config.write_text(
                f"[global]\nrepo1-path={home}/repository\nspool-path={home}/spool\nlock-path={home}/locks\n"
                f"log-path={home}/logs\nlog-level-console=error\nstart-fast=y\ncompress-type=none\n"
                f"[main]\npg1-path={server.data}\npg1-socket-path={server.folder}\npg1-user={server.superuser}\n"
            )
            services.write_text(f"[{SERVICE}]\nhost={server.folder}\nuser={ROLE}\ndbname=shop\n")
            environment.setenv("PGSERVICEFILE", str(services))
            for path in (home, *home.iterdir()):
                os.chown(path, server.user.uid, server.user.gid)
            home.chmod(0o755)
            server.sql("CREATE DATABASE shop")
            server.sql(f"CREATE ROLE {ROLE} LOGIN; ALTER ROLE {ROLE} SET default_transaction_read_only = on")
            yield Archived(server, [*server.user.prefix, pgbackrest, f"--config={config}"])


@pytest.fixture(scope="module")
def ready(server: Archived) -> Archived:
    """The same as a release needs it: refused at each step before."""
    grant = f"GRANT EXECUTE ON FUNCTION pg_create_restore_point(text) TO {ROLE}"
    with pytest.raises(Failure, match=r"no stanza of that name|missing stanza"):
        server.stanza().check()
    server.archive("stanza-create")
    with pytest.raises(Failure, match=r"no valid backups|no good backup"):
        server.stanza().check()
    server.archive("backup")
    server.query(grant, database="shop")
    with pytest.raises(Failure, match="may not name a restore point") as refused:
        server.stanza().check()
    assert grant in refused.value.next_step
    assert "in the database postgres, not in the application's" in refused.value.next_step
    server.query(grant)
    assert server.stanza(days=1).check()["newest_backup"].endswith("F")
    return server


def test_a_release_names_a_moment_and_a_server_returns_to_it(ready: Archived, tmp_path: Path) -> None:
    """By the command that the report holds, into another folder: the server that serves goes on."""
    ready.query("CREATE TABLE kept AS SELECT 'before' AS moment")
    played = ready.play(tmp_path, "check", "main")
    assert played.result("Check that the archive can be returned to")["stanza"] == "main"
    told = played.result("Name this moment in the archive")
    assert told["restore_point"] == "namaskah-20260102T030405Z-beef"
    ready.query("INSERT INTO kept VALUES ('after')")
    words = told["command"].split()[2:]
    returned = ready.server.folder / "returned"
    ready.archive(*words, f"--pg1-path={returned}")
    ready.server.control("start", "-o", "-p 5433 -c archive_mode=off", data=returned)
    try:
        until(
            lambda: ready.query("SELECT pg_get_wal_replay_pause_state()", port=5433) == "paused", "the named moment", 60
        )
        assert ready.query("SELECT moment FROM kept", port=5433) == "before"
        assert ready.query("SELECT count(*) FROM kept") == "2"
    finally:
        ready.server.control("stop", "-m", "immediate", data=returned)


def test_without_a_stanza_nothing_is_asked_and_nothing_is_named(server: Archived, tmp_path: Path) -> None:
    played = server.play(tmp_path, "check", "main", point_in_time_stanza="", point_in_time_command=["/nowhere"])
    assert played.status == 0, played.output
    assert not any("result" in answer for _, answer in played.answers)


@pytest.mark.fault("archive: log does not arrive", ends="refused")
def test_an_archive_that_does_not_work_is_refused(ready: Archived, tmp_path: Path) -> None:
    """The stanza is there and has a backup, and what is written since reaches it no more."""
    with ready.archiving_by("/bin/false pgbackrest"):
        failure = ready.play(tmp_path, "check").failure()
        assert failure["class"] == "refused"
        assert "does not reach the archive: archive_command failed" in failure["why"]
        assert "archive_command" in failure["next"]
        with pytest.raises(Failure, match="does not reach the archive"):  # it breaks after the preflight
            ready.stanza().mark("20260102T030405Z-late")
    with ready.archiving_by("/bin/true"), pytest.raises(Failure, match=r"(?s)does not reach.*must contain"):
        ready.stanza().check()
    ready.stanza().check()


@pytest.mark.fault("archive: no good backup", ends="refused")
def test_an_old_backup_is_refused(ready: Archived) -> None:
    with pytest.raises(Failure, match=r"is 0\.0 days old; point_in_time_days is 1e-06") as refused:
        ready.stanza(days=0.000001).check()
    assert "pgbackrest --stanza=main backup" in refused.value.next_step


@pytest.mark.fault("archive: log does not arrive", ends="refused")
def test_a_server_that_does_not_archive_is_refused(ready: Archived) -> None:
    ready.query("ALTER SYSTEM SET archive_mode = off")
    ready.server.control("restart", "-m", "fast")
    try:
        with pytest.raises(Failure, match="archive_mode is off") as refused:
            ready.stanza().check()
        assert "archive_mode = on" in refused.value.next_step
    finally:
        ready.query("ALTER SYSTEM RESET archive_mode")
        ready.server.control("restart", "-m", "fast")


@pytest.mark.parametrize(
    ("told", "why"),
    [
        ("[]", "no stanza of that name"),
        ('[{"name": "main", "status": {"code": 1, "message": "missing stanza path"}}]', "missing stanza path"),
        ('[{"name": "main", "status": {"code": 0}, "backup": []}]', "no good backup"),
        ('[{"name": "main", "status": {"code": 0}, "backup": [{"error": true}]}]', "no good backup"),
        ('[{"name": "main", "status": {}}]', "no status"),
    ],
)
def test_what_is_no_backup(told: str, why: str) -> None:
    found = newest_backup(json.loads(told), "main")
    assert isinstance(found, str)
    assert why in found


@pytest.mark.parametrize("name", ["", "a b", "-x", "a;b", "x" * 64])
def test_odd_names_reach_no_program(name: str) -> None:
    with pytest.raises(Failure, match="odd characters"):
        Stanza(name, ["/nowhere"], "shop", 1).check()
