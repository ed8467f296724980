"""How does a small application of a test stand on a host that is a folder? Files of its releases, and no service."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible.module_utils.namaskah_host.contract import Contract
from ansible.module_utils.namaskah_host.files import point, write_json
from ansible.module_utils.namaskah_host.release import Release, all_of
from ansible.module_utils.namaskah_schema.gate import Gate

from tests.support.contracts import contract


@dataclass
class SmallProject:
    """One application with the commands of a preset; `settings` change the contract, `files` are in every release."""

    root: Path
    environment: Path
    preset: str
    files: Mapping[str, str]
    variables: dict[str, str] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    number: int = 0

    @property
    def contract(self) -> Contract:
        """The contract, as an inventory would have it."""
        self.root.mkdir(parents=True, exist_ok=True)
        env = self.root / "env"
        env.write_text("".join(f"{name}={value}\n" for name, value in self.variables.items()))
        usual = {
            "app": "small", "root": str(self.root), "env_file": str(env), "migrate_timeout": 60, "migrate_tries": 1,
            "migrate_wait": 1,
        }  # fmt: skip
        return Contract(contract(usual, self.settings, preset=self.preset))

    def prepared(self, files: Mapping[str, str]) -> dict[str, Any]:
        """Lay out a release with further files, as prepare leaves it; return the run that would release it."""
        agreed = self.contract
        self.number += 1
        name = f"20260101T0000{self.number:02d}Z-{self.number:012d}"
        folder = self.root / "releases" / name
        for path, text in {**self.files, **files}.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text)
        (self.root / "venvs").mkdir(exist_ok=True)
        if not (self.root / "venvs" / "one").exists():
            (self.root / "venvs" / "one").symlink_to(self.environment)
            (self.environment / ".complete").touch()
        (folder / ".namaskah").mkdir()
        write_json(folder / ".namaskah" / "launch.json", {"services": {}})
        commit = f"{self.number:040d}"
        record = {"id": name, "commit": commit, "tag": f"v{self.number}", "venv": "one", "state": "prepared"}
        (self.root / "records").mkdir(exist_ok=True)
        write_json(Release(agreed, name).record_file, record)
        assert Release(agreed, name).complete
        return {"id": f"run-{self.number}", "by": "tests", "release": name, "commit": commit, "fence": 1}

    def migrate(self, files: Mapping[str, str]) -> dict[str, Any]:
        """Pass the gate with further files, and make that the live release."""
        run = self.prepared(files)
        found = Gate(self.contract, run).apply()
        self.switch(run)
        return found

    def switch(self, run: Mapping[str, Any]) -> None:
        """Make a release the live one, as a confirmed switch leaves it."""
        for known in all_of(self.contract):
            if known.record["state"] == "live":
                known.mark("superseded", confirmed=known.record["changed"])
        Release(self.contract, run["release"]).mark("live")
        point(self.root / "current", f"releases/{run['release']}")
