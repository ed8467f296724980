"""What does the fingerprint of a database say, taken with all rights?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible.module_utils.namaskah_backups import catalogue, fingerprint, settings, tools
from ansible.module_utils.namaskah_backups.session import Session

from tests.support.backups.backups import CONTRACT
from tests.support.backups.cluster import Cluster


class Looker:
    """Takes the fingerprint of a database of the cluster with all rights."""

    def __init__(self, cluster: Cluster, folder: Path) -> None:
        service = folder / "service.conf"
        service.write_text(f"[look]\nhost={cluster.folder}\nuser=admin\ndbname=shop\n")
        defaults = {name: option.get("default", "") for name, option in settings.ARGUMENTS.items()}
        asked = {**defaults, "root": str(folder), "service": "look", "service_file": str(service)}
        self.settings = settings.read(CONTRACT, {}, {}, asked)
        self.tools = tools.candidates(self.settings)[0]

    def __call__(self) -> dict[str, Any]:
        with Session(self.tools, self.settings, "look") as session:
            relations = catalogue.relations(session)
            found = fingerprint.take(session, relations)
            stands = fingerprint.sequences(session, relations)
        return {**found, "stands": stands}
