"""Do code and database go back together, and come back together, by the command line on two hosts that are folders?"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.module_utils.namaskah_host.release import current

from tests.support.backups.cluster import Cluster
from tests.support.faults.fleet import NAMES, Fleet, await_true
from tests.support.restores.restores import LIVE, Restores

BACK = ("rollback", "small", "--restore-database", "--confirm", "small")
OLD, NEW = "2", "3"  # rows of the backup, and of now


@dataclass
class Both:
    """A fleet, its database, and the two commits: the live one, and the one before it."""

    fleet: Fleet
    database: Cluster
    restores: Restores
    before: str = ""
    live: str = ""

    def declare(self, **further: Any) -> None:
        """Give the fleet its database, and these variables."""
        path = self.fleet.folder / "inventory" / "small" / "hosts.yml"
        inventory = yaml.safe_load(path.read_text())
        words = self.restores.words()
        inventory["all"]["vars"] |= {
            **{f"backup_{name}": words[name] for name in ("root", "service", "proof_service", "service_file")},
            "backup_pass_file": words["pass_file"],
            "backup_tag": False,
            "restore_service": "shop-restore",
            **further,
        }
        inventory["all"]["children"]["database"] = {"hosts": {"db1": {"namaskah_root": str(self.fleet.folder / "db1")}}}
        path.write_text(yaml.safe_dump(inventory))

    def release(self) -> str:
        """Release a new commit; return it."""
        commit = self.fleet.hosts[NAMES[0]].commit("good")
        assert self.fleet.run("deploy", "small", "--ref", commit) == 0, self.fleet.said()
        return commit

    def rows(self) -> str:
        """The rows of the database that has the live name."""
        return self.database.sql("SELECT count(*) FROM payments")

    def killed_when(self, true: Callable[[], bool]) -> None:
        """Begin to go back, and kill everything when `true()`."""
        running = self.fleet.start(*BACK)
        assert await_true(true, running), self.fleet.said()
        self.fleet.kill_controller(running, modules=True)

    def are(self, commit: str, rows: str) -> None:
        """Assert that hosts and database are those of one release, and at rest."""
        self.fleet.at_rest_with(commit)
        assert self.rows() == rows


@pytest.fixture(params=[2])
def both(request: pytest.FixtureRequest, tmp_path: Path, cluster: Cluster, restores: Restores) -> Iterator[Both]:
    """A fleet after so many releases, with a backup of after the first; a row was written since."""
    cluster.sql("CREATE TABLE payments (id int PRIMARY KEY)", "INSERT INTO payments VALUES (1), (2)", role="owner")
    with tempfile.TemporaryDirectory(prefix="ns-", dir="/tmp") as runtime:
        made = Both(Fleet(tmp_path, Path(runtime)), cluster, restores)
        try:
            made.before = made.release()
            restores.backup("before", {**LIVE, "commit": made.before})
            if request.param > 1:
                made.live = made.release()
            made.declare()
            cluster.sql("INSERT INTO payments VALUES (3)", role="owner")
            yield made
        finally:
            made.fleet.end()


@pytest.mark.fault("front: unreachable", ends="returned", where="rollback --restore-database, every host has switched")
def test_where_the_code_does_not_stand_the_database_is_swapped_back(both: Both) -> None:
    both.declare(verification_public_url="http://127.0.0.1:1")
    assert both.fleet.run(*BACK) == 3, both.fleet.said()
    both.are(both.live, NEW)
    assert both.restores.phases() == ["returned"]
    both.declare(verification_public_url="")
    assert both.fleet.run(*BACK, "--json") == 0, both.fleet.said()
    both.are(both.before, OLD)
    text = both.fleet.said()
    told, _ = json.JSONDecoder().raw_decode(text, text.index("{"))
    assert told["facts"]["rows lost"] == {"inserted": 1, "updated": 0, "deleted": 0}
    assert both.fleet.run("backups", "swap-back", "small", "--confirm", "small") == 0, both.fleet.said()
    assert both.rows() == NEW


@pytest.mark.fault("controller killed", ends="returned", where="rollback --restore-database, a host has switched")
def test_killed_after_the_swap_both_are_taken_back(both: Both) -> None:
    host = both.fleet.hosts[NAMES[0]].contract

    def switched() -> bool:
        found = current(host)
        return found is not None and found.record["commit"] == both.before

    both.killed_when(switched)
    assert both.rows() == OLD
    assert both.fleet.run("resume", "small") == 2, both.fleet.said()
    assert "abort small" in both.fleet.said()
    assert both.fleet.run("abort", "small") == 0, both.fleet.said()
    both.are(both.live, NEW)
    assert both.restores.phases() == ["returned"]


@pytest.mark.parametrize("word", ['"phase": "confirm"', '"act": "confirmed"'])
@pytest.mark.fault("controller killed", ends="new release", where="rollback --restore-database, a host confirms")
def test_killed_at_a_confirmation_code_and_database_end_as_one(both: Both, word: str) -> None:
    """Recovery completes it where a host has written that it is confirmed, else it returns: never one of the two."""
    journals = [host.contract.root / "journal.jsonl" for host in both.fleet.hosts.values()]
    known = [path.read_text().count(word) for path in journals]

    def written() -> bool:
        return any(path.read_text().count(word) > before for path, before in zip(journals, known, strict=True))

    both.killed_when(written)
    assert both.fleet.run("recover", "small") == 0, both.fleet.said()
    forward = both.fleet.live(NAMES[0]) == both.before
    assert forward or word != '"act": "confirmed"'
    both.are(both.before if forward else both.live, OLD if forward else NEW)
    assert both.restores.phases() == ["confirmed" if forward else "returned"]


@pytest.mark.parametrize("both", [1], indirect=True)
def test_a_fleet_that_is_held_gets_no_other_database(both: Both) -> None:
    """Nothing is restored beside a run or an operator that has the lease; where the hosts are gone, a word does it."""
    restore = ("backups", "restore", "small", both.restores.latest, "--confirm", "small")
    assert both.fleet.run("lock", "acquire", "small", "-m", "incident 4711") == 0, both.fleet.said()
    for words in (restore, ("backups", "swap-back", "small", "--confirm", "small")):
        assert both.fleet.run(*words) == 7, both.fleet.said()
        assert "incident 4711" in both.fleet.said()
    assert both.rows() == NEW
    assert both.restores.phases() == []
    assert both.fleet.run(*restore, "--allow", "without-lease") == 0, both.fleet.said()
    assert both.rows() == OLD
    assert both.fleet.run("lock", "release", "small") == 0, both.fleet.said()
    assert both.fleet.run("lock", "acquire", "small", "--limit", NAMES[1], "-m", "that host alone") == 0
    assert both.fleet.run(*restore) == 7, both.fleet.said()
    assert both.fleet.status()[NAMES[0]]["lease"] is None, "it was got there, and has to be given back"
    assert both.fleet.run("lock", "release", "small", "--limit", NAMES[1]) == 0, both.fleet.said()
    assert both.fleet.run("backups", "swap-back", "small", "--confirm", "small") == 0, both.fleet.said()
    assert both.rows() == NEW
    assert [host["lease"] for host in both.fleet.status().values()] == [None, None]
    lines = (both.fleet.contract("h1").root / "journal.jsonl").read_text().splitlines()
    acts = [json.loads(line)["act"] for line in lines]
    assert [act for act in acts if act in ("paused", "went on")] == ["paused", "went on"], "by the swap back alone"
