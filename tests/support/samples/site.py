"""How do both samples stand on a host that is a folder, with a real database, and nothing served? For migrations."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible.module_utils.namaskah_host.contract import Contract
from ansible.module_utils.namaskah_host.files import point, write_json
from ansible.module_utils.namaskah_host.release import Release, all_of
from ansible.module_utils.namaskah_schema.gate import Gate

from tests.support.contracts import contract
from tests.support.samples.sample import Sample

PRESETS = {"dashboard": "django", "ledger": "asgi"}


@dataclass
class Site:
    """One sample on one host; `settings` change the contract."""

    sample: Sample
    root: Path
    database: str
    settings: dict[str, Any] = field(default_factory=dict)
    number: int = 0

    @property
    def contract(self) -> Contract:
        """The contract, with the sample's preset as an inventory would have it."""
        environment = self.root / "env"
        if not environment.exists():
            self.root.mkdir(parents=True, exist_ok=True)
            environment.write_text(
                f"SECRET_KEY=key-of-the-tests\nAPI_TOKEN=token-of-the-tests\nDATABASE_URL={self.database}\n"
            )
            (self.root / "env.migrate").write_text(f"DATABASE_URL={self.database}\n")
        usual = {
            "app": self.sample.name, "root": str(self.root), "env_file": str(environment),
            "migrate_env_file": str(self.root / "env.migrate"), "migrate_timeout": 120, "migrate_lock_timeout": 1,
            "migrate_tries": 2, "migrate_wait": 1,
        }  # fmt: skip
        return Contract(contract(usual, self.settings, preset=PRESETS[self.sample.name]))

    def prepared(self, tag: str) -> dict[str, Any]:
        """Lay a tag's files out as prepare does; return the run that would release it."""
        self.number += 1
        commit = self.sample.described["tags"][tag]["commit"]
        name = f"20260101T0000{self.number:02d}Z-{commit[:12]}"
        venvs = self.root / "venvs"
        venvs.mkdir(parents=True, exist_ok=True)
        if not (venvs / "one").exists():
            (venvs / "one").symlink_to(self.sample.environment)
            (self.sample.environment / ".complete").touch()
        self.sample.release(tag, self.root / "releases" / name, self.database)
        record = {"id": name, "commit": commit, "tag": tag, "venv": "one", "state": "prepared"}
        release = self.root / "releases" / name
        (release / ".namaskah").mkdir(exist_ok=True)
        write_json(release / ".namaskah" / "launch.json", {"services": {}})  # nothing is served
        (self.root / "records").mkdir(exist_ok=True)
        write_json(Release(self.contract, name).record_file, record)
        return {"id": f"run-{self.number}", "by": "tests", "release": name, "commit": commit, "fence": 1}

    def migrate(self, tag: str) -> dict[str, Any]:
        """Pass the gate with a tag, and make it the live release."""
        run = self.prepared(tag)
        found = Gate(self.contract, run).apply()
        self.switch(run)
        return found

    def switch(self, run: dict[str, Any]) -> None:
        """Make a release the live one, as a confirmed switch leaves it."""
        for known in all_of(self.contract):
            if known.record["state"] == "live":
                known.mark("superseded", confirmed=known.record["changed"])
        Release(self.contract, run["release"]).mark("live")
        point(self.root / "current", f"releases/{run['release']}")
