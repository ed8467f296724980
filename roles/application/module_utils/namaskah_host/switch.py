"""How does a host change to another release, and how does it come back? The machine of docs/adr/0001.

Every function that changes something is called under the host's switch lock.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from . import bounds, front, journal
from .contract import INSTANCES, Contract, of_known, other
from .failure import Failure
from .files import RECOVER, Damaged, fits, lay_aside, link_target, lock, point, read_record, sync_folder, write_json
from .foreign import brief
from .instances import Instance
from .release import Release, current

UNCONFIRMED = ("armed", "switched", "returning")
PHASES = (*UNCONFIRMED, "retiring")
ASKED = "asked to be final"
"""The record that a run makes on every host before it makes the switch final on any."""


@dataclass(frozen=True)
class Switch:
    """The content of `switch.json`. `deadline` and `until` count seconds of the boot clock, valid for `boot` only."""

    phase: str
    run: str
    by: str
    old: str | None
    old_instance: str | None
    new: str
    new_instance: str
    boot: str
    deadline: float
    retiring: str = ""
    until: float = 0.0
    why: str = ""
    was: str = "prepared"  # the state of the new release before: a rollback's target was good already
    asks: bool = False  # whether the version that armed it records ASKED; older ones did not


_KINDS: dict[str, tuple[type, ...]] = {
    "str": (str,), "str | None": (str, type(None)), "float": (int, float), "bool": (bool,),
}  # fmt: skip


def boot_id() -> str:
    """Return the kernel's name of this boot (random(4))."""
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


def clock() -> float:
    """Return seconds since boot, sleep included: nobody can set this clock."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def switch_file(contract: Contract) -> Path:
    """Return the path of the record of an unconfirmed switch."""
    return contract.root / "switch.json"


def read(contract: Contract) -> Switch | None:
    """Return the recorded switch, or None when `current` is final; raises Damaged when it cannot be read."""
    path = switch_file(contract)
    raw = read_record(path, {}, {}, RECOVER)
    try:
        return None if raw is None else _checked(of_known(Switch, raw))
    except TypeError as error:
        raise Damaged(path, f"it is no record of a switch: {error}", RECOVER) from None


def known(contract: Contract) -> Switch | None:
    """Return the recorded switch for those who only show it: a damaged one is none, and shown by itself (status.py)."""
    try:
        return read(contract)
    except Damaged:
        return None


def _checked(switch: Switch) -> Switch:
    """Return the switch when each of its values is of its kind, and names what there is. Raises TypeError."""
    for known in fields(Switch):
        value = getattr(switch, known.name)
        if not fits(value, _KINDS[str(known.type)]):
            raise TypeError(f"{known.name} is {brief(repr(value))}")
    instances = (switch.new_instance, *([switch.old_instance] if switch.old and switch.old_instance else []))
    if switch.phase not in PHASES or not {*instances} <= {*INSTANCES}:
        raise TypeError(f"phase is {brief(repr(switch.phase))}, instances are {brief(repr(instances))}")
    if switch.phase == "retiring" and switch.retiring not in instances:
        raise TypeError(f"retiring is {brief(repr(switch.retiring))}")
    return switch


def read_or_rebuild(contract: Contract, run: str, by: str) -> tuple[Switch | None, str]:
    """Return the recorded switch, and what to tell of a damaged record, which is laid aside; called under the lock.

    What it would have said of an unconfirmed switch stands in the journal as well, and is recorded anew: as one whose
    time is over, so that it returns unless somebody knows better.
    """
    try:
        return read(contract), ""
    except Damaged as damaged:
        told = lay_aside(damaged, {"run": run, "by": by, "host": contract.host})
    switch = _by_journal(contract)
    return (write(contract, switch) if switch else None), told


def _by_journal(contract: Contract) -> Switch | None:
    """Return the switch of what is live that neither the journal nor its release's record calls final."""
    live, records = current(contract), journal.read(contract.root / "journal.jsonl")
    last = next((one for one in reversed(records) if one["act"] in ("switched", "confirmed", "returned")), None)
    if live is None or last is None or last["act"] != "switched" or live.id not in (last.get("old"), last.get("new")):
        return None
    new, name = Release(contract, str(last.get("new"))), last.get("instance")
    if name not in INSTANCES or (live.id == new.id and live.record.get("state") == "live"):
        return None
    return Switch(
        phase="switched",
        run=last["run"],
        by=str(last.get("by", "")),
        old=last.get("old"),
        old_instance=other(name) if last.get("old") else None,
        new=new.id,
        new_instance=name,
        boot=boot_id(),
        deadline=clock(),
        was="superseded" if new.record.get("confirmed") else "prepared",
        asks=True,
    )


def write(contract: Contract, switch: Switch) -> Switch:
    """Record the switch durably and return it."""
    write_json(switch_file(contract), asdict(switch))
    return switch


def clear(contract: Contract) -> None:
    """Remove the record: `current` is final and nothing is left to stop."""
    with contextlib.suppress(FileNotFoundError):
        switch_file(contract).unlink()
        sync_folder(contract.root)


@contextlib.contextmanager
def locked(contract: Contract, wait: float | None = None) -> Iterator[None]:
    """Hold the host's switch lock; it is waited for `wait` seconds, by default as long as a switch may take."""
    with lock(contract.root / "switch.lock", bounds.waiting(contract) if wait is None else wait):
        yield


def note(contract: Contract, run: str, by: str, act: str, **facts: Any) -> None:
    """Write an act of the switch into the host's journal."""
    journal.append(contract.root / "journal.jsonl", {"run": run, "by": by, "host": contract.host, "act": act, **facts})


def was_asked(records: list[dict[str, Any]], run: str) -> bool:
    """Whether the host whose journal this is was asked by `run` to be final, since it switched last.

    Older versions asked without a record, and began to confirm with one.
    """
    for record in reversed(records):
        if record["run"] == run and record["act"] in (ASKED, "switched", "returned", "began"):
            if record["act"] == ASKED or (record["act"], record.get("phase")) == ("began", "confirm"):
                return True
            if record["act"] != "began":
                return False
    return False


def instance_of(contract: Contract, release: str | None, name: str | None) -> Instance | None:
    """Return the instance of a recorded side of the switch, or None before the first release."""
    return Instance(contract, Release(contract, release), name) if release and name else None


def sides(contract: Contract, switch: Switch) -> tuple[Instance | None, Instance]:
    """Return the old and the new instance of a switch."""
    new = Instance(contract, Release(contract, switch.new), switch.new_instance)
    return instance_of(contract, switch.old, switch.old_instance), new


def stage(contract: Contract, run: dict[str, Any], release: Release) -> tuple[Instance | None, Instance]:
    """Choose the idle instance for `release`, free it, and point it there. Nothing that serves is touched.

    A switch that is unfinished stands in the way, unless the run itself has only armed it.
    """
    unfinished = read(contract)
    own = unfinished and (unfinished.run, unfinished.new, unfinished.phase) == (run["id"], release.id, "armed")
    if unfinished and unfinished.phase in UNCONFIRMED and not own:
        raise Failure(
            "refused",
            "switch",
            contract.host,
            f"the switch to {unfinished.new} by run {unfinished.run} is neither confirmed nor returned",
            "run `namaskah-deploy recover` first",
        )
    live = current(contract)
    live_name = live.instance if live else None
    old = Instance(contract, live, live_name) if live and live_name else None
    name = other(live_name) if live_name else "blue"
    if live and not live_name:
        raise Failure(
            "refused",
            "switch",
            contract.host,
            f"{live.id} is live but was never switched to by a release",
            "`current` was changed by hand: point it back, or remove it to begin anew",
        )
    if live and live.id == release.id:
        raise Failure("refused", "switch", contract.host, f"{release.id} is live already", "nothing is to be done")
    retire_now(contract, name)
    release.take(name)
    return old, Instance(contract, release, name)


def retire_now(contract: Contract, name: str) -> None:
    """Stop whatever still runs on an instance, its grace cut short, and forget the record of its retirement."""
    target = link_target(contract.root / "instances" / name)
    release = Release(contract, Path(target).name) if target else None
    if release and release.complete:
        leftover = Instance(contract, release, name)
        leftover.stop(leftover.services())
    switch = read(contract)
    if switch and switch.phase == "retiring" and switch.retiring == name:
        clear(contract)


def arm(contract: Contract, run: dict[str, Any], old: Instance | None, new: Instance, seconds: float) -> Switch:
    """Record where from and where to before anything is switched: from here on, the watcher can return."""
    switch = Switch(
        "armed",
        run["id"],
        run["by"],
        old.release.id if old else None,
        old.name if old else None,
        new.release.id,
        new.name,
        boot_id(),
        clock() + seconds,
        was=str(new.release.record.get("state", "prepared")),
        asks=True,
    )
    return write(contract, switch)


def go(contract: Contract, switch: Switch) -> Switch:
    """Rename `current` to the new release, with the services that may not overlap changed around it."""
    old, new = sides(contract, switch)
    new.release.mark("provisional", run=switch.run)
    if old:
        old.stop(old.services(overlap=False))
    front.turn(new)
    point(contract.current, f"releases/{new.release.id}")
    switch = write(contract, replace(switch, phase="switched"))
    note(contract, switch.run, switch.by, "switched", old=switch.old, new=switch.new, instance=new.name)
    new.start(new.services(overlap=False))
    return switch


def confirm(contract: Contract, switch: Switch) -> None:
    """Make the switch final; the old instance keeps its open connections until its grace ends.

    The journal says so first: killed after that, recovery completes it here as on every other host.
    """
    old, new = sides(contract, switch)
    new.release.mark("live", confirmed=journal.now())
    if old:
        old.release.mark("superseded")
    note(contract, switch.run, switch.by, "confirmed", release=switch.new, instead_of=switch.old)
    if old:
        write(contract, replace(switch, phase="retiring", retiring=old.name, until=clock() + old.grace()))
    if not old:
        clear(contract)


def give_back(contract: Contract, switch: Switch, why: str, *, bad: bool) -> None:
    """Return to the old release, from whatever state; every step may have been done before.

    `bad` says that the new release itself failed: it is then never a target again unless forced.
    """
    old, new = sides(contract, switch)
    switch = write(contract, replace(switch, phase="returning", why=why))
    new.stop(new.services(overlap=False))
    if old:
        old.release.take(old.name)
        old.ensure(old.services(overlap=True))
        front.turn(old)
        point(contract.current, f"releases/{old.release.id}")
        old.ensure(old.services(overlap=False))
        old.release.live_again()
    else:
        with contextlib.suppress(FileNotFoundError):
            contract.current.unlink()
            sync_folder(contract.root)
    new.release.mark("bad" if bad else switch.was, why=why)
    note(contract, switch.run, switch.by, "returned", release=switch.old, instead_of=switch.new, why=why)
    write(contract, replace(switch, phase="retiring", retiring=new.name, until=clock() + new.grace()))


def busy(instance: Instance) -> int:
    """Return how much an instance that was left still serves: its connections, and nginx's workers that may ask it."""
    return instance.connections() + front.leaving(instance)


def retire(contract: Contract) -> bool:
    """Stop the retiring instance once its connections are gone or its grace is over; return whether it is done."""
    switch = read(contract)
    if switch is None or switch.phase != "retiring":
        return True
    instance = next(side for side in sides(contract, switch) if side and side.name == switch.retiring)
    over = switch.boot != boot_id() or clock() >= switch.until
    if not over and busy(instance):
        return False
    instance.stop(instance.services())
    note(contract, switch.run, switch.by, "retired", release=instance.release.id, instance=instance.name)
    clear(contract)
    return True
