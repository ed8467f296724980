"""What does the host do by itself? Watch an unconfirmed switch; start the right release at boot.

Written to <root>/host/namaskah_host.pyz by prepare and started by the units of the host contract:
`watch` guards a switch until it is confirmed or returned and the other instance has stopped; `boot` runs once at boot.
`run` is for people: it runs a command of a release as a run does, with the environment of migrations.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

from . import front, launch
from . import switch as switches
from .contract import Contract
from .failure import Failure
from .files import point, read_json, sync_folder, write_json
from .instances import Instance
from .release import NAME, Release, current

PAUSE = 0.2  # seconds between two looks at the switch
RETRY = 5.0  # seconds before a failed return is tried again
WAIT = 10.0  # seconds for the switch lock, after which the log says who has it


def say(text: str) -> None:
    """Tell the host's log; there is no terminal."""
    sys.stderr.write(f"namaskah_host: {text}\n")
    sys.stderr.flush()


def load(root: Path) -> Contract:
    """Return the contract as the last run agreed it on this host."""
    return Contract(read_json(root / "host" / "contract.json"))


def watch(contract: Contract) -> None:
    """Acknowledge the armed switch, return it at its deadline, retire what is left, and end."""
    quiet = 0
    acknowledged = 0.0
    while True:
        switch = switches.read(contract)
        if switch is None:
            return
        if acknowledged != switch.deadline:
            acknowledged = switch.deadline
            write_json(
                contract.root / "watch.json",
                {"run": switch.run, "deadline": switch.deadline, "boot": switch.boot, "pid": os.getpid()},
            )
        try:
            if switch.phase in switches.UNCONFIRMED and switches.clock() >= switch.deadline:
                return_late(contract)
            if switch.phase == "retiring":
                quiet = retire(contract, quiet)
        except Failure as failure:
            # Giving up would leave the host in between for ever: say why, and try again.
            say(f"{failure}; trying again")
            time.sleep(RETRY)
        time.sleep(PAUSE)


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
    """Return an unconfirmed switch, then start the instance that `current` names, and only that."""
    with switches.locked(contract):
        switch = switches.read(contract)
        if switch and switch.phase in switches.UNCONFIRMED:
            old, new = switches.sides(contract, switch)
            if old:
                old.release.take(old.name)
                point(contract.current, f"releases/{old.release.id}")
                old.release.live_again()
            else:
                contract.current.unlink(missing_ok=True)
                sync_folder(contract.root)
            new.release.mark(switch.was, why="the host was rebooted before the switch was confirmed")
            switches.note(
                contract,
                switch.run,
                switch.by,
                "returned",
                release=switch.old,
                instead_of=switch.new,
                why="reboot before the confirmation",
            )
        switches.clear(contract)
        live = current(contract)
        if live and live.instance:
            instance = Instance(contract, live, live.instance)
            try:
                instance.ensure(instance.services())
            finally:  # whatever is ill: nginx must not ask an instance that does not run
                front.turn(instance)
            switches.note(contract, "boot", "boot", "booted", release=live.id, instance=live.instance)


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
    return 0


if __name__ == "__main__":
    sys.exit(main())
