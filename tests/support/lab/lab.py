"""A lab as a whole: its network, its hosts, what the controller serves to them, and how all of it ends."""

import os
import secrets
import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support.lab import capabilities, state
from tests.support.lab.base import archive_folder, base_tree
from tests.support.lab.cgroup import ControlGroup
from tests.support.lab.disk import Disk
from tests.support.lab.errors import LabError
from tests.support.lab.host import Host
from tests.support.lab.inventory import inventory_text
from tests.support.lab.keys import Keys
from tests.support.lab.layers import layer_tree
from tests.support.lab.locks import exclusive
from tests.support.lab.machine import Machine
from tests.support.lab.network import Network, Port, free_number
from tests.support.lab.origin import Origin
from tests.support.lab.paths import state_dir
from tests.support.lab.state import HostRecord, LabRecord, Owner
from tests.support.lab.watch import start_watch
from tests.support.lab.wheels import WheelServer, wheel_folder

_SERVICES = "services"
_WATCH = "watch"


class Lab:
    """Hosts on a network of their own. Use as a context manager, or `create` ... `destroy`."""

    def __init__(self, record: LabRecord) -> None:
        self.record = record
        self.name = record.name
        self.network = Network(record.name, record.network)
        self.folder = record.folder
        self.keys = Keys(self.folder)
        self.wheels = WheelServer(self.folder / "wheels", self.network.controller)
        self.origin = Origin(self.folder / "git", self.network.controller)
        self.hosts: dict[str, Host] = {host.name: self._host(host) for host in record.hosts}

    # -- beginning and end -------------------------------------------------------------------------

    @classmethod
    def create(cls, name: str | None = None, *, persistent: bool = False) -> Self:
        """A new lab without hosts. It ends with this process, unless `persistent`.

        Removes leftovers of dead runs first. Raises LabUnavailableError when this machine cannot
        carry a lab, LabError when `name` is taken.
        """
        capabilities.require()
        name = state.check_name(name or f"run-{os.getpid()}-{secrets.token_hex(2)}")
        with exclusive(state_dir() / ".lock"):
            remove_leftovers()
            if (state_dir() / name).exists():
                raise LabError(
                    f"a lab named {name!r} exists; `python -m tests.support.lab down --name {name}` removes it"
                )
            number = free_number(state.taken_networks())
            owner = None if persistent else Owner.this_process()
            record = LabRecord(name, number, state.boot_id(), owner)
            record.save()
        lab = cls(record)
        try:
            lab._prepare()
        except BaseException:
            lab.destroy()
            raise
        return lab

    @classmethod
    def open(cls, name: str) -> Self:
        """An existing lab, for example one that `up` made."""
        return cls(state.load(name))

    def _prepare(self) -> None:
        self.network.create()
        self.keys.create()
        for folder in (self.wheels.folder, self.origin.folder):
            folder.mkdir()
        for server in (self.wheels, self.origin):
            self._group(_SERVICES).start(server.command(), self.folder / "services.log")
        if self.record.owner:
            start_watch(self._group(_WATCH), self.name, self.folder / "watch.log")

    def destroy(self) -> None:
        """Remove the lab and everything of it; parts that are already gone are not missed."""
        if not self.folder.is_dir():
            return
        if self.record.boot_id == state.boot_id():  # Otherwise a reboot has removed all but the files.
            watch = self._group(_WATCH)
            watch.leave()  # Perhaps it is the watcher that cleans up here.
            watch.remove()
            _each(Host.remove, list(self.hosts.values()))
            self._group(_SERVICES).remove()
            self.network.remove()
        _delete(self.folder)

    def __enter__(self) -> Self:
        """Give the lab to the block."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Destroy the lab, whatever happened."""
        self.destroy()

    # -- hosts -------------------------------------------------------------------------------------

    def add_host(
        self,
        name: str,
        *,
        group: str = "app",
        suite: str = "bookworm",
        layers: Sequence[str] = (),
        bare: bool = False,
        kept: Path | None = None,
        as_found: bool = False,
    ) -> Host:
        """A new host, still off. `group` is its inventory group, `layers` are additions such as "pm2".

        A `bare` one has only what an operator needs to log in; `apt-get install` works on every host. `kept` is a disk
        that `Host.keep` has put away, for this one to begin with. `as_found` gives it the habits of habits.py.
        """
        state.check_name(name)
        if name in self.hosts:
            raise LabError(f"lab {self.name} has a host named {name} already")
        address = self.network.host_address(len(self.record.hosts))
        record = HostRecord(name, address, suite, group, list(layers), bare, str(kept or ""), as_found)
        self.record.hosts.append(record)
        self.record.save()
        host = self._host(record)
        self.hosts[name] = host
        self.wheels.add_debian(suite, archive_folder(suite))
        self.keys.enroll(name, address)
        host.create()
        for one in self.hosts.values():
            one.write_names()
        self.inventory.write_text(inventory_text(self.record, self.keys))
        return host

    def boot(self, *hosts: Host) -> None:
        """Boot `hosts` (all, if none is named) side by side and wait until all are ready."""
        _each(Host.boot, list(hosts or self.hosts.values()))

    def reset(self, *hosts: Host) -> None:
        """Make `hosts` (all, if none is named) as new, side by side."""
        _each(Host.reset, list(hosts or self.hosts.values()))

    def group(self, name: str) -> list[Host]:
        """The hosts of inventory group `name`, in the order they were made."""
        return [host for host in self.hosts.values() if host.record.group == name]

    @property
    def inventory(self) -> Path:
        """The Ansible inventory of this lab's hosts (connection only)."""
        return self.folder / "hosts.yml"

    # -- what the controller serves ------------------------------------------------------------------

    def add_wheels(self, *requirements: Path, suites: Sequence[str] = ("bookworm",)) -> None:
        """Let the hosts' pip find all that `requirements` (files) need on `suites`."""
        for suite in suites:
            self.wheels.add(wheel_folder(list(requirements), suite))

    def _host(self, record: HostRecord) -> Host:
        folder = self.folder / "hosts" / record.name
        namespace = f"{self.name}-{record.name}"
        machine = Machine(record.name, namespace, self._group(record.name), folder / "console.log")
        port = Port(self.network, namespace, record.address)
        disk = Disk(folder, lambda: _trees(record))
        hosts = self.record.hosts
        return Host(record, neighbours=hosts, keys=self.keys, port=port, disk=disk, machine=machine)

    def _group(self, part: str) -> ControlGroup:
        return ControlGroup(self.name, part)


def remove_leftovers() -> list[str]:
    """Destroy labs whose owner died or whose machine rebooted since; returns their names."""
    stale = [record for record in state.load_all() if record.stale()]
    for record in stale:
        Lab(record).destroy()
    return [record.name for record in stale]


def _trees(host: HostRecord) -> list[Path]:
    kept = [Path(host.kept)] if host.kept else []
    return [*kept, *(layer_tree(layer) for layer in reversed(host.layers)), base_tree(host.suite, bare=host.bare)]


def _each(action: Callable[[Host], None], hosts: list[Host]) -> None:
    """Do `action` to all hosts side by side; raises every error after all have ended, for each may be the cause."""
    with ThreadPoolExecutor(max_workers=max(len(hosts), 1)) as pool:
        results = [pool.submit(action, host) for host in hosts]
    errors = [error for result in results if (error := result.exception()) is not None]
    if len(errors) > 1 and all(isinstance(error, LabError) for error in errors):
        raise LabError("; and ".join(map(str, errors))) from errors[0]
    if errors:
        raise errors[0]


def _delete(folder: Path) -> None:
    """Delete a lab's folder, its record last, so that an interrupted removal can be done again."""
    mounted = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
    held = [path for path in mounted if path.startswith(f"{folder}/")]
    if held:
        raise LabError(f"still mounted, so {folder} is not deleted: {', '.join(held)}")
    for part in folder.iterdir():
        if part.is_dir():
            shutil.rmtree(part)
        elif part.name != "lab.json":
            part.unlink()
    (folder / "lab.json").unlink()
    folder.rmdir()
