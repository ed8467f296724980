"""Which backups go, and do those that anybody could need always stay?"""

from __future__ import annotations

import os
import random
import signal
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.namaskah_backups import retention, room
from ansible.module_utils.namaskah_backups.manifest import Backup
from ansible.module_utils.namaskah_backups.retention import Needs, Rules, Verdict
from ansible.module_utils.namaskah_host.failure import Failure

from tests.support.backups.backups import LIVE, TASK, Backups
from tests.support.backups.cluster import Cluster
from tests.support.backups.programs import processes, stopped
from tests.support.waiting import until

NOW = datetime(2026, 6, 1, tzinfo=UTC)
NOBODY = Needs(set(), set())


def backup(days: float, proof: str = "proved", release: str = "", run: str = "") -> Backup:
    """A backup that is so many days old."""
    started = NOW - timedelta(days=days)
    content = {"started": started.isoformat(), "live": {"release": release}, "run": {"id": run}}
    return Backup(Path(started.strftime("%Y%m%dT%H%M%SZ-aa")), content, "", {"state": proof})


def judge(found: list[Backup], rules: Rules, needs: Needs = NOBODY, pins: set[str] = frozenset()) -> list[Verdict]:  # type: ignore[assignment]  # an empty set that cannot change
    return list(retention.judge(found, rules, needs, NOW, pin=lambda one: {"by": "asha"} if one.id in pins else None))


def stays(verdicts: list[Verdict]) -> list[bool]:
    return [verdict.stays for verdict in verdicts]


def test_newest_and_young_ones_stay() -> None:
    found = [backup(days) for days in (60, 40, 20, 10, 2)]
    assert stays(judge(found, Rules(2, 0))) == [False, False, False, True, True]
    assert stays(judge(found, Rules(1, 15))) == [False, False, False, True, True]
    assert stays(judge(found, Rules(9, 0))) == [True] * 5


def test_failed_ones_do_not_count_and_the_last_proved_one_stays() -> None:
    found = [backup(60), *(backup(days, "failed") for days in (50, 40, 30)), backup(20, "pending")]
    verdicts = judge(found, Rules(1, 0))
    assert stays(verdicts) == [True, False, False, False, False]
    assert verdicts[0].why == "the last proved one"


def test_nothing_goes_where_no_backup_is_proved() -> None:
    assert stays(judge([backup(60, "failed"), backup(50, "pending")], Rules(1, 0))) == [True, True]


def test_kept_release_keeps_its_data_and_the_backup_before_it() -> None:
    found = [
        backup(60, release="r1", run="run-2"),
        backup(50, release="r2", run="nightly-1"),
        backup(40, release="r2", run="nightly-2"),
        backup(35, "failed", release="r2", run="nightly-3"),
        backup(30, release="r2", run="run-3"),
        backup(20, release="r3", run="run-4"),
        backup(10, release="r4", run="nightly-5"),
    ]
    verdicts = judge(found, Rules(1, 0), Needs({"r2", "r4"}, {"run-2", "run-4"}))
    assert stays(verdicts) == [True, False, False, False, True, True, True]
    assert verdicts[4].why == "the data of release r2, which is kept"


def test_pin_outlives_every_rule() -> None:
    found = [backup(400, "failed"), backup(1)]
    assert stays(judge(found, Rules(1, 0), pins={found[0].id})) == [True, True]


@pytest.mark.parametrize(("count", "days"), [(0, 10), (-1, 10), (3, -1)])
def test_rules_that_would_leave_nothing_are_refused(count: int, days: float) -> None:
    with pytest.raises(Failure, match="backup_keep"):
        retention.rules(count, days)


def test_no_history_loses_the_last_proved_pinned_or_needed_one() -> None:
    """5,000 random histories: whatever the rules, these three stay."""
    chance = random.Random(7)  # noqa: S311 - repeatable histories, no secret
    for _ in range(5000):
        ages = sorted((chance.uniform(0, 90) for _ in range(chance.randint(1, 12))), reverse=True)
        kinds = ("proved", "failed", "pending", "none")
        found = [backup(age, chance.choice(kinds), chance.choice("abc"), chance.choice("xyz")) for age in ages]
        pins = {one.id for one in found if chance.random() < 0.1}
        needs = Needs(set(chance.sample("abc", 1)), set(chance.sample("xyz", 1)))
        kept = {
            v.backup.id
            for v in judge(found, Rules(chance.randint(1, 3), chance.choice([0, 30])), needs, pins)
            if v.stays
        }
        good = [one for one in found if one.proof["state"] in ("proved", "none")]
        assert pins <= kept
        assert not good or good[-1].id in kept
        assert {one.id for one in found if one.content["run"]["id"] in needs.runs} <= kept
        for release in needs.releases:
            of_release = [one for one in good if one.content["live"]["release"] == release]
            assert not of_release or of_release[-1].id in kept


# --- On a real root -------------------------------------------------------------------------------


def pruning(backups: Backups, state: str = "pruned", **words: Any) -> Any:
    asked = {"contract": backups.arguments()["contract"], "settings": backups.arguments()["settings"], "state": state}
    return backups.tasks({"name": TASK, "namaskah_backup_prune": {**asked, "count": 1, "days": 0, **words}})


@pytest.fixture
def three(filled: Cluster, backups: Backups) -> list[str]:
    """Three backups, the oldest first."""
    assert filled.sql("SELECT 1") == "1"
    names = ("First", "Second", "Third")
    arguments = backups.arguments()
    played = backups.tasks(*({"name": name, "namaskah_backup": arguments} for name in names))
    return [played.result(name)["id"] for name in names]


def test_preview_says_what_pruning_then_does(three: list[str], backups: Backups) -> None:
    seen = pruning(backups, "preview").result(TASK)
    assert [verdict["does"] for verdict in seen["verdicts"]] == ["would go", "would go", "stays"]
    assert backups.left()[0] == three
    done = pruning(backups).result(TASK)
    assert done["removed"] == three[:2]
    assert backups.left()[0] == three[2:]
    assert backups.listing("verified").result(TASK)["wrong"] == []


def test_pinned_needed_and_used_ones_stay(three: list[str], backups: Backups) -> None:
    backups.listing("kept", three[0]).result(TASK)
    with room.used(backups.root / three[1]):
        verdicts = pruning(backups).result(TASK)["verdicts"]
    assert [verdict["why"][:6] for verdict in verdicts] == ["pinned", "in use", "the la"]
    backups.listing("unkept", three[0]).result(TASK)
    needed = {"app1": [{"id": LIVE["release"], "run": ""}], "app2": []}
    assert pruning(backups, kept=needed).result(TASK)["removed"] == three[:2], "the newest of the release is enough"
    assert backups.left()[0] == three[2:]


def test_host_that_did_not_say_what_it_keeps_stops_pruning(three: list[str], backups: Backups) -> None:
    failure = pruning(backups, kept={"app1": [], "app2": None}).failure()
    assert failure["where"] == "app2"
    assert backups.left()[0] == three


def test_damaged_or_changed_manifest_stops_pruning(three: list[str], backups: Backups) -> None:
    path = backups.root / three[0] / "manifest.json"
    whole = path.read_text()
    for text in (whole[: len(whole) // 2], whole.replace(LIVE["tag"], "v9")):
        path.write_text(text)
        assert three[0] in pruning(backups).failure()["why"]
        assert backups.left()[0] == three


def test_pin_is_shown_with_its_author_and_taken_once(three: list[str], backups: Backups) -> None:
    words = {"contract": backups.arguments()["contract"], "root": str(backups.root), "id": three[0]}
    run = {"by": "asha", "reason": "before the audit"}
    for state, changed in (("kept", True), ("kept", False), ("unkept", True), ("unkept", False)):
        played = backups.tasks({"name": TASK, "namaskah_backups": {**words, "run": run, "state": state}})
        assert played.result(TASK) is not None
        assert [answer["changed"] for name, answer in played.answers if name.endswith(TASK)] == [changed]
    backups.tasks({"name": TASK, "namaskah_backups": {**words, "run": run, "state": "kept"}})
    shown = backups.listing("shown", three[0]).result(TASK)["backups"][0]
    assert shown["pin"]["reason"] == "before the audit"
    assert shown["moment"]["snapshot"]
    assert shown["moment"]["lsn"]
    assert shown["rows_of_tables"]['sales."Payment\'s"'] == 500
    assert backups.listing("verified", three[0]).result(TASK)["wrong"] == [], "the pin is no foreign file"


def test_kept_database_goes_with_its_backup(three: list[str], backups: Backups) -> None:
    kept = backups.make(keep_proof=True)["warm"]
    newest = backups.make()["id"]
    assert kept in backups.cluster.databases()
    assert newest not in pruning(backups).result(TASK)["removed"]
    assert kept not in backups.cluster.databases()
    assert backups.left()[0] == [newest]
    assert len(three) == 3


def test_pruning_beside_a_backup_is_refused(three: list[str], backups: Backups) -> None:
    backups.cluster.sql("CREATE TABLE bulk AS SELECT g, md5(g::text) AS t FROM generate_series(1, 400000) g")
    worker = threading.Thread(target=backups.play)
    worker.start()
    working: list[int] = []
    try:
        until(lambda: bool(processes(backups.cluster, "pg_dump")), "pg_dump")
        working = stopped(backups.cluster, "pg_dump")
        assert pruning(backups).failure()["what"] == "A backup is being made already"
    finally:
        for pid in working:
            os.kill(pid, signal.SIGCONT)
        worker.join()
    assert set(three) < set(backups.left()[0])
