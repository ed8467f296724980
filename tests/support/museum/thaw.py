"""How does an exhibit come to life? Its files and databases are put on blank hosts of a lab, which are then booted.

The hosts' first boot is what a power cut leaves: nothing of the exhibit has ever run there.
"""

from __future__ import annotations

import hashlib
import json
import lzma
import shutil
import subprocess
import tarfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.lab.command import run
from tests.support.lab.errors import LabError
from tests.support.lab.host import Host
from tests.support.lab.lab import Lab
from tests.support.lab.locks import exclusive
from tests.support.lab.paths import cache_dir
from tests.support.museum.exhibits import ADDRESSES, APP_HOSTS, DATABASE_HOST, DATABASES, SAMPLE, Exhibit, Wing
from tests.support.museum.operating import Operated, fleet

ENABLED = {"app": "nginx.service", "database": "postgresql.service"}
_VENV_SECONDS = 300


@dataclass
class Hall:
    """The hosts of a lab on which one exhibit of a wing after the other is shown, and who operates them."""

    lab: Lab
    wing: Wing
    operated: Operated

    @classmethod
    def open(cls, lab: Lab, wing: Wing) -> Hall:
        """Add the hosts to an empty lab, and let it serve what they need; builds virtualenvs that the cache lacks."""
        fleet(lab)
        hall = cls(lab, wing, Operated(lab, SAMPLE, settled=wing.variables))
        repository = lab.origin.path(SAMPLE)
        shutil.rmtree(repository)
        run(["git", "clone", "--quiet", "--mirror", wing.repository, repository])
        hall.operated.write()
        return hall

    def show(self, name: str) -> Exhibit:
        """Bring an exhibit to the hosts and boot them; returns when systemd has finished on each."""
        exhibit = self.wing.exhibit(name)
        for venv in self._venvs(exhibit):
            self._venv_archive(venv)  # one after the other, and before the hosts are made blank
        with ThreadPoolExecutor(len(self.lab.hosts)) as pool:
            for result in [pool.submit(self._put, exhibit, host) for host in self.lab.hosts.values()]:
                result.result()
        self.lab.boot(*(self.lab.hosts[name] for name in APP_HOSTS))
        return exhibit

    # --- One host ---------------------------------------------------------------------------------------

    def _put(self, exhibit: Exhibit, host: Host) -> None:
        """Make a host the exhibit's; that of databases is running afterwards, and has them."""
        host.blank()
        root = host.root_dir
        known = self.wing.hosts[host.name]
        for user in known["users"]:
            _add_user(root, user)
        _unpack(root, lzma.decompress(exhibit.archive(host.name).read_bytes()))
        for path in known["removed"]:
            (root / path).unlink(missing_ok=True)
        keys = root / "home/deploy/.ssh/authorized_keys"
        keys.write_text(self.lab.keys.public_line)
        keys.chmod(0o600)
        _inside(root, ["chown", "deploy:deploy", "/home/deploy/.ssh/authorized_keys"])
        _inside(root, ["systemctl", "enable", "--quiet", ENABLED[host.record.group]])
        _later(root, exhibit)
        if host.name == DATABASE_HOST:
            self._database(host)
        else:
            for venv in self._venvs(exhibit, host.name):
                _unpack(root, self._venv_archive(venv).read_bytes())

    def _database(self, host: Host) -> None:
        """Let the server listen and let in as it did, boot its host, and restore everything that it held."""
        root = host.root_dir
        (server,) = root.glob("etc/postgresql/*/main")
        rules, listen, dump = (root / "root/pg_hba.block", root / "root/listen.conf", root / DATABASES)
        block = rules.read_text()
        for name, address in ADDRESSES.items():
            block = block.replace(f"{address}/", f"{self.lab.hosts[name].address}/")
        hba = server / "pg_hba.conf"
        hba.write_text(block + hba.read_text())
        conf = server / "conf.d"
        (conf / "namaskah.conf").write_text(listen.read_text())
        # What a lab's host has written survives its power cut anyway, and a killed server would still wait for a disk.
        (conf / "lab.conf").write_text("fsync = off\n")
        for file in (conf / "namaskah.conf", conf / "lab.conf"):
            file.chmod(0o644)
        host.boot()
        restore = ["su", "postgres", "-c", "psql -Xq -v ON_ERROR_STOP=1 -d postgres"]
        host.run(restore, stdin=dump.read_text(), timeout=120)
        for file in (rules, listen, dump):
            file.unlink()

    # --- Virtualenvs ------------------------------------------------------------------------------------

    def _venvs(self, exhibit: Exhibit, host: str = "") -> list[str]:
        """Return the virtualenvs that the releases of an exhibit name, on one host or on any."""
        return sorted({venv for name in APP_HOSTS if host in ("", name) for venv in exhibit.facts["venvs"][name]})

    def _venv_archive(self, name: str) -> Path:
        """Return an archive of a virtualenv as pip makes it of the pinned requirements, built unless it is cached."""
        requirements = self.wing.requirements(name)
        host = self.lab.hosts[APP_HOSTS[0]]
        digest = hashlib.sha256(requirements.read_bytes()).hexdigest()[:12]
        archive = cache_dir() / f"museum-venv-{host.record.suite}-{name}-{digest}.tar"
        with exclusive(archive.with_suffix(".lock")):
            if not archive.is_file():
                self.lab.add_wheels(requirements, suites=[host.record.suite])
                unfinished = archive.with_suffix(".partial")
                unfinished.write_bytes(_built(host, name, requirements))
                unfinished.rename(archive)
        return archive


def _built(host: Host, name: str, requirements: Path) -> bytes:
    """Build a virtualenv on a host, which is blank afterwards, and return it as an archive."""
    host.blank()
    _add_user(host.root_dir, {"name": "deploy", "comment": "", "home": "/home/deploy", "shell": "/bin/sh",
                              "system": False, "groups": []})  # fmt: skip
    host.boot()
    place = f"/srv/{SAMPLE}/venvs/{name}"
    host.write("/root/requirements.txt", requirements.read_text())
    make = (
        f"python3 -m venv {place} && {place}/bin/python -m pip install --quiet --requirement /root/requirements.txt"
        f" && touch {place}/.complete && chown -R deploy:deploy {place}"
    )
    host.run(["sh", "-c", make], timeout=_VENV_SECONDS)
    tar = ["tar", "--create", "--format=posix", "--", place[1:]]
    done = subprocess.run(["chroot", str(host.root_dir), *tar], capture_output=True, check=True, timeout=120)
    host.blank()
    return done.stdout


def _add_user(root: Path, user: dict[str, Any]) -> None:
    """Make a user with a group of its own, as provisioning does; archives name users, not their numbers."""
    system = ["--system"] if user["system"] else []
    _inside(root, ["groupadd", *system, user["name"]])
    words = ["--gid", user["name"], "--home-dir", user["home"], "--shell", user["shell"], "--comment", user["comment"]]
    groups = ["--groups", ",".join(user["groups"])] if user["groups"] else []
    _inside(root, ["useradd", *system, *words, *groups, "--no-create-home", user["name"]])


def _unpack(root: Path, archive: bytes) -> None:
    """Unpack on a disk, by the names of its own users."""
    words = ["chroot", str(root), "tar", "--extract", "--preserve-permissions", "--same-owner"]
    done = subprocess.run(words, input=archive, capture_output=True, check=False, timeout=120)
    if done.returncode != 0:
        raise LabError(f"tar on {root}: {done.stderr.decode(errors='replace')[-2000:]}")


def _inside(root: Path, words: list[str]) -> None:
    run(["chroot", root, *words])


def _later(root: Path, exhibit: Exhibit) -> None:
    """Move what lay in the future when the exhibit was taken to the same distance from now."""
    for path, keys in exhibit.ahead.items():
        file = root / path
        if file.is_file():
            known = json.loads(file.read_text())
            known |= {key: known[key] + time.time() - exhibit.taken for key in keys}
            file.write_text(json.dumps(known, indent=2, sort_keys=True) + "\n")


def members(archive: Path) -> list[str]:
    """Return the names of what an archive holds."""
    with tarfile.open(archive) as source:
        return source.getnames()
