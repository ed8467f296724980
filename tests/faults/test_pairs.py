"""Two whole runs of the command line at the same moment: does exactly one deploy, and the other change nothing?"""

from __future__ import annotations

import os
import random
import time

import pytest
from ansible.module_utils.namaskah_host import journal

from tests.support.faults.fleet import NAMES, Fleet

PAIRS = int(os.environ.get("PAIRS", "24"))  # of simultaneous runs
SEED = 20260101


@pytest.mark.soak
def test_of_two_whole_runs_exactly_one_deploys(fleet: Fleet) -> None:
    chance = random.Random(SEED)  # noqa: S311 - the same offsets each time
    for pair in range(PAIRS):
        first = fleet.hosts[NAMES[0]].commit("good")
        second = fleet.hosts[NAMES[0]].commit("good")
        outputs = [fleet.folder / f"pair-{pair}-{side}.txt" for side in "ab"]
        one = fleet.start("deploy", "small", "--ref", first, output=outputs[0])
        time.sleep(chance.uniform(0, 0.5))
        two = fleet.start("deploy", "small", "--ref", second, output=outputs[1])
        codes = [one.wait(timeout=900), two.wait(timeout=900)]
        said = [path.read_text() for path in outputs]
        assert sorted(codes) == [0, 7], said
        loser = codes.index(7)
        assert "run " in said[loser], said[loser]
        fleet.at_rest_with(second if loser == 0 else first)
        for name in NAMES:
            changed = {record["run"] for record in journal.read(fleet.hosts[name].contract.root / "journal.jsonl")}
            assert len(changed) == pair + 1, f"the loser left a trace on {name}: {changed}"
