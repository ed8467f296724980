"""Can a user of the host write or read what is not its own? Tried as that user, as if it had got a shell."""

from __future__ import annotations

import base64
from collections.abc import Iterator

import pytest
from ansible.module_utils.namaskah_host.package import write_host_program

from tests.support.lab.provision.fleet import APP, ROOT, RUNTIME, Fleet, as_user

pytestmark = pytest.mark.lab

RELEASE = f"{ROOT}/releases/20260101T000000Z-0123456789ab"
VENV = f"{ROOT}/venvs/0123456789abcdef"
PACKED = "/tmp/namaskah_host.base64"  # noqa: S108 - on a host that lives for one test run
# The tool itself makes what it locks: the rights of these files are its own doing.
LOCKS = """
import sys
from pathlib import Path
from namaskah_host import files, journal
root = Path(sys.argv[1])
journal.append(root / "journal.jsonl", {"act": "tried", "run": "r", "by": "tests", "host": "here"})
for name in ("switch.lock", "lease.lock"):
    with files.lock(root / name, 1):
        pass
"""
LOCKED = [f"{ROOT}/{name}" for name in ("journal.jsonl", "switch.lock", "lease.lock")]
# Who can read a file can hold its lock, and with it the host on an unconfirmed release.
LOCKING = [
    f"{command} {path} {end}".rstrip() for path in LOCKED for command, end in (("flock -n", "true"), ("cat", ""))
]
# What a release leaves behind, made by its owner.
CONTENT = (
    f"umask 022; mkdir -p {RELEASE}/app {RELEASE}/static {RELEASE}/.namaskah {VENV}/bin {ROOT}/shared/assets/static"
    f" && echo code >{RELEASE}/app/views.py && echo css >{RELEASE}/static/app.css"
    f" && echo run >{RELEASE}/.namaskah/web && chmod 755 {RELEASE}/.namaskah/web"
    f" && echo bin >{VENV}/bin/python && echo old >{ROOT}/shared/assets/static/old.css"
    f" && base64 -d {PACKED} >{ROOT}/host/namaskah_host.pyz && rm -f {ROOT}/journal.jsonl {ROOT}/switch.lock"
    f" && PYTHONPATH={ROOT}/host/namaskah_host.pyz python3 -c '{LOCKS}' {ROOT}"
    f" && ln -sfn releases/{RELEASE.rpartition('/')[2]} {ROOT}/current"
)
FORBIDDEN_TO_APP = [
    *LOCKING,
    f"echo x >>{RELEASE}/app/views.py",
    f"echo x >{RELEASE}/app/new.py",
    f"mkdir {RELEASE}/app/__pycache__",
    f"rm {RELEASE}/app/views.py",
    f"mv {RELEASE} {ROOT}/releases/away",
    f"echo x >{RELEASE}/.namaskah/web",
    f"echo x >>{RELEASE}/static/app.css",
    f"echo x >{RELEASE}/static/new.css",
    f"echo x >>{VENV}/bin/python",
    f"echo x >{VENV}/bin/pip",
    f"echo x >>{ROOT}/shared/assets/static/old.css",
    f"echo x >{ROOT}/shared/assets/new.css",
    f"echo x >{ROOT}/shared/new",
    f"echo x >>{ROOT}/shared/.env",
    f"rm -f {ROOT}/shared/.env",
    f"cat {ROOT}/shared/.env.migrate",
    f"ln -sfn /tmp {ROOT}/current",
    f"ln -sfn /tmp {ROOT}/instances/blue",
    f"echo x >{ROOT}/host/namaskah_host.pyz",
    f"echo x >>{ROOT}/journal.jsonl",
    f"echo x >{ROOT}/front/api.upstream",
    f"mkdir {ROOT}/new",
    f"echo x >{RUNTIME}/other",
    f"echo x >>/etc/systemd/system/{APP}-web@.service",
    f"mkdir -p /etc/systemd/system/{APP}-web@.service.d",
    f"echo x >>/etc/nginx/conf.d/namaskah-{APP}.conf",
    f"echo x >>/etc/sudoers.d/namaskah-{APP}",
    f"echo x >>/usr/local/lib/namaskah/{APP}/processes",
    "cat /home/deploy/.ssh/authorized_keys",
    "echo x >>/home/deploy/.ssh/authorized_keys",
]
FORBIDDEN_TO_FRONT = [
    *LOCKING,
    f"cat {ROOT}/shared/.env",
    f"cat {ROOT}/shared/.env.migrate",
    f"echo x >{ROOT}/shared/media/new",
    f"echo x >{RUNTIME}/blue/new",
    f"mv {RUNTIME}/blue {RUNTIME}/away",
    f"echo x >>{RELEASE}/app/views.py",
    f"ln -sfn /tmp {ROOT}/current",
    f"echo x >{ROOT}/front/api.upstream",
]
FORBIDDEN_TO_DEPLOY = [
    "cat /etc/shadow",
    f"cat /etc/sudoers.d/namaskah-{APP}",
    f"echo x >>/etc/sudoers.d/namaskah-{APP}",
    f"echo x >>/etc/systemd/system/{APP}-web@.service",
    f"mkdir /etc/systemd/system/{APP}-web@blue.service.d",
    f"echo x >>/etc/nginx/conf.d/namaskah-{APP}.conf",
    "echo x >/etc/nginx/conf.d/new.conf",
    f"echo x >/etc/tmpfiles.d/namaskah-{APP}.conf",
    f"echo x >>/usr/local/lib/namaskah/{APP}/processes",
    f"rm -f /usr/local/lib/namaskah/{APP}/processes",
    f"echo x >{RUNTIME}/blue/new",
    f"ls {RUNTIME}/blue",
    f"echo x >{ROOT}/shared/media/new",
    "systemctl start nginx.service",
    "systemctl daemon-reload",
    "runuser -u root id",
    "setpriv --reuid=0 id",
]


@pytest.fixture(scope="module")
def released(fleet: Fleet, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """The application host with one release on it, as the deploy user leaves it."""
    program = tmp_path_factory.mktemp("program") / "namaskah_host.pyz"
    write_host_program(program)
    fleet.app.write(PACKED, base64.b64encode(program.read_bytes()).decode())
    done = as_user(fleet.app, "deploy", CONTENT)
    assert done.returncode == 0, done.stderr
    yield fleet
    fleet.app.run(["rm", "-rf", RELEASE, VENV, f"{ROOT}/current", f"{ROOT}/host/namaskah_host.pyz"])


def refused(fleet: Fleet, user: str, script: str) -> None:
    done = as_user(fleet.app, user, script)
    assert done.returncode != 0, f"{user} could: {script}"
    words = ("Permission denied", "not permitted", "denied", "may not", "authentication required", "Access denied")
    assert any(word in done.stderr for word in words), f"failed, but was it refused? {done.stderr}"


@pytest.mark.parametrize("script", FORBIDDEN_TO_APP)
@pytest.mark.fault("write where one may not", ends="refused")
def test_application_cannot(released: Fleet, script: str) -> None:
    refused(released, "dashboard", script)


@pytest.mark.parametrize("script", FORBIDDEN_TO_FRONT)
@pytest.mark.fault("write where one may not", ends="refused")
def test_front_cannot(released: Fleet, script: str) -> None:
    refused(released, "www-data", script)


@pytest.mark.parametrize("script", FORBIDDEN_TO_DEPLOY)
@pytest.mark.fault("write where one may not", ends="refused")
def test_deploy_user_cannot(released: Fleet, script: str) -> None:
    refused(released, "deploy", script)


@pytest.mark.parametrize(
    ("user", "script"),
    [
        ("dashboard", f"cat {ROOT}/shared/.env"),
        ("dashboard", f"echo x >{ROOT}/shared/media/new && rm {ROOT}/shared/media/new"),
        ("dashboard", f"echo x >{ROOT}/shared/exports/daily/new && rm {ROOT}/shared/exports/daily/new"),
        ("dashboard", f"echo x >{RUNTIME}/blue/new && rm {RUNTIME}/blue/new"),
        ("dashboard", f"cat {RELEASE}/app/views.py"),
        ("www-data", f"ls {RUNTIME}/green && cat {ROOT}/current/static/app.css {ROOT}/shared/assets/static/old.css"),
        ("deploy", f"cat {ROOT}/shared/.env {ROOT}/shared/.env.migrate"),
        ("deploy", f"echo x >{ROOT}/releases/new && rm {ROOT}/releases/new"),
        *(("deploy", script) for script in LOCKING),
        ("deploy", "journalctl --unit nginx.service --lines 1"),
    ],
)
def test_each_can_do_its_own_work(released: Fleet, user: str, script: str) -> None:
    """Otherwise the refusals above would prove nothing."""
    done = as_user(released.app, user, script)
    assert done.returncode == 0, done.stderr
