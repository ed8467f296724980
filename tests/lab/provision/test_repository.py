"""Can the deploy user, and nobody else, log in to the repository's server with the key from the vault?"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.lab.provision.fleet import APP, Fleet, as_user

pytestmark = pytest.mark.lab

KEY = f"/etc/namaskah/{APP}/repository_key"
AUTHORIZED = "/home/ops/.ssh/authorized_keys"


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key pair of the repository's reader."""
    path = tmp_path_factory.mktemp("key") / "id"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True, timeout=30)
    return path


@pytest.fixture(scope="module")
def reader(fleet: Fleet, key: Path) -> Iterator[Fleet]:
    """The application host with the key; the database host plays the server, whose user `ops` knows it."""
    server = fleet.database
    before = server.read(AUTHORIZED)
    server.write(AUTHORIZED, before + key.with_suffix(".pub").read_text(), mode="0600", owner="ops", group="ops")
    kind, blob, _ = fleet.lab.keys.host_key(server.name).with_suffix(".pub").read_text().split()
    known = [f"{server.name},{server.address} {kind} {blob}"]
    words = ("-vvvv", "--diff", "--limit", fleet.app.name)
    secret = {"provision_repository_key": key.read_text(), "provision_repository_known_hosts": known}
    fleet.changes(*words, provision_parts=["users"], **secret)
    yield fleet
    server.write(AUTHORIZED, before, mode="0600", owner="ops", group="ops")
    fleet.app.run(["rm", KEY, f"/etc/ssh/ssh_config.d/namaskah-{APP}.conf", "/etc/ssh/ssh_known_hosts"])


def login(fleet: Fleet) -> str:
    return f"ssh -o BatchMode=yes ops@{fleet.database.address} id -un"


def test_the_deploy_user_logs_in_and_knows_the_server(reader: Fleet) -> None:
    done = reader.app.ssh(["sh", "-c", login(reader)], user="deploy")
    assert done.stdout == "ops\n"


@pytest.mark.parametrize("user", ["dashboard", "www-data"])
def test_others_cannot_use_or_read_the_key(reader: Fleet, user: str) -> None:
    assert "Permission denied" in as_user(reader.app, user, f"cat {KEY}").stderr
    done = as_user(reader.app, user, login(reader))
    assert done.returncode == 255
    assert "Permission denied" in done.stderr, done.stderr


def test_the_key_is_not_shown(reader: Fleet, key: Path) -> None:
    body = key.read_text().splitlines()[1]
    assert body not in reader.output
    assert body not in reader.app.run(["journalctl", "--no-pager", "--output=export"]).stdout


def test_a_second_run_changes_nothing(reader: Fleet, key: Path) -> None:
    assert reader.part("users", reader.app, provision_repository_key=key.read_text()) == 0
