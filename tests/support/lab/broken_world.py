"""What can be wrong with the world when a release is asked for? Each block makes one thing wrong, and right again."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import yaml

from tests.support.lab.guarded import Guarded

World = Callable[[Guarded], AbstractContextManager[None]]
HOLDER = {"namaskah_run_id": "hand-1", "namaskah_by": "asha@desk", "namaskah_reason": "a release by hand"}
SUDO_LINE = "/usr/bin/systemctl start dashboard-web@green.service"
OLD_CLIENTS = "/opt/old-clients"
REPOSITORY = "git.example.org/dashboard.git"
NAMES_SECONDS = 120  # a check of the host ends after 30, the others need theirs
KILLED_CLIENTS = "/opt/killed-clients"


@contextmanager
def inventory(application: Guarded, *, without: str = "", **further: Any) -> Iterator[None]:
    """The environment's variables without one of them, or with further ones."""
    folder = application.vault.parent
    lab, extra = folder / "lab.yml", folder / "zz-test.yml"
    before = lab.read_text()
    lab.write_text(yaml.safe_dump({name: value for name, value in yaml.safe_load(before).items() if name != without}))
    extra.write_text(yaml.safe_dump(further))
    try:
        yield
    finally:
        lab.write_text(before)
        extra.unlink()


def missing_variable(application: Guarded) -> AbstractContextManager[None]:
    """No repository is named."""
    return inventory(application, without="namaskah_repository")


def misspelt_variable(application: Guarded) -> AbstractContextManager[None]:
    """A variable that nothing reads."""
    return inventory(application, namaskah_keep_release=3)


def misspelt_policy(application: Guarded) -> AbstractContextManager[None]:
    """A policy that is none."""
    return inventory(application, namaskah_on_failure={"failed": "quorom"})


def wordy_quorum(application: Guarded) -> AbstractContextManager[None]:
    """A quorum in words."""
    return inventory(application, namaskah_quorum="most of them")


@contextmanager
def unreachable_host(application: Guarded) -> Iterator[None]:
    """The application's host without its cable."""
    host = application.lab.hosts["app1"]
    application.disconnect()
    host.cut_network()
    try:
        yield
    finally:
        host.restore_network()


@contextmanager
def wrong_host_key(application: Guarded) -> Iterator[None]:
    """The application's host answers with another key than the one that is known."""
    known = application.lab.keys.known_hosts
    before = known.read_text()
    application.disconnect()
    other = next(line.split(maxsplit=1)[1] for line in before.splitlines() if line.startswith("db1,"))
    lines = [f"{line.split()[0]} {other}" if line.startswith("app1,") else line for line in before.splitlines()]
    known.write_text("\n".join(lines) + "\n")
    try:
        yield
    finally:
        known.write_text(before)


@contextmanager
def missing_sudo_line(application: Guarded) -> Iterator[None]:
    """One exact line is missing in the host's sudoers."""
    host = application.lab.hosts["app1"]
    path = f"/etc/sudoers.d/namaskah-{application.sample}"
    before = host.read(path)
    lines = before.splitlines(keepends=True)
    kept = [line for line in lines if not line.rstrip().endswith(SUDO_LINE)]
    assert len(kept) == len(lines) - 1, before
    # Put aside and back as it is: preflight also tells that a file was written anew since the host was provisioned.
    aside = f"/root/{application.sample}.sudoers"
    host.run(["cp", "--archive", path, aside])
    host.write(path, "".join(kept), mode="0440")
    try:
        yield
    finally:
        host.run(["mv", aside, path])


@contextmanager
def _full(application: Guarded, host: str, folder: str) -> Iterator[None]:
    application.lab.hosts[host].limit_disk(folder, 600)
    application.lab.hosts[host].fill_disk(folder, leave_kilobytes=512)
    try:
        yield
    finally:
        application.lab.hosts[host].unlimit_disk(folder)


def full_root(application: Guarded) -> AbstractContextManager[None]:
    """Half a megabyte is left below the application's root."""
    return _full(application, "app1", application.root)


def full_backup_root(application: Guarded) -> AbstractContextManager[None]:
    """Half a megabyte is left where the backups are."""
    return _full(application, "db1", f"/var/backups/{application.sample}")


@contextmanager
def silent_database(application: Guarded) -> Iterator[None]:
    """PostgreSQL does not run."""
    host = application.lab.hosts["db1"]
    host.run(["systemctl", "stop", "postgresql.service", "postgresql@15-main.service"])
    try:
        yield
    finally:
        host.run(["systemctl", "start", "postgresql.service", "postgresql@15-main.service"])
        host.run(["pg_isready", "--timeout=30"])


@contextmanager
def old_clients(application: Guarded) -> Iterator[None]:
    """The client programs that backups are told to use are older than the server."""
    host = application.lab.hosts["db1"]
    host.run(["sh", "-c", f"mkdir {OLD_CLIENTS} && ln -s /usr/lib/postgresql/15/bin/* {OLD_CLIENTS}/"])
    host.run(["rm", f"{OLD_CLIENTS}/pg_dump"])
    host.write(f"{OLD_CLIENTS}/pg_dump", "#!/bin/sh\necho 'pg_dump (PostgreSQL) 13.4'\n", mode="0755")
    try:
        with inventory(application, backup_client_path=OLD_CLIENTS):
            yield
    finally:
        host.run(["rm", "-r", OLD_CLIENTS])


@contextmanager
def silent_names(application: Guarded) -> Iterator[None]:
    """The repository is known by its name alone, and no name server answers; the wait for it has a bound."""
    host = application.lab.hosts["app1"]
    host.silence_names()
    begin = time.monotonic()
    try:
        with inventory(application, namaskah_repository=f"git://{REPOSITORY}"):
            yield
        assert time.monotonic() - begin < NAMES_SECONDS
    finally:
        host.answer_names()


@contextmanager
def unprovable_database(application: Guarded) -> Iterator[None]:
    """The database has what only a superuser can make again: it is dumped well, and no copy of it can be made."""
    host = application.lab.hosts["db1"]

    def psql(sql: str) -> None:
        host.run(["su", "postgres", "-c", f"psql -qX -v ON_ERROR_STOP=1 -d {application.sample} -c '{sql}'"])

    psql("CREATE EXTENSION pageinspect")
    try:
        yield
    finally:
        psql("DROP EXTENSION pageinspect")


@contextmanager
def killed_dump(application: Guarded) -> Iterator[None]:
    """Somebody, or a lack of memory, kills the pg_dump that is to dump the snapshot of a backup."""
    host = application.lab.hosts["db1"]
    host.run(["sh", "-c", f"mkdir {KILLED_CLIENTS} && ln -s /usr/lib/postgresql/15/bin/* {KILLED_CLIENTS}/"])
    host.run(["rm", f"{KILLED_CLIENTS}/pg_dump"])
    kill = 'case "$*" in *--snapshot=*) kill -9 $$ ;; esac\n'
    real = 'exec /usr/lib/postgresql/15/bin/pg_dump "$@"\n'
    host.write(f"{KILLED_CLIENTS}/pg_dump", f"#!/bin/sh\n{kill}{real}", mode="0755")
    try:
        with inventory(application, backup_client_path=KILLED_CLIENTS):
            yield
    finally:
        host.run(["rm", "-r", KILLED_CLIENTS])


@contextmanager
def refused_tags(application: Guarded) -> Iterator[None]:
    """The remote takes no tag."""
    hook = application.lab.origin.path(application.sample) / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho 'only release managers make tags here' >&2\nexit 1\n")
    hook.chmod(0o755)
    try:
        yield
    finally:
        hook.unlink()


@contextmanager
def held_lease(application: Guarded) -> Iterator[None]:
    """Another run holds the lease, taken by the very role, and lives: a dead one's lease would be taken over."""
    host, file = application.lab.hosts["app1"], f"{application.root}/lease.json"
    over = application.home / "over"
    here = {"delegate_to": "localhost", "vars": {"ansible_connection": "local"}}
    play = [
        {
            "hosts": "app",
            "gather_facts": False,
            "tasks": [
                {"ansible.builtin.import_role": {"name": "lock"}},
                {"ansible.builtin.wait_for": {"path": str(over), "timeout": 300}, **here},
            ],
        }
    ]
    playbook = application.home / "hold.yml"
    playbook.write_text(yaml.safe_dump(play))
    host.run(["cp", "--archive", file, f"{file}.before"])
    with application.operating(
        ["ansible-playbook", "-i", str(application.inventory), "-e", json.dumps(HOLDER), str(playbook)]
    ) as holder:
        try:
            wait_for(
                lambda: json.loads(host.read(file))["run"] == HOLDER["namaskah_run_id"] or holder.poll() is not None
            )
            assert holder.poll() is None, "the holder has ended"
            yield
        finally:
            over.touch()
            holder.wait(60)
            over.unlink()
            host.run(["mv", f"{file}.before", file])


def wait_for(true: Callable[[], bool], seconds: float = 60) -> None:
    """Wait until `true()`; fails when it never is."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.5)


# What each of them is in the record of injected faults.
KINDS: dict[World, str] = {
    missing_variable: "variable missing",
    misspelt_variable: "variable misspelt",
    misspelt_policy: "value not understood",
    wordy_quorum: "value not understood",
    unreachable_host: "host unreachable before",
    wrong_host_key: "host key changed",
    missing_sudo_line: "sudo line missing",
    full_root: "disk full: releases",
    full_backup_root: "disk full: backups",
    silent_database: "database: down",
    old_clients: "database: client too old",
    silent_names: "name service silent",
    held_lease: "two runs at once",
    unprovable_database: "backup not restorable",
    killed_dump: "dump killed",
}


def tag_without(application: Guarded, tag: str, path: str) -> None:
    """Make the tag `tag` of a commit like v1.1.0, without the file `path`."""
    repository = application.lab.origin.path(application.sample)
    who = {f"GIT_{role}_{part}": "lab@example" for role in ("AUTHOR", "COMMITTER") for part in ("NAME", "EMAIL")}
    env = {**os.environ, **who, "GIT_DIR": str(repository), "GIT_INDEX_FILE": str(application.home / "index")}
    env["GIT_WORK_TREE"] = str(application.home)  # git asks for one, and only reads the index

    def git(words: str) -> str:
        done = subprocess.run(["git", *shlex.split(words)], env=env, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    git("read-tree v1.1.0")
    git(f"update-index --force-remove {path}")
    commit = git(f"commit-tree {git('write-tree')} -p v1.1.0^0 -m 'Lose {path}'")
    git(f"update-ref refs/tags/{tag} {commit}")
