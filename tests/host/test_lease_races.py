"""Of two runs at the same moment, does exactly one get the host? The module's own code in processes of their own.

Pairs start at random offsets of up to half a second, as two operators do; a racer waits a moment with its lease, as a
run works with it, so that an earlier winner's release cannot be taken for a second winner.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from ansible.module_utils.namaskah_host import journal, lease
from ansible.module_utils.namaskah_host.contract import Contract

PACKAGE = str(Path(lease.__file__).parents[1])
PAIRS = 500
SAMPLE = 40
SEED = 20260101
AT_ONCE = 8
# Each racer serves many races: starting Python takes longer than a race.
RACER = """
import json, sys, time
sys.path.insert(0, sys.argv[1])
from namaskah_host import lease, working
from namaskah_host.contract import Contract
from namaskah_host.failure import Failure
for line in sys.stdin:
    root, name, at, other = json.loads(line)
    contract = Contract({"root": root, "host": "here", "lease_ttl": 60})
    run = {"id": name, "by": "ada@" + name, "reason": "race " + name}
    time.sleep(max(0.0, at - time.time()))
    try:
        run["fence"] = lease.acquire(contract, run)["fence"]
        with working.working(contract, run, "prepare"):
            time.sleep(0.6)
        answer = ["won", ""]
    except Failure as failure:
        answer = [failure.kind, str(failure)]
    print(json.dumps(answer), flush=True)
"""


def races(folder: Path, count: int) -> Counter[str]:
    """Run so many pairs, eight at a time; assert that each has one winner, and return how often which side won."""
    chance = random.Random(SEED)  # noqa: S311 - the same pairs each time
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", RACER, PACKAGE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(2 * AT_ONCE)
    ]
    won: Counter[str] = Counter()
    for begin in range(0, count, AT_ONCE):
        lanes = range(min(AT_ONCE, count - begin))
        at = time.time() + 0.2
        for lane in lanes:
            root = folder / f"{begin + lane}"
            root.mkdir()
            offset = chance.uniform(-0.5, 0.5) if chance.random() < 0.7 else 0.0
            for side in (0, 1):
                moment = at + max(0.0, offset if side else -offset)
                _send(racers[2 * lane + side], [str(root), f"{'ab'[side]}-{begin + lane}", moment, ""])
        for lane in lanes:
            answers = [_answer(racers[2 * lane + side]) for side in (0, 1)]
            _judge(folder / f"{begin + lane}", begin + lane, answers)
            won["ab"[answers[1][0] == "won"]] += 1
    for racer in racers:
        racer.communicate(timeout=30)
    return won


def _send(racer: subprocess.Popen[str], words: list[object]) -> None:
    assert racer.stdin is not None
    racer.stdin.write(json.dumps(words) + "\n")
    racer.stdin.flush()


def _answer(racer: subprocess.Popen[str]) -> list[str]:
    assert racer.stdout is not None
    found: list[str] = json.loads(racer.stdout.readline())
    return found


def _judge(root: Path, number: int, answers: list[list[str]]) -> None:
    """One has won; the other was told who, since when and why, and has left no trace in the journal."""
    assert sorted(answer[0] for answer in answers) == ["refused", "won"], answers
    winner, loser = ("a", "b") if answers[0][0] == "won" else ("b", "a")
    why = answers["ab".index(loser)][1]
    for word in (f"ada@{winner}-{number}", f"race {winner}-{number}", "since 20"):
        assert word in why, why
    records = journal.read(root / "journal.jsonl")
    assert {record["run"] for record in records} == {f"{winner}-{number}"}
    assert [record["act"] for record in records] == ["lease taken", "began", "ended"]
    assert journal.first_break(root / "journal.jsonl") is None
    holder = lease.holder(Contract({"root": str(root), "host": "here", "lease_ttl": 60}))
    assert holder is not None
    assert holder["run"] == f"{winner}-{number}"


def test_one_of_each_pair_wins(tmp_path: Path) -> None:
    assert sum(races(tmp_path, SAMPLE).values()) == SAMPLE


@pytest.mark.soak
def test_one_of_five_hundred_pairs_wins(tmp_path: Path) -> None:
    won = races(tmp_path, PAIRS)
    assert sum(won.values()) == PAIRS
    assert min(won.values()) > PAIRS // 10, f"the pairs did not race: {won}"
