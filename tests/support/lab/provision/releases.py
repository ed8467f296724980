"""How does a release of the echo service come onto a host by hand? As the deploy user makes it, with its own rights."""

from __future__ import annotations

from pathlib import Path

from tests.support.lab.host import Host
from tests.support.lab.provision.fleet import ROOT, RUNTIME, as_user

ECHO = (Path(__file__).parent / "echo_service.py").read_text()
RELEASES = {"blue": "20260101T000000Z-aaaaaaaaaaaa", "green": "20260102T000000Z-bbbbbbbbbbbb"}


def do(host: Host, script: str) -> None:
    """Run a script as the deploy user; it must succeed."""
    done = as_user(host, "deploy", f"umask 022; set -e; {script}")
    assert done.returncode == 0, done.stderr


def make_release(host: Host, instance: str) -> str:
    """Put a release there as `instance`: launchers, static files, and the link to the instance's sockets."""
    name = RELEASES[instance]
    folder = f"{ROOT}/releases/{name}"
    do(host, f"mkdir -p {folder}/.namaskah {folder}/static/css")
    program = "#!/usr/bin/python3\n" + ECHO
    for service in ("web", "api", "worker"):
        host.write(f"{folder}/.namaskah/{service}", program, mode="0755", owner="deploy", group="deploy")
    host.write(f"{folder}/static/css/app.{instance * 2}.css", f"/* {instance} */", owner="deploy", group="deploy")
    host.write(f"{folder}/static/css/plain.css", f"/* plain {instance} */", owner="deploy", group="deploy")
    do(host, f"ln -sfn {RUNTIME}/{instance} {folder}/run; ln -sfn ../releases/{name} {ROOT}/instances/{instance}")
    return name


def point_current(host: Host, instance: str) -> None:
    """Rename `current`, atomically, to the release of `instance`."""
    do(host, f"ln -sfn releases/{RELEASES[instance]} {ROOT}/.next && mv -T {ROOT}/.next {ROOT}/current")


def remove_releases(host: Host) -> None:
    """Leave nothing of them."""
    host.run(["sh", "-c", f"rm -rf {ROOT}/releases/* {ROOT}/instances/* {ROOT}/current {ROOT}/shared/assets/*"])
