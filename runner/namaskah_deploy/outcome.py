"""How did it end, in one number and one sentence? Judges what came of a run; pure."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from namaskah_deploy import drift, in_database
from namaskah_deploy.failure import Failure
from namaskah_deploy.report import Part
from namaskah_deploy.request import SWITCHING, Kind, Request


class Code(enum.IntEnum):
    """The exit codes; stable, for scripts decide by them."""

    DONE = 0
    FAILED = 1
    REFUSED = 2
    RETURNED = 3
    NOT_RETURNED = 4
    CHECKS_FAILED = 5
    UNREACHABLE = 6
    LEASE_HELD = 7
    UNFINISHED = 8
    INCOMPLETE = 9
    INTERRUPTED = 130


MEANING: Mapping[Code, str] = {
    Code.DONE: "Done.",
    Code.FAILED: "Failed before any switch: what runs is what ran before. (`provision` and reading commands: failed.)",
    Code.REFUSED: "The command was refused: a word is wrong, or a confirmation is missing. Nothing was started.",
    Code.RETURNED: "Failed after the switch had begun, and returned: every host serves the release of before.",
    Code.NOT_RETURNED: "Failed, and NOT returned on every host. Act now: the message names the hosts and the command.",
    Code.CHECKS_FAILED: "The checks of `verify` failed, `backups verify` found damage, or `status` found differences. "
    "Nothing was changed.",
    Code.UNREACHABLE: "A host, or the repository, could not be reached before anything was switched.",
    Code.LEASE_HELD: "Another run, or an operator, holds the lease of the application. Nothing was changed.",
    Code.UNFINISHED: "The release stands on every host, but tidying up after it failed.",
    Code.INCOMPLETE: "The release stands, but not on every host: the message names those left out and what mends it.",
    Code.INTERRUPTED: "Interrupted by the operator. What had been switched has returned.",
}

AFTER_SWITCH = ("activation", "confirmation", "finish")
"""The phases from which on a host may serve another release than before; others also have a part in preflight."""
_AFTER_LOCK = ("lock", "preparation", "migration", *AFTER_SWITCH)
_CHECKING = (Kind.VERIFY, Kind.BACKUPS_VERIFY)
_LEASE_PHASES = ("lock", "recovery")
_RECOVER = "namaskah_recover"
_STATUS = "namaskah_status"
_DRAIN = "namaskah_drain"
_RESTORE = "namaskah_restore"
_SWAPPING = ("swapping", "swapped", "returning")
_LONGEST_WHY = 300
_BACK = ("returned", "nothing", "confirmed")
_REPAIR = "repair what differs, or override it by the name in brackets: --allow NAME"
_UNDER_WAY = "a run is under way or was never finished: let it end, or end it as said above, and ask again"


@dataclass(frozen=True)
class Outcome:
    """The end of a command: its exit code, one sentence, and what to do next."""

    code: Code
    headline: str
    advice: tuple[str, ...] = ()


def needs_recovery(request: Request, part: Part, expected: tuple[str, ...]) -> bool:
    """Whether hosts have still to be brought to a final state by a run of their own.

    A switching run that ended badly after it asked for the lease brings back what it can reach itself; a lost host, an
    earlier wave and an interrupted run are left. Who lost the race for the lease has nothing to bring back, and what it
    took was given back by the play. `expected` are the application hosts.
    """
    if _lease_held(part) and not part.reached("preparation", "migration", *AFTER_SWITCH):
        return False
    if request.kind not in SWITCHING or part.good or _left_out(part) or not part.reached(*_AFTER_LOCK):
        return False
    return bool(_not_back(part.by_host(_RECOVER), expected) or _drained(part) or _swapped(part))


def blame(part: Part) -> tuple[str, bool]:
    """Return why a run ended badly, in one line, and whether the release itself is to blame."""
    if part.stopped:
        return "the run was interrupted", False
    if not part.failures:
        return "the run ended without an answer", False
    first = part.failures[0]
    line = " ".join(f"{first.phase}: {first.failure.what}: {first.failure.why}".split())
    shown = "".join(letter for letter in line if letter.isprintable())
    return shown[:_LONGEST_WHY], any(failed.failure.kind == "unhealthy" for failed in part.failures)


def judge(request: Request, part: Part, recovery: Part | None, expected: tuple[str, ...]) -> Outcome:
    """Return the outcome of `request`; `expected` are the application hosts, which must be in a final state."""
    if request.kind in (*SWITCHING, Kind.RECOVER) and (beside := _beside_hosts(request, part, recovery)):
        return beside
    if request.kind is Kind.RECOVER:
        return _of_recovery(request, part, expected)
    if part.good:
        return _of_good(request, part)
    if request.kind in SWITCHING and _left_out(part):
        return _incomplete(request, part)
    if request.kind in SWITCHING and part.reached(*AFTER_SWITCH):
        states = part.by_host(_RECOVER) | (recovery.by_host(_RECOVER) if recovery else {})
        return _of_return(request, part, states, expected)
    return _before_switch(request, part)


def _of_good(request: Request, part: Part) -> Outcome:
    hosts = part.by_host(_STATUS)
    if request.kind is Kind.STATUS and (found := drift.differences(hosts)):
        under_way = any(state.get("unfinished") for state in hosts.values())
        by_hand = not under_way or any(drift.by_hand(state) for state in hosts.values())
        advice = tuple(line for line, due in ((_UNDER_WAY, under_way), (_REPAIR, by_hand)) if due)
        return Outcome(Code.CHECKS_FAILED, f"status of {request.environment}: differences found: {len(found)}", advice)
    late = "; it was over before it could be stopped" if part.stopped else ""
    return Outcome(Code.DONE, f"{request.kind} of {request.environment}{late}")


def _left_out(part: Part) -> tuple[str, ...]:
    """Return the hosts without which the run made its release final, as it said itself at its end."""
    said = [result.data for result in part.results if result.action == "namaskah_weigh"]
    return tuple(said[-1].get("left_out") or ()) if said and said[-1].get("concluded") else ()


def _incomplete(request: Request, part: Part) -> Outcome:
    hosts = ", ".join(_left_out(part))
    return Outcome(
        Code.INCOMPLETE,
        f"{request.kind} of {request.environment} stands, but without {hosts}: the fleet is split until that is mended",
        _advice([failed.failure for failed in part.failures if failed.phase == "waves"]),
    )


def _before_switch(request: Request, part: Part) -> Outcome:
    unchanged = "nothing was switched" if request.kind in SWITCHING else "see the failures"
    code, headline = _cause(request, part)
    refused = all(failed.failure.kind == "refused" for failed in part.failures)
    if code is Code.FAILED and part.reached("migration") and request.kind in SWITCHING and not refused:
        unchanged += f"; {in_database.sentence(part)}"
    advice = (*_advice([failed.failure for failed in part.failures]), *in_database.advice(request.environment, part))
    return Outcome(code, f"{request.kind} of {request.environment}: {headline}; {unchanged}", advice)


def _cause(request: Request, part: Part) -> tuple[Code, str]:
    """Return why a run ended badly, the strongest reason first."""
    phases = sorted({failed.phase for failed in part.failures})
    lost = sorted({failed.failure.where for failed in part.failures if failed.failure.kind == "unreachable"})
    causes = (
        (part.stopped, Code.INTERRUPTED, "interrupted"),
        (_lease_held(part), Code.LEASE_HELD, "another run holds the lease"),
        (bool(lost), Code.UNREACHABLE, f"{', '.join(lost)} cannot be reached"),
        (request.kind in _CHECKING and bool(phases), Code.CHECKS_FAILED, "the checks failed"),
        (bool(phases), Code.FAILED, f"failed in {', '.join(phases)}"),
        (bool(part.missing), Code.FAILED, f"the playbook never reached {', '.join(part.missing)}"),
        (part.completed and not part.processed, Code.FAILED, "no host took part"),
    )
    found = next(((code, headline) for holds, code, headline in causes if holds), None)
    return found or (Code.FAILED, "ansible-playbook could not run it")


def _of_return(
    request: Request, part: Part, states: Mapping[str, Mapping[str, Any]], expected: tuple[str, ...]
) -> Outcome:
    lost = _not_back(states, expected)
    release = _released(part)
    on_new = [host for host in expected if release and states.get(host, {}).get("serving") == release]
    if lost:
        return _act_now(request, lost, states, in_database.advice(request.environment, part))
    if expected and len(on_new) == len(expected):
        reason = "interrupted" if part.stopped else "a later step failed"
        return Outcome(
            Code.UNFINISHED,
            f"{release} stands on every host, but {reason}",
            _advice([failed.failure for failed in part.failures]),
        )
    if on_new:
        return _act_now(request, on_new, states, in_database.advice(request.environment, part))
    if part.stopped:
        headline = f"{request.kind} of {request.environment}: interrupted, and returned"
        return Outcome(Code.INTERRUPTED, headline, in_database.advice(request.environment, part))
    return Outcome(
        Code.RETURNED,
        f"{request.kind} of {request.environment} failed and returned: every host serves what it served before",
        (*_advice([failed.failure for failed in part.failures]), *in_database.advice(request.environment, part)),
    )


def _of_recovery(request: Request, part: Part, expected: tuple[str, ...]) -> Outcome:
    if _lease_held(part):
        advice = _advice([failed.failure for failed in part.failures])
        return Outcome(Code.LEASE_HELD, "another run holds the lease; nothing was changed", advice)
    states = part.by_host(_RECOVER)
    lost = _not_back(states, expected)
    if lost or not expected:
        return _act_now(request, lost, states)
    if part.stopped:
        return Outcome(Code.INTERRUPTED, f"recovery of {request.environment}: interrupted")
    if not part.good:
        return Outcome(Code.FAILED, "every host is in a final state, but a later step failed")
    moved = [host for host in expected if states[host].get("state") != "nothing"]
    said = f"brought to a final state: {', '.join(moved)}" if moved else "there was nothing to recover"
    return Outcome(Code.DONE, f"recovery of {request.environment}: {said}")


def _lease_held(part: Part) -> bool:
    """Only the module that takes the lease refuses in its phases; preflight names the check that it fails by."""
    refused = any(failed.phase in _LEASE_PHASES and failed.failure.kind == "refused" for failed in part.failures)
    complaints = [complaint for result in part.results for complaint in result.data.get("complaints") or ()]
    return refused or any(complaint.get("check") == "lease" for complaint in complaints)


def _not_back(states: Mapping[str, Mapping[str, Any]], expected: tuple[str, ...]) -> list[str]:
    return [host for host in expected if states.get(host, {}).get("state") not in _BACK]


def _drained(*parts: Part | None) -> list[str]:
    """Return the hosts that were told last to be out of their balancer."""
    states: dict[str, Mapping[str, Any]] = {}
    for part in parts:
        states |= part.by_host(_DRAIN) if part else {}
    return sorted(host for host, state in states.items() if state.get("drained"))


def _beside_hosts(request: Request, *parts: Part | None) -> Outcome | None:
    """Return what is open beside the releases of hosts: a balancer that lacks one, a database that has to return."""
    if drained := _drained(*parts):
        return _still_drained(request, drained)
    swapped = _swapped(*parts)
    return _still_swapped(request, swapped) if swapped else None


def _still_drained(request: Request, hosts: list[str]) -> Outcome:
    return Outcome(
        Code.NOT_RETURNED,
        f"{request.environment}: {', '.join(hosts)} still out of the balancer: act now",
        (f"as soon as the balancer can be told: namaskah-deploy recover {request.environment} --yes",),
    )


def _swapped(*parts: Part | None) -> list[str]:
    """Return the hosts that told last of a database that was swapped in and neither confirmed nor swapped back."""
    states: dict[str, Mapping[str, Any]] = {}
    for part in parts:
        states |= part.by_host(_RESTORE) if part else {}
    return sorted(host for host, told in states.items() if (told.get("phase") or told.get("unfinished")) in _SWAPPING)


def _still_swapped(request: Request, hosts: list[str]) -> Outcome:
    return Outcome(
        Code.NOT_RETURNED,
        f"{request.environment}: the database on {', '.join(hosts)} is neither confirmed nor swapped back: act now",
        (f"as soon as its server can be reached: namaskah-deploy recover {request.environment} --yes",),
    )


def _act_now(
    request: Request, hosts: list[str], states: Mapping[str, Mapping[str, Any]], further: tuple[str, ...] = ()
) -> Outcome:
    serving = [f"{host} (serves {states.get(host, {}).get('serving') or 'an unknown release'})" for host in hosts]
    return Outcome(
        Code.NOT_RETURNED,
        f"{request.environment} is NOT in a final state on {', '.join(serving) or 'any host'}: act now",
        (
            f"as soon as the hosts can be reached: namaskah-deploy recover {request.environment} --yes",
            "a host that runs returns by itself when its time to be confirmed is over",
            *further,
        ),
    )


def _released(part: Part) -> str:
    """Return the id of the release that the run was about, as the activation or the resolution told it."""
    for result in part.results:
        if result.action in ("namaskah_activate", "namaskah_confirm", "namaskah_resolve") and result.data.get(
            "release"
        ):
            return str(result.data["release"])
    return ""


def _advice(failures: list[Failure]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(failure.next_step for failure in failures if failure.next_step))
