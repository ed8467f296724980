"""What does the tool leave on a host? Takes it from a running lab, without what Debian, pip or this machine brought."""

from __future__ import annotations

import io
import json
import lzma
import os
import re
import shlex
import socket
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.support.lab.command import run
from tests.support.lab.errors import LabError
from tests.support.lab.host import Host
from tests.support.lab.lab import Lab
from tests.support.lab.paths import cache_dir, state_dir
from tests.support.museum.exhibits import ADDRESSES, DATABASE_HOST, DATABASES, HOSTS, SAMPLE
from tests.support.project import ROOT

# What is kept, as patterns below the root of a host's disk.
KEPT = (
    f"etc/namaskah/{SAMPLE}",
    "etc/nginx/conf.d/namaskah-*",
    "etc/sudoers.d/namaskah-*",
    f"etc/systemd/system/{SAMPLE}-*",
    f"etc/systemd/system/*/{SAMPLE}-*",
    "etc/tmpfiles.d/namaskah-*",
    f"usr/local/lib/namaskah/{SAMPLE}",
    "home/deploy",
    f"var/lib/{SAMPLE}",
    f"var/backups/{SAMPLE}",
    f"srv/{SAMPLE}",
    DATABASES,
    "root/pg_hba.block",
    "root/listen.conf",
)
# Rebuilt from requirements; made again by whoever runs; keys of a lab, which end with it.
LEFT_OUT = (
    f"srv/{SAMPLE}/venvs/*/*",
    "__pycache__",
    "*.pyc",
    f"var/lib/{SAMPLE}/.pm2/logs/*",
    f"var/lib/{SAMPLE}/.pm2/pm2.log",
    "home/deploy/.ansible*",
    "*.sample",
    "home/deploy/.cache",
    "home/deploy/.ssh/*",
)
REMOVABLE = ("etc/nginx/sites-enabled/default",)  # files of Debian's that provisioning removes
USERS = ("deploy", SAMPLE)
_CREATED = re.compile(r'^CREATE DATABASE "?([\w-]+)"? (.*);$', re.MULTILINE)


def users(host: Host) -> list[dict[str, Any]]:
    """Return the tool's users of a host, as they have to be made again."""
    found = []
    for name in USERS:
        line = host.run(["getent", "passwd", name], check=False).stdout.strip()
        if line:
            _, _, uid, _, comment, home, shell = line.split(":")
            groups = host.run(["id", "-nG", name]).stdout.split()
            further = [group for group in groups if group != name]
            system = int(uid) < 1000  # Debian's lowest number of a person (login.defs, UID_MIN)
            found.append({"name": name, "comment": comment, "home": home, "shell": shell, "system": system,
                          "groups": further})  # fmt: skip
    return found


def removed(host: Host) -> list[str]:
    """Return what provisioning removed of Debian's own."""
    if host.record.group != "app":
        return []
    return [path for path in REMOVABLE if not os.path.lexists(host.root_dir / path)]


def venvs(host: Host) -> dict[str, str]:
    """Return each virtualenv that a release of a host names, with the requirements that it was made of."""
    found = {}
    root = host.root_dir / "srv" / SAMPLE
    for record in (root / "records").glob("*.json"):
        name = json.loads(record.read_text())["venv"]
        found[name] = (root / "releases" / record.stem / "requirements.txt").read_text()
    return found


def write_databases(host: Host) -> dict[str, int]:
    """Write roles and databases of the host beside what is kept; return the databases with their numbers.

    A restore remembers databases by these numbers, so they are created with them again (CREATE DATABASE, OID).
    """
    listed = psql(host, "SELECT datname, oid, datallowconn FROM pg_database WHERE NOT datistemplate")
    rows = [row for row in (line.split("|") for line in listed.splitlines()) if row[0] != "postgres"]
    numbers = {name: int(oid) for name, oid, _ in rows}
    closed = [name for name, _, open_ in rows if open_ == "f"]  # what a restore replaced lets nobody connect
    shut = "".join(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false;\n' for name in closed)
    psql(host, shut.replace("false", "true"))
    try:
        text = host.run(["su", "postgres", "-c", "pg_dumpall"]).stdout
    finally:
        psql(host, shut)
    text = _CREATED.sub(lambda made: f'CREATE DATABASE "{made[1]}" {made[2]} OID = {numbers[made[1]]};', text)
    text = re.sub(r"^(CREATE|ALTER) ROLE postgres\b.*\n", "", text, flags=re.MULTILINE) + shut
    missing = [name for name in numbers if f'CREATE DATABASE "{name}"' not in text]
    if missing:
        raise LabError(f"pg_dumpall left out {', '.join(missing)}")
    host.write(f"/{DATABASES}", text, mode="0600")
    block = f"/# BEGIN namaskah {SAMPLE}/,/# END namaskah {SAMPLE}/p"
    rules = host.run(["sh", "-c", f"sed -n {shlex.quote(block)} /etc/postgresql/*/main/pg_hba.conf"]).stdout
    host.write("/root/pg_hba.block", rules, mode="0600")
    host.write("/root/listen.conf", host.run(["sh", "-c", "cat /etc/postgresql/*/main/conf.d/namaskah.conf"]).stdout)
    return numbers


def psql(host: Host, statement: str, database: str = "postgres") -> str:
    """What the database's own superuser reads."""
    return host.run(["su", "postgres", "-c", f"psql -XqAt {database} -c {shlex.quote(statement)}"]).stdout


def files(lab: Lab, host: Host) -> bytes:
    """Return a compressed archive of what is kept of a host, free of this lab and this machine.

    Raises LabError where something of them is left in it.
    """
    archive = _rewritten(_packed(host.root_dir), lambda name, data: _told_for_all(lab, name, data))
    _refuse_what_is_of_here(lab, archive)
    return lzma.compress(archive, preset=9 | lzma.PRESET_EXTREME)


def _packed(root: Path) -> bytes:
    """Archive by names of users, with times to the nanosecond, which records compare."""
    found = sorted({str(path.relative_to(root)) for pattern in KEPT for path in root.glob(pattern)})
    tar = ["tar", "--create", "--format=posix", "--sort=name", "--pax-option=delete=atime,delete=ctime"]
    words = ["chroot", str(root), *tar, *(f"--exclude={pattern}" for pattern in LEFT_OUT), "--", *found]
    done = subprocess.run(words, capture_output=True, check=False, timeout=120)
    if done.returncode not in (0, 1):  # 1: a file was written meanwhile
        raise LabError(f"tar on {root}: {done.stderr.decode(errors='replace')[-2000:]}")
    return done.stdout


def _rewritten(archive: bytes, change: Callable[[str, bytes], bytes]) -> bytes:
    """Return an archive with the content of files changed; whatever else is told of them stays to the letter."""
    out = io.BytesIO()
    with (
        tarfile.open(fileobj=io.BytesIO(archive)) as source,
        tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as target,
    ):
        for member in source:
            stream = source.extractfile(member) if member.isreg() else None
            if stream is None:
                target.addfile(member)
                continue
            data = change(member.name, stream.read())
            member.size = len(data)
            target.addfile(member, io.BytesIO(data))
    return out.getvalue()


def _told_for_all(lab: Lab, name: str, data: bytes) -> bytes:
    if name == "root/pg_hba.block":
        for host, address in ADDRESSES.items():
            data = data.replace(f"{lab.hosts[host].address}/".encode(), f"{address}/".encode())
    if name == f"srv/{SAMPLE}/lease.json":
        lease = json.loads(data)
        if lease.get("controller"):
            lease["controller"]["machine"] = "0" * 32
        data = (json.dumps(lease, indent=2, sort_keys=True) + "\n").encode()
    return data


def _refuse_what_is_of_here(lab: Lab, archive: bytes) -> None:
    """Raise LabError where the content of a file tells where it was made."""
    words = {
        "this checkout": str(ROOT),
        "the lab's folder": str(state_dir()),
        "the lab's cache": str(cache_dir()),
        "an address of the lab": lab.network.subnet.rpartition(".")[0] + ".",
        "the machine's id": Path("/etc/machine-id").read_text().strip(),
        "the machine's name": f'"{socket.gethostname()}"',
        "a private key": "PRIVATE KEY-----",
        **{f"a registry ({name})": name for name in _registries()},
    }
    with tarfile.open(fileobj=io.BytesIO(archive)) as source:
        for member in source:
            stream = source.extractfile(member) if member.isreg() else None
            data = stream.read() if stream else b""
            for what, word in words.items():
                if word and word.encode() in data:
                    raise LabError(f"{member.name} holds {what} ({word})")


def _registries() -> set[str]:
    """Return the names of servers from which this machine takes packages."""
    told = run(["pip", "config", "list"], check=False).stdout + run(["apt-get", "indextargets"], check=False).stdout
    told += " ".join(value for name, value in os.environ.items() if name.lower().endswith(("proxy", "index_url")))
    return {name for name in re.findall(r"https?://(?:[^/@\s]*@)?([\w.-]+)", told) if "." in name}


def capture(lab: Lab, folder: Path) -> dict[str, int]:
    """Write the archives of all hosts into a folder; return the databases with their numbers."""
    folder.mkdir(parents=True, exist_ok=True)
    numbers = write_databases(lab.hosts[DATABASE_HOST])
    for name in HOSTS:
        (folder / f"{name}.tar.xz").write_bytes(files(lab, lab.hosts[name]))
    return numbers
