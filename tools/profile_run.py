"""Where does the time of a test run go? `make test-profile`: runs a command, looks at every process, writes tables.

Reads /proc twice a second (proc_pid_stat(5)): a process that lives for less than that is seen only in what its parent
has waited for, which is printed as a line of its own. Only
processes that begin after this program and those of the hosts that it boots are counted, so nothing else should run.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

EVERY = 0.5  # seconds between two looks
SLOWEST = 40
TICKS = os.sysconf("SC_CLK_TCK")
TIMES = Path(".cache/test-times.json")  # written by tests/support/minutes.py
# What a process is, by its command line: the first pattern that fits.
KINDS = {
    "ansible-playbook": r"ansible-playbook|/ansible ",
    "ansible-runner": r"ansible-runner|ansible_runner",
    "our modules on hosts": r"AnsiballZ|namaskah_host|\.ansible/tmp",
    "command line of the tool": r"namaskah-deploy",
    "lint": r"mypy|ansible-lint|ruff|yamllint|codespell",
    "tests (pytest)": r"pytest|execnet",
    "load generator": r"support[./]load",
    "pip and venv": r"\bpip\b|ensurepip|-m venv",
    "applications": r"/(current|releases|venvs|instances)/|/samples-|examples/",  # by where they lie
    "PostgreSQL": r"postgres|pg_|psql|initdb|pgbouncer",
    "base of hosts": r"mmdebstrap|\bdpkg\b|apt-get|/usr/lib/apt",
    "npm, pm2, node": r"\bnode\b|npm|pm2",
    "git": r"\bgit\b",
    "ssh": r"\bssh(d|-agent)?\b",
    "systemd and its like": r"systemd|dbus|init\b|agetty|journald",
    "nginx, haproxy": r"nginx|haproxy",
    "other Python": r"python",
}
_KINDS = [(re.compile(pattern), kind) for kind, pattern in KINDS.items()]

# A process is forked first and becomes another program then: these are looked at again.
UNSETTLED = ("", "tests (pytest)", "other", "other Python", "systemd and its like")


@dataclass
class Process:
    """One process: what it is, and the seconds of processor that it has used so far."""

    kind: str
    seconds: float
    parent: int
    waited: float = 0
    """Seconds of the children that it has waited for, and of theirs."""


class Sampler(threading.Thread):
    """Looks at every process until it is stopped."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.seen: dict[tuple[int, int], Process] = {}
        self.before = {(pid, start): (used, waited) for pid, start, _, used, waited in _processes()}
        self.machine = _machine_seconds()
        self.done = threading.Event()

    def run(self) -> None:  # noqa: D102 - threading's own name
        while not self.done.wait(EVERY):
            self.look()

    def look(self) -> None:
        """Take one look."""
        for pid, start, parent, used, waited in _processes():
            known = self.seen.setdefault((pid, start), Process("", used, parent))
            known.seconds, known.waited, known.parent = used, waited, parent  # an orphan gets another parent
            if known.kind in UNSETTLED:
                known.kind = _kind(pid) or known.kind

    def table(self) -> Iterator[tuple[str, float, int]]:
        """Give kind, seconds of processor and number of processes, most first; what was not seen comes last.

        The time of children that ended between two looks is that of their parent's "short-lived children".
        """
        seconds: dict[str, float] = defaultdict(float)
        count: Counter[str] = Counter()
        seen_of = self._seen_children()
        for key, one in self.seen.items():
            used, waited = self.before.get(key, (0, 0))
            seconds[one.kind or "kernel"] += one.seconds - used
            count[one.kind or "kernel"] += 1
            seconds[f"short-lived children of: {one.kind or 'kernel'}"] += max(one.waited - waited - seen_of[key[0]], 0)
        for kind in sorted(seconds, key=seconds.__getitem__, reverse=True):
            yield kind, seconds[kind], count[kind]
        yield "not seen at all", _machine_seconds() - self.machine - sum(seconds.values()), 0

    def _seen_children(self) -> dict[int, float]:
        """Return the seconds of the children that were seen, and of theirs, by the parent's number."""
        found: dict[int, float] = defaultdict(float)
        for one in self.seen.values():
            found[one.parent] += one.seconds + one.waited
        return found

    def starts(self, kind: str) -> int:
        """Return how many processes of a kind began that are no children of the same kind."""
        pids = {pid for (pid, _), one in self.seen.items() if one.kind == kind}
        return sum(one.kind == kind and one.parent not in pids for one in self.seen.values())


def _processes() -> Iterator[tuple[int, int, int, float, float]]:
    """Give (pid, start, parent, seconds of processor, the same of children waited for) of every process."""
    for name in filter(str.isdigit, os.listdir("/proc")):  # noqa: PTH208 - names alone, many times a second
        try:
            text = Path(f"/proc/{name}/stat").read_text()
        except OSError:
            continue
        fields = text.rpartition(")")[2].split()
        used, waited = (int(fields[at]) + int(fields[at + 1]) for at in (11, 13))
        yield int(name), int(fields[19]), int(fields[1]), used / TICKS, waited / TICKS


def _kind(pid: int) -> str:
    try:
        line = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return "other"
    if not line:
        return ""
    return next((kind for pattern, kind in _KINDS if pattern.search(line[:2000])), "other")


def _machine_seconds() -> float:
    fields = Path("/proc/stat").read_text().splitlines()[0].split()[1:]
    user, nice, system, _, _, irq, softirq = map(int, fields[:7])
    return (user + nice + system + irq + softirq) / TICKS


def main(command: list[str]) -> int:
    """Run the command; print the tables; return its exit status."""
    began, since = time.monotonic(), time.time()
    sampler = Sampler()
    sampler.start()
    status = subprocess.run(command, check=False).returncode
    passed = time.monotonic() - began
    sampler.look()
    sampler.done.set()
    used = _machine_seconds() - sampler.machine
    busy = used / passed / (os.cpu_count() or 1)
    print(f"\nprocessor time: {used / 60:.1f} min in {passed / 60:.1f} min, {busy:.0%} busy")
    for kind, seconds, count in sampler.table():
        print(f"  {kind:<52} {seconds / 60:7.1f} min {count:7} processes")
    print(f"starts of ansible-playbook: {sampler.starts('ansible-playbook')}")
    if TIMES.exists() and TIMES.stat().st_mtime >= since:  # an older one is another run's
        times = json.loads(TIMES.read_text())
        print(f"\nthe {SLOWEST} slowest tests (setup, call, teardown in seconds)")
        for nodeid, parts in sorted(times.items(), key=lambda one: -sum(one[1].values()))[:SLOWEST]:
            shown = " ".join(f"{parts.get(part, 0):6.1f}" for part in ("setup", "call", "teardown"))
            print(f"  {sum(parts.values()):6.1f} = {shown}  {nodeid}")
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
