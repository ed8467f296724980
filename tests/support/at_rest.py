"""Is a host as a clean run leaves it? One release, whole and alone; nothing at work, nothing unfinished."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

from ansible.module_utils.namaskah_host import journal, lease, switch, workers
from ansible.module_utils.namaskah_host.contract import Contract, other
from ansible.module_utils.namaskah_host.instances import Instance
from ansible.module_utils.namaskah_host.release import Release, all_of, current


def at_rest_with(contract: Contract, source: Path, commit: str) -> None:
    """Assert that the host serves `commit` of the repository `source`, and is in a final state."""
    host = contract.host
    assert switch.read(contract) is None, host
    live = current(contract)
    assert live is not None, host
    assert (live.record["commit"], live.record["state"]) == (commit, "live"), (host, live.record)
    assert live.instance is not None
    services = {service.name for service in live.services}
    assert set(Instance(contract, live, live.instance).running()) == services, host
    idle = other(live.instance)
    assert not Instance(contract, live, idle).running(), f"{host}: {idle} still runs"
    assert tree(live, source) == tracked(source, commit), host
    states = [release.record["state"] for release in all_of(contract)]
    assert states.count("live") == 1, (host, states)
    assert "provisional" not in states, (host, states)
    assert lease.recorded(contract) is None, (host, lease.recorded(contract))
    assert workers.found(lease.work_lock(contract)) == [], host
    assert journal.first_break(contract.root / "journal.jsonl") is None, host
    assert jobs(contract) == [live.id], f"{host}: the job runs as {jobs(contract)}"


def tree(release: Release, source: Path) -> dict[str, str]:
    """Return the hash of each file of a release that came out of the repository."""
    names = tracked(source, release.record["commit"])
    return {name: _sha256((release.folder / name).read_bytes()) for name in names}


def tracked(source: Path, commit: str) -> dict[str, str]:
    """Return the hash of each file of a commit."""
    git = ["git", "-C", str(source)]
    names = subprocess.run([*git, "ls-tree", "-r", "--name-only", commit], check=True, capture_output=True, text=True,
                           timeout=30).stdout.split()  # fmt: skip
    return {
        name: _sha256(
            subprocess.run([*git, "show", f"{commit}:{name}"], check=True, capture_output=True, timeout=30).stdout
        )
        for name in names
    }


def jobs(contract: Contract) -> list[str]:
    """Return the releases whose job runs now, by the job's own words: it says when it begins and when it ends."""
    running: list[str] = []
    for line in (contract.shared / "worker.log").read_text().splitlines():
        word, release = line.split()
        running = [*running, release] if word == "begin" else [one for one in running if one != release]
    return running


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
