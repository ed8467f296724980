"""What does the host do by itself? Watch an unconfirmed switch; start the right release at boot.

Written to <root>/host/namaskah_host.pyz by prepare and started by the units of the host contract:
`watch` guards a switch until it is confirmed or returned and the other instance has stopped; `boot` runs once at boot.
`run` is for people: it runs a command of a release as a run does, with the environment of migrations.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from . import front, launch
from . import switch as switches
from .contract import INSTANCES, Contract
from .failure import Failure
from .files import point, read_json, sync_folder, write_json
from .instances import Instance
from .release import NAME, Release, current, on_instance

PAUSE = 0.2  # seconds between two looks at the switch
RETRY = 5.0  # seconds before a failed return is tried again
CONTRACT_COPY = "contract.copy.json"
WAIT = 10.0  # seconds for the switch lock, after which the log says who has it


def say(text: str) -> None:
    """Tell the host's log; there is no terminal. A log on a full disk must not end what tells it."""
    with contextlib.suppress(OSError):
        sys.stderr.write(f"namaskah_host: {text}\n")
        sys.stderr.flush()


def load(root: Path) -> Contract:
    """Return the contract as the last run agreed it on this host; its copy where it cannot be read. Raises Failure."""
    place, copy = (root / "host" / name for name in ("contract.json", CONTRACT_COPY))
    try:
        return _contract(place)
    except Failure as failure:
        contract = _contract(copy, failure)
        say(f"{failure}; going on with {copy}\n  next: release again, or copy it there")
        return contract


def _contract(path: Path, before: Failure | None = None) -> Contract:
    """Read a contract; raises `before`, or the failure of its own."""
    try:
        raw = read_json(path)
    except (Failure, OSError) as error:
        raise before or _unreadable(path, error) from None
    if not isinstance(raw, dict):
        raise before or _unreadable(path, "it is missing" if raw is None else "it is no contract")
    return Contract(raw)


def _unreadable(path: Path, why: object) -> Failure:
    return Failure("failed", "read the contract", str(path), str(why), "release again, or provision the host")


def watch(contract: Contract) -> None:
    """Acknowledge the armed switch, return it at its deadline, retire what is left, and end.

    Whatever goes wrong is said and tried again: giving up would leave the host in between for ever.
    """
    quiet = 0
    acknowledged: tuple[str, float] | None = None
    while True:
        try:
            switch = switches.read(contract)
            if switch is None:
                return
            if acknowledged != (switch.run, switch.deadline) and acknowledge(contract, switch):
                acknowledged = switch.run, switch.deadline
            if switch.phase in switches.UNCONFIRMED and switches.clock() >= switch.deadline:
                return_late(contract)
            if switch.phase == "retiring":
                quiet = retire(contract, quiet)
        except Exception as trouble:  # noqa: BLE001 - whatever it is, nobody else would return the switch
            say(f"{told(trouble)}; trying again")
            time.sleep(RETRY)
        time.sleep(PAUSE)


def told(trouble: BaseException) -> str:
    """Return what went wrong in words; only a Failure brings its own."""
    return str(trouble) if isinstance(trouble, Failure) else f"{type(trouble).__name__}: {trouble}"


def acknowledge(contract: Contract, switch: switches.Switch) -> bool:
    """Write down that this switch is watched; return whether that could be done, for the return needs no such word."""
    seen = {"run": switch.run, "deadline": switch.deadline, "boot": switch.boot, "pid": os.getpid()}
    try:
        write_json(contract.root / "watch.json", seen)
    except OSError as error:
        say(f"the watcher cannot acknowledge the switch: {error}")
        return False
    return True


def return_late(contract: Contract) -> None:
    """Return a switch whose deadline has passed, unless it was confirmed meanwhile or has got a later one."""
    with switches.locked(contract, WAIT):
        switch = switches.read(contract)
        if switch and switch.phase in switches.UNCONFIRMED and switches.clock() >= switch.deadline:
            why = "not confirmed within its time"
            switches.give_back(contract, switch, why, bad=False)


def retire(contract: Contract, quiet: int) -> int:
    """Retire the instance after two quiet looks in a row; return the count of quiet looks."""
    switch = switches.read(contract)
    if switch is None or switch.phase != "retiring":
        return 0
    busy = next(
        (switches.busy(side) for side in switches.sides(contract, switch) if side and side.name == switch.retiring), 0
    )
    if busy and switches.clock() < switch.until:
        return 0
    if quiet:
        with switches.locked(contract, WAIT):
            switches.retire(contract)
    return quiet + 1


def boot(contract: Contract) -> None:
    """Return an unconfirmed switch, then start the instance that `current` names, and only that.

    A record that cannot be read is said, and costs what it would have told: the application starts all the same.
    """
    with switches.locked(contract):
        with _in_spite("bring the switch to an end"):
            _end_switch(contract)
        _start(contract)


def _end_switch(contract: Contract) -> None:
    """Return an unconfirmed switch, and forget its record; one that is damaged is laid aside."""
    switch, laid_aside = switches.read_or_rebuild(contract, "boot", "boot")
    if laid_aside:
        say(laid_aside)
    if switch and watched(contract, switch):
        return
    if switch and switch.phase in switches.UNCONFIRMED:
        _return_at_boot(contract, switch)
    switches.clear(contract)


def watched(contract: Contract, switch: switches.Switch) -> bool:
    """Whether a watcher of this very switch lives: then a release is under way, and this is a late try of the boot."""
    try:
        seen = read_json(contract.root / "watch.json") or {}
        words = Path(f"/proc/{seen['pid']}/cmdline").read_bytes().split(b"\0")
    except (Failure, OSError, LookupError, TypeError, ValueError):
        return False
    return (seen.get("run"), seen.get("boot")) == (switch.run, switches.boot_id()) and {
        b"watch",
        str(contract.root).encode(),
    } <= set(words)


def _return_at_boot(contract: Contract, switch: switches.Switch) -> None:
    """Let `current` name the old release again; the records come after it, for none of them may stop it."""
    old, new = switches.sides(contract, switch)
    if old:
        old.release.take(old.name)
        point(contract.current, f"releases/{old.release.id}")
    else:
        contract.current.unlink(missing_ok=True)
        sync_folder(contract.root)
    with _in_spite("write down the return"):
        if old:
            old.release.live_again()
        new.release.mark(switch.was, why="the host was rebooted before the switch was confirmed")
    with _in_spite("write down the return"):
        why = "reboot before the confirmation"
        facts = {"release": switch.old, "instead_of": switch.new, "why": why}
        switches.note(contract, switch.run, switch.by, "returned", **facts)


def _start(contract: Contract) -> None:
    """Start what `current` names. Raises Failure when that cannot be done."""
    live = current(contract)
    if live is None:
        return
    name = live.instance or next((name for name in INSTANCES if on_instance(contract, name) == live), None)
    if name is None:
        why = f"`current` names {live.id}, which is on no instance"
        raise Failure("failed", "start at boot", contract.host, why, "roll back or release again")
    if live.instance is None:
        live.take(name)  # nginx and the services' sockets are reached through its link
    instance = Instance(contract, live, name)
    try:
        instance.ensure(instance.services())
    finally:  # whatever is ill: nginx must not ask an instance that does not run
        front.turn(instance)
    with _in_spite("write down the boot"):
        switches.note(contract, "boot", "boot", "booted", release=live.id, instance=name)


@contextlib.contextmanager
def _in_spite(what: str) -> Iterator[None]:
    """Go on whatever goes wrong inside, and say it."""
    try:
        yield
    except Exception as trouble:  # noqa: BLE001 - a boot goes on
        say(f"could not {what}: {told(trouble)}; going on")


def detach(log: Path) -> None:
    """Go on as a process of its own, which nobody waits for and no terminal ends; the caller's process exits."""
    if os.fork():
        os._exit(0)
    os.setsid()
    os.chdir("/")
    with log.open("ab") as stream:
        for descriptor in (1, 2):
            os.dup2(stream.fileno(), descriptor)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)


def carry_out(contract: Contract, name: str, words: list[str]) -> None:
    """Become a command of a release, in its folder and with the environment files of migrations."""
    release = Release(contract, name)
    if not NAME.match(name) or not release.complete or not words:
        next_step = "see `namaskah-deploy releases`; the command follows --"
        raise Failure(
            "refused", "run a command", contract.host, f"there is no release {name!r}, or no command", next_step
        )
    variables: dict[str, str] = {}
    for path in filter(None, (contract.env_file, contract.migrate_env_file)):
        variables |= launch.read_environment(path)
    venv = str(contract.root / "venvs" / release.record["venv"])
    os.chdir(release.folder)
    os.execvpe(words[0], words, launch.environment(variables, venv))  # noqa: S606 - there is no shell on purpose


def _divided(words: list[str]) -> tuple[list[str], list[str]]:
    """Return the words before `--`, which are ours, and those after it, which are another command's."""
    end = words.index("--") if "--" in words else len(words)
    return words[:end], words[end + 1 :]


def main() -> int:
    """Run the verb of the command line."""
    parser = argparse.ArgumentParser(prog="namaskah_host", description="The host's own part in a release.")
    parser.add_argument("verb", choices=("watch", "boot", "run"))
    parser.add_argument("--root", type=Path, required=True, help="the application's root folder")
    parser.add_argument("--detach", action="store_true", help="go on in the background, where no manager does that")
    parser.add_argument("--release", default="", help="with run: whose command it is that follows --")
    own, words = _divided(sys.argv[1:])
    arguments = parser.parse_args(own)
    if arguments.detach:
        detach(arguments.root / "host" / "watch.log")
    try:
        contract = load(arguments.root)
        if arguments.verb == "run":
            carry_out(contract, arguments.release, words)
        watch(contract) if arguments.verb == "watch" else boot(contract)
    except Failure as failure:
        say(f"{failure}\n  next: {failure.next_step}")
        return 1
    except Exception as trouble:  # noqa: BLE001 - a log has no use for a traceback
        say(f"{arguments.verb} of {arguments.root}: {told(trouble)}\n  next: mend that, or release again")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
