"""Can a real server be returned, by the real pgBackRest, to the moment that a run has named?"""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from ansible.module_utils.namaskah_host.failure import Failure
from ansible.module_utils.namaskah_points.pgbackrest import Stanza, newest_backup

from tests.examples.postgres import find_programs, run, unprivileged

ROLE = "shop_backup"


@pytest.fixture(scope="module")
def pgbackrest(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The program: that of the machine, else Debian's package, taken out of its archive and not installed."""
    found = shutil.which("pgbackrest")
    if found:
        return found
    folder = Path(tempfile.mkdtemp(prefix="pgbackrest-"))
    folder.chmod(0o755)
    tmp_path_factory._exit_stack.callback(shutil.rmtree, folder)
    subprocess.run(
        ["apt-get", "-qq", "download", "pgbackrest"], cwd=folder, check=True, timeout=120, capture_output=True
    )
    (archive,) = folder.glob("*.deb")
    subprocess.run(["dpkg", "-x", str(archive), str(folder)], check=True, timeout=60)
    return str(folder / "usr/bin/pgbackrest")


def wait_until(true: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.1)


@dataclass
class Server:
    """A server that archives to a repository in its own folder."""

    home: Path
    programs: Path
    user: str | None
    command: list[str]

    def control(self, *words: str) -> None:
        run(self.programs / "pg_ctl", "-D", self.home / "data", "-w", "-l", self.home / "log", *words, user=self.user)

    def archive(self, *words: str) -> None:
        run(Path(self.command[-2]), self.command[-1], "--stanza=main", *words, user=self.user)

    def query(self, sql: str) -> str:
        words = [
            str(self.programs / "psql"),
            "-XAtq",
            "-h",
            str(self.home),
            "-U",
            "postgres",
            "-d",
            "postgres",
            "-c",
            sql,
        ]
        return subprocess.run(words, check=True, capture_output=True, text=True, timeout=30).stdout.strip()

    def stanza(self, name: str = "main", service: str = "shop") -> Stanza:
        return Stanza(name, self.command, service, 60)


@pytest.fixture
def server(pgbackrest: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    home, programs, user = Path(tempfile.mkdtemp(prefix="point-")), find_programs(), unprivileged()
    try:
        for folder in ("repository", "spool", "locks", "logs"):
            (home / folder).mkdir()
        config = home / "pgbackrest.conf"
        config.write_text(
            f"[global]\nrepo1-path={home}/repository\nspool-path={home}/spool\nlock-path={home}/locks\n"
            f"log-path={home}/logs\nlog-level-console=error\nstart-fast=y\narchive-timeout=30\n"
            f"[main]\npg1-path={home}/data\npg1-socket-path={home}\npg1-user=postgres\n"
        )
        (home / "services").write_text(f"[shop]\nhost={home}\nuser={ROLE}\ndbname=postgres\n")
        monkeypatch.setenv("PGSERVICEFILE", str(home / "services"))
        if user:
            subprocess.run(["chown", "-R", f"{user}:", str(home)], check=True)
            home.chmod(0o755)
        run(programs / "initdb", "-D", home / "data", "-U", "postgres", "-A", "trust", "-N", user=user)
        with (home / "data" / "postgresql.conf").open("a") as settings:
            settings.write(
                f"listen_addresses = ''\nunix_socket_directories = '{home}'\narchive_mode = on\nfsync = off\n"
                f"archive_command = '{pgbackrest} --config={config} --stanza=main archive-push %p'\n"
            )
        become = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"] if user else []
        made = Server(home, programs, user, [*become, pgbackrest, f"--config={config}"])
        made.control("start")
        try:
            yield made
        finally:
            made.control("-m", "immediate", "stop")
    finally:
        shutil.rmtree(home)


def test_back_to_the_moment_before_a_release(server: Server) -> None:
    with pytest.raises(Failure, match=r"no stanza of that name|missing stanza"):
        server.stanza().check()
    server.archive("stanza-create")
    with pytest.raises(Failure, match=r"no valid backups|no good backup"):
        server.stanza().check()
    server.archive("backup")
    server.query(f"CREATE ROLE {ROLE} LOGIN; ALTER ROLE {ROLE} SET default_transaction_read_only = on")
    with pytest.raises(Failure, match="may not name a restore point") as refused:
        server.stanza().check()
    assert "GRANT EXECUTE ON FUNCTION pg_create_restore_point(text)" in refused.value.next_step
    server.query(f"GRANT EXECUTE ON FUNCTION pg_create_restore_point(text) TO {ROLE}")
    assert server.stanza().check()["newest_backup"].endswith("F")

    server.query("CREATE TABLE kept AS SELECT 'before' AS moment")
    told = server.stanza().mark("20260101T000000Z-abc")
    assert told["restore_point"] == "namaskah-20260101T000000Z-abc"
    server.query("INSERT INTO kept VALUES ('after'); SELECT pg_switch_wal()")
    server.control("-m", "fast", "stop")
    words = told["restore"][1].split()[2:]
    server.archive(*words)
    server.control("start")
    wait_until(lambda: server.query("SELECT pg_get_wal_replay_pause_state()") == "paused")
    assert server.query("SELECT moment FROM kept") == "before"
    server.query("SELECT pg_wal_replay_resume()")


def test_an_archive_that_does_not_work_is_refused(server: Server) -> None:
    """The stanza is there and has a backup, and what is written since reaches it no more."""
    server.archive("stanza-create")
    server.archive("backup")
    server.query("ALTER SYSTEM SET archive_command = '/bin/false'")
    server.query("SELECT pg_reload_conf()")
    with pytest.raises(Failure, match=r"ask pgBackRest: check|archive"):
        server.stanza().check()


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
