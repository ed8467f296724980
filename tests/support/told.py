"""What does a host tell of itself, when there is something of everything?"""

from __future__ import annotations

LEASE = {"run": "run-1", "by": "ada@laptop", "since": "2026-11-23T21:00:00Z", "reason": "due"}
LIVE = {"id": "r2", "commit": "c" * 40, "tag": "v2", "state": "live", "by": "ada", "live": True, "confirmed": "3"}
OLD = {"id": "r1", "commit": "b" * 40, "tag": "v1", "state": "superseded", "by": "bob", "confirmed": "2"}
OLDER = {**OLD, "id": "r0", "tag": "v0", "confirmed": "1"}
BAD = {**OLD, "id": "rx", "tag": "vx", "state": "bad", "confirmed": "2.5"}
STATE = {
    "live": LIVE,
    "instance": "blue",
    "switch": {"phase": "retiring"},
    "lease": LEASE,
    "drain": {"run": "run-9", "by": "eve@laptop", "since": "2026-11-23T22:00:00Z"},
    "free_bytes": 3 * 2**30,
    "drift": ["web@blue does not run"],
    "releases": [LIVE, BAD, OLD, OLDER],
    "backups": [
        {
            "id": "b1",
            "started": "now",
            "release": "r1",
            "tag": "v1",
            "proof": "passed",
            "bytes": 2**21,
            "marks": ["warm"],
        }
    ],
    "wrong": ["b0 has no manifest"],
    "verdicts": [
        {"id": "b0", "stays": False, "does": "would go", "why": "90 days old, and nothing needs it"},
        {"id": "b1", "stays": True, "does": "stays", "why": "the last proved one"},
    ],
}
