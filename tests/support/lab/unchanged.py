"""Did a refused command change anything? Compares hosts, database and remote before and after."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.lab.application import Application
from tests.support.lab.host import Host

Picture = dict[str, list[str]]

# Left out: the lease and its lines of the journal, which a refused run may take and give back, and times of folders,
# which a file that came and went changes.
HOST = r"""
cd "$1" || exit 1
show() { find "$@" -type d -printf '%p d %m %u %g\n' -o -printf '%p %y %m %u %g %s %T@ %i %l\n' | sort; }
show . -path './lease.*' -prune -o -path ./journal.jsonl -prune -o
sha256sum records/*.json host/contract.json
grep -v '"act": "lease ' journal.jsonl
show "$2"
readlink "$1/current" "$1"/instances/*
sed -n 's/.*\("run": "[^"]*"\).*/\1/p' lease.json
for unit in "$3-web@blue" "$3-web@green" "$3-worker@blue" "$3-worker@green" "$3-return"; do
  systemctl show --property=Id,ActiveState,MainPID,NRestarts "$unit.service"
done
"""
# \restrict carries a number that is new in each dump.
SCHEMA = """
su postgres -c "pg_dump --schema-only $1" 2>&1 | grep -v -e '^.restrict' -e '^.unrestrict'
su postgres -c "psql --no-psqlrc --tuples-only --command='SELECT datname FROM pg_database ORDER BY 1'" 2>&1 || true
"""
SHOWN = 20  # lines of a place that changed
# A release that failed elsewhere does not wait for its backup, which is proved in a database of its own, then dropped.
SCRATCH, PROVING = "namaskah_proof_", 60  # seconds
BACKUPS = "find \"$1\" -mindepth 1 -maxdepth 1 -type d -printf '%f\\n' | sort"


def picture(application: Application) -> Picture:
    """Return all that a release may change, by place."""
    found: Picture = {"remote": refs(application)}
    for host in application.lab.group("app"):
        words = [application.root, f"/run/{application.sample}", application.sample]
        found[host.name] = _lines(host, HOST, *words)
    for host in application.lab.group("database"):
        found[f"schema on {host.name}"] = _lines(host, SCHEMA, application.sample)
        found[f"backups on {host.name}"] = _lines(host, BACKUPS, f"/var/backups/{application.sample}")
    return found


def refs(application: Application) -> list[str]:
    """Return every branch and tag of the remote with its object."""
    git = ["git", f"--git-dir={application.lab.origin.path(application.sample)}", "for-each-ref"]
    done = subprocess.run(git, check=True, capture_output=True, text=True, timeout=30)
    return done.stdout.splitlines()


def _lines(host: Host, script: str, *words: str) -> list[str]:
    found = host.run(["sh", "-c", script, "sh", *words]).stdout.splitlines()
    assert found, f"{host.name} shows nothing"
    return found


# What preparing adds beside the live release; a folder without a record is never a target.
ADDED = re.compile(
    r"\./(releases|records|venvs|repo\.git|shared/assets|host)/|[0-9a-f]{64}  (records|host)/"
    r'|\{"act": "(began|ended)", .*"phase": "(prepare|recover)"'
)
# What each preparing writes anew: the mirror's notes, the times of pooled assets, the tool's own program and contract.
RENEWED = re.compile(r"\./(repo\.git|shared/assets|host)/|[0-9a-f]{64}  host/")
RELEASE = re.compile(r"\./releases/([^/ ]+)")
RECORD = re.compile(r"\./records/([^/ ]+)\.json ")
VIRTUALENV = re.compile(r"(\./venvs/\w+)(/|\.lock | )")


def missed(before: list[str], lost: set[str], after: list[str]) -> set[str]:
    """Return the lost lines that preparing must not lose.

    A virtualenv that was never complete may be made anew, and a folder of a release without a record may go.
    """
    complete = {line.partition("/.complete ")[0] for line in before if "/.complete " in line}
    recorded = {found[1] for line in before if (found := RECORD.match(line))}
    paths = {line.split(" ")[0] for line in after}
    kept = set()
    for line in lost:
        virtualenv = VIRTUALENV.match(line)
        renewed = RENEWED.match(line) and (line.split(" ")[0] in paths or not line.startswith("./shared"))
        release = RELEASE.match(line)
        if release and release[1] not in recorded:
            continue
        if not renewed and not (virtualenv and virtualenv[1] not in complete):
            kept.add(line)
    return kept


@contextmanager
def unchanged(application: Application, *, but: tuple[str, ...] = (), prepared: bool = False) -> Iterator[None]:
    """Fail unless the block leaves every place as it was, `but` those whose name begins so.

    With `prepared`, a release may have been added beside the others.
    """
    before = picture(application)
    yield
    end = time.monotonic() + PROVING
    after = picture(application)
    while SCRATCH in str(after) and time.monotonic() < end:
        time.sleep(1)
        after = picture(application)
    changed = {}
    for place in (place for place in before if not place.startswith(but or ("-",))):
        lost, new = set(before[place]) - set(after[place]), set(after[place]) - set(before[place])
        if prepared:
            lost = missed(before[place], lost, after[place])
            new = {line for line in new if not ADDED.match(line)}
        if lost or new:
            changed[place] = {name: _some(lines) for name, lines in (("lost", lost), ("new", new))}
    assert not changed, changed


def _some(lines: set[str]) -> list[str]:
    """Return the first lines, and how many more there are: a virtualenv has thousands."""
    return [*sorted(lines)[:SHOWN], *([f"and {len(lines) - SHOWN} more"] if len(lines) > SHOWN else [])]
