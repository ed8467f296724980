"""How does a prepared release get the traffic, provisionally? And how is that made final, or undone?"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from . import assets, front, journal, pausing, watcher
from . import switch as switches
from .contract import Contract, other
from .failure import Failure
from .instances import Instance
from .release import Release, current
from .settling import endure

CONFIRMING = 5.0  # seconds that telling every host may take


def activate(
    contract: Contract, run: dict[str, Any], seconds: float, still: Callable[[], object] = lambda: None
) -> dict[str, Any]:
    """Start the run's release beside the old one, gate it, see it settle, arm the return, and rename `current`.

    `seconds` is the time within which the run must confirm. `still` raises when the run has given this host up
    meanwhile: a step that timed out at the controller goes on here. A failure before the rename leaves the old release
    serving as if nothing had happened; one after it has returned already when it is reported.
    """
    begin = time.monotonic()
    release = Release(contract, run["release"])
    if not release.complete:
        raise Failure(
            "refused",
            "activate",
            contract.host,
            f"{release.id} is not prepared on this host",
            "release again: prepare runs on every host first",
        )
    with switches.locked(contract):
        before = _before(contract, run, release, seconds)
        if before is not None:
            return {"release": release.id, "seconds": 0.0, **before}
        still()
        old, new = switches.stage(contract, run, release)
        booted = _start_beside(contract, new)
        _not_given_up(new, still)
        switch = switches.arm(contract, run, old, new, seconds)
        try:
            watcher.start(contract, switch)
            switch = switches.go(contract, switch)
            endure(new, new.services(overlap=False))
        except Failure as failure:
            switches.give_back(contract, switch, str(failure), bad=failure.kind == "unhealthy")
            raise
    return {
        "changed": True,
        "release": release.id,
        "instance": new.name,
        "from": old.release.id if old else None,
        "boot_seconds": booted,
        "seconds": round(time.monotonic() - begin, 3),
    }


def pause(
    contract: Contract, run: dict[str, Any], seconds: float, still: Callable[[], object] = lambda: None
) -> dict[str, Any]:
    """Stop the live release's services that may not overlap, ahead of a switch that `seconds` must suffice for.

    Between the swap of a database and the switch to the code that knows it, a worker would go on writing by what it
    remembers of the other one. The switch is armed first: unless the run goes on, the host starts them again by itself.
    """
    release = Release(contract, run["release"])
    with switches.locked(contract):
        still()
        switch = switches.read(contract)
        if switch and switch.run == run["id"] and switch.phase in switches.UNCONFIRMED:
            return {"changed": False, "serving": switch.old, "paused": []}
        old, new = switches.stage(contract, run, release)
        switch = switches.arm(contract, run, old, new, seconds)
        try:
            watcher.start(contract, switch)
            paused = [service.name for service in old.services(overlap=False)] if old else []
            switches.note(contract, run["id"], run["by"], "paused", release=switch.old, services=paused)
            if old:
                old.stop(old.services(overlap=False))
        except Failure as failure:
            switches.give_back(contract, switch, str(failure), bad=False)
            raise
    return {"changed": True, "serving": switch.old, "paused": paused}


def _before(contract: Contract, run: dict[str, Any], release: Release, seconds: float) -> dict[str, Any] | None:
    """Return what is there already of this switch, or None where it has to be made.

    A run that goes on finds the switch anywhere: the host may have returned by itself, or be confirmed.
    """
    switch = switches.read(contract)
    live = current(contract)
    if switch and switch.run == run["id"] and switch.new == release.id and run.get("resume"):
        if switch.phase == "switched":
            _arm_again(contract, switch, seconds)
            return {"changed": True, "from": switch.old}
        if switch.phase in switches.UNCONFIRMED:
            switches.give_back(contract, switch, "the run goes on from its beginning here", bad=False)
            return None
    if switch and switch.phase == "switched" and switch.new == release.id:
        return {"changed": False, "from": switch.old}
    if run.get("resume") and live and live.id == release.id and live.record.get("state") == "live":
        return {"changed": False, "from": None}
    return None


def _arm_again(contract: Contract, switch: switches.Switch, seconds: float) -> None:
    """Give an unconfirmed switch its whole time again, and see that everything of it runs: it may be half done."""
    switch = switches.write(contract, replace(switch, boot=switches.boot_id(), deadline=switches.clock() + seconds))
    _, new = switches.sides(contract, switch)
    try:
        watcher.start(contract, switch)
        new.ensure(new.services())
    except Failure as failure:
        switches.give_back(contract, switch, str(failure), bad=failure.kind == "unhealthy")
        raise


def _not_given_up(new: Instance, still: Callable[[], object]) -> None:
    try:
        still()
    except Failure:
        new.stop(new.services())
        raise


def _start_beside(contract: Contract, new: Instance) -> dict[str, float]:
    try:
        services = new.services(overlap=True)
        booted = {name: round(took, 3) for name, took in new.start(services).items()}
        endure(new, services)
    except Failure as failure:
        new.stop(new.services())
        if failure.kind == "unhealthy":
            new.release.mark("bad", why=failure.why)
        switches.note(contract, "", "", "refused by its gate", release=new.release.id, why=failure.why)
        raise
    return booted


def stands(contract: Contract, run: dict[str, Any]) -> dict[str, Any]:
    """Say that the run's switch can be made final here, and for how many seconds yet; raises Failure when it cannot.

    Asked of every host before any is told: one that has returned, or soon will, would otherwise split the fleet. The
    host keeps that it was asked: without that it believes no other host that says that the switch is final.
    """
    switch = switches.read(contract)
    if switch and switch.run == run["id"] and switch.phase == "switched":
        left = switch.deadline - switches.clock()
        if left > CONFIRMING:
            switches.note(contract, run["id"], run["by"], switches.ASKED, release=switch.new)
            return {"left": round(left, 1)}
        raise _too_late(contract, f"its time to be confirmed is over in {left:.0f} s")
    live = current(contract)
    if live and live.id == run["release"] and live.record.get("state") == "live":
        return {"left": None}
    raise _too_late(contract, f"it was returned before ({switch.why if switch else 'its record is gone'})")


def _too_late(contract: Contract, why: str) -> Failure:
    return Failure(
        "timeout",
        "confirm the switch",
        contract.host,
        why,
        "the run took longer than was promised: raise namaskah_confirm_timeout, or for large fleets "
        "namaskah_wave_seconds and namaskah_host_seconds",
    )


def confirm(contract: Contract, run: dict[str, Any]) -> dict[str, Any]:
    """Make the run's switch final on this host; saying it twice is no error.

    Raises Failure when the host returned before: then the run was too late here.
    """
    with switches.locked(contract):
        switch = switches.read(contract)
        live = current(contract)
        if switch and switch.run == run["id"] and switch.phase == "switched":
            switches.confirm(contract, switch)
            return {"changed": True, "release": switch.new, "instead_of": switch.old}
        if live and live.id == run["release"] and live.record.get("state") == "live":
            return {"changed": False, "release": live.id, "instead_of": None}
    raise Failure(
        "failed",
        "confirm",
        contract.host,
        f"the switch was returned before ({switch.why if switch else 'it is not recorded any more'}); "
        f"{live.id if live else 'nothing'} is live",
        "run `namaskah-deploy recover`, then release again",
    )


def recover(contract: Contract, decided: list[str], why: str, *, bad: bool, withdraw: bool = True) -> dict[str, Any]:
    """Bring this host to a final state from whatever was found; return what was done and what serves now.

    `decided` names the runs that some host of the fleet has confirmed: their switch is completed where this host was
    asked to be final, as a run asks all hosts before it tells one. Every other unconfirmed one returns.
    `withdraw` takes the files of what does not stay out of the pool; not while other hosts of the fleet may go on to
    serve their pages.
    """
    with switches.locked(contract):
        switch, laid_aside = switches.read_or_rebuild(contract, "", "recover")
        done: dict[str, Any] = {"state": "nothing", "from": None, "to": None, "why": ""}
        if switch and switch.phase == "switched" and switch.run in decided and _may_be_final(contract, switch):
            switches.confirm(contract, switch)
            done = {"state": "confirmed", "from": switch.old, "to": switch.new, "why": "other hosts had confirmed it"}
        elif switch and switch.phase in switches.UNCONFIRMED:
            switches.give_back(contract, switch, why, bad=bad)
            done = {"state": "returned", "from": switch.new, "to": switch.old, "why": why}
        elif switch is None:
            _stop_leftover(contract)
            if laid_aside:
                _run_whole(contract)
        done["paused"] = pausing.go_on(contract)
        live = current(contract)
        turned = front.turn(Instance(contract, live, live.instance)) if live and live.instance else False
        if withdraw:
            with contextlib.suppress(OSError, Failure):  # the return is done; the next run tries this again
                assets.withdraw(contract)
    ensure_watched(contract)
    changed = turned or done["state"] != "nothing" or bool(done["paused"]) or bool(laid_aside)
    return {"changed": changed, "host": contract.host, "serving": live.id if live else None, **done}


def _may_be_final(contract: Contract, switch: switches.Switch) -> bool:
    """Whether another host's word for the end of this switch can be true: a host that lies must not confirm others."""
    return not switch.asks or switches.was_asked(journal.read(contract.root / "journal.jsonl"), switch.run)


def _stop_leftover(contract: Contract) -> None:
    """Stop an instance that a killed run started and nobody switched to."""
    live = current(contract)
    switches.retire_now(contract, other(live.instance) if live and live.instance else "blue")


def _run_whole(contract: Contract) -> None:
    """See that everything of the live release runs: what was paused for a switch that nobody knows of, too."""
    live = current(contract)
    if live and live.instance:
        instance = Instance(contract, live, live.instance)
        instance.ensure(instance.services())


def ensure_watched(contract: Contract) -> None:
    """See to it that somebody stops the retiring instance after its grace."""
    switch = switches.read(contract)
    if switch and switch.phase == "retiring":
        watcher.start(contract, switch)
