"""How does a test back up and restore a cluster's database, step by step?"""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from ansible.module_utils.namaskah_backups import settings as backup_settings
from ansible.module_utils.namaskah_backups import story as backup_story
from ansible.module_utils.namaskah_host.failure import Failure
from ansible.module_utils.namaskah_restore import exchange, records, settings, story
from ansible.module_utils.namaskah_restore.settings import Asked

from tests.support.backups.cluster import Cluster

CONTRACT = {"app": "shop", "environment": "test", "host": "db1", "root": "/srv/shop", "allow": []}
LIVE = {"commit": "a" * 40, "tag": "v1", "release": "20260101T000000Z-aaaaaaaaaaaa"}
RELEASE = LIVE["release"]  # that restores are made for
RUN = {"id": "20260102T030405Z-beef", "by": "asha", "reason": "", "kind": "restore"}
RESTORER = "sentinel-restorer-5d20"
MORE = {"max_connections": "160", "max_prepared_transactions": "4", "wal_level": "logical"}
GRANTS = [
    "CREATE ROLE restorer LOGIN CREATEDB PASSWORD '{0}'",
    "GRANT owner, app, reader, pg_read_all_stats, pg_read_all_settings TO restorer",
]


@dataclass
class Restores:
    """Backups and restores of the cluster's database, in a folder of the test's own."""

    cluster: Cluster
    folder: Path
    latest: str = ""

    @property
    def root(self) -> Path:
        """The backup root."""
        return self.folder / "backups"

    def words(self) -> dict[str, Any]:
        """The backup role's settings, as its modules take them."""
        given = {
            "root": str(self.root),
            "service": "shop-backup",
            "proof_service": "shop-proof",
            "service_file": str(self.cluster.folder / "restore_service.conf"),
            "pass_file": str(self.cluster.folder / "restore_pgpass"),
            "client_path": str(self.cluster.binaries),
            "jobs": 1,
        }
        return {name: given.get(name, option.get("default")) for name, option in backup_settings.ARGUMENTS.items()}

    def restore_words(self, **changed: Any) -> dict[str, Any]:
        """The restore role's settings, some changed."""
        defaults = {name: option.get("default") for name, option in settings.ARGUMENTS.items()}
        return {**defaults, "service": "shop-restore", **changed}

    def asked(self, allow: tuple[str, ...] = (), **changed: Any) -> Asked:
        """The settings of one step, some changed."""
        return settings.read({**CONTRACT, "allow": allow}, RUN, self.words(), self.restore_words(**changed))

    def backup(self, proof: str = "after", live: dict[str, str] = LIVE, **changed: Any) -> str:
        """Make a backup; its id. Unproved, for the restore proves it once more, where a test is not about the proof.

        `live` is what runs while it is made; `changed` are settings other than usual.
        """
        before = signal.getsignal(signal.SIGTERM)
        with patch.object(backup_story, "ALWAYS_BEFORE", 0):
            asked = backup_settings.read(CONTRACT, RUN, live, {**self.words(), "proof": proof, **changed})
            made = backup_story.make(asked)
        signal.signal(signal.SIGTERM, before)
        self.latest = str(made["id"])
        return self.latest

    def prepare(self, backup: str, **changed: Any) -> dict[str, Any]:
        """Restore the backup, or the latest one, beside the live database."""
        return story.prepare(self.asked(**changed), backup or self.latest, RELEASE)

    def restore(self, backup: str, **changed: Any) -> dict[str, Any]:
        """Restore the backup and swap it in for good."""
        self.prepare(backup, **changed)
        return exchange.swap_in(self.asked(**changed), final=True)

    def refused(self, backup: str, **changed: Any) -> Failure:
        """The failure of a restore that must leave everything as it was."""
        before = self.cluster.databases()
        with pytest.raises(Failure) as caught:
            self.prepare(backup, **changed)
        assert self.cluster.databases() == before
        assert records.unfinished(self.asked()) is None
        assert all(caught.value.as_dict().values())
        return caught.value

    def phases(self) -> list[str]:
        """The phase of each restore, oldest first."""
        return [record["phase"] for record in records.all_of(self.asked())]


def equip(cluster: Cluster) -> None:
    """Make the restoring role, and the files by which it is reached."""
    cluster.sql(*(grant.format(RESTORER) for grant in GRANTS), database="postgres")
    services = cluster.service_file.read_text()
    services += f"[shop-restore]\nhost={cluster.folder}\nuser=restorer\ndbname=shop\n"
    for name, text in (
        ("restore_service.conf", services),
        ("restore_pgpass", cluster.pass_file.read_text() + f"*:*:*:restorer:{RESTORER}\n"),
    ):
        path = cluster.folder / name
        path.write_text(text)
        path.chmod(0o600)
        os.chown(path, cluster.user.uid if os.geteuid() else 0, -1)  # libpq takes only the asking user's own
