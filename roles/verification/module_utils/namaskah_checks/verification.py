"""How is a release verified as a whole? In which order, with which result, and what is told when it is bad."""

from __future__ import annotations

from functools import partial
from typing import Any

from ansible.module_utils.namaskah_host.failure import Failure
from ansible.module_utils.namaskah_host.release import current

from .host import Wanted, address_checks, chosen_static, public_sample, read_wanted
from .outcome import Check, CheckFailed, Patience, fail, run_checks, summarise
from .running import process_checks
from .settle import settle_check
from .static import StaticFiles


def verify_host(wanted: Wanted, parameters: dict[str, Any]) -> dict[str, Any]:
    """Verify processes, then the front, and watch them for a while only where all that is good."""
    live = current(wanted.contract)
    release = live.id if live else ""
    names = parameters["static_names"]
    checks = process_checks(wanted.contract, parameters["release"])
    static: StaticFiles | None = None
    try:
        static = chosen_static(wanted.contract, parameters["static_files"], names)
    except CheckFailed as failure:
        checks.append(Check("list of static files", partial(fail, failure), retry=False))
    checks += address_checks(wanted, static, release)
    outcomes = run_checks(checks, Patience(wanted.patience))
    if all(outcome.ok for outcome in outcomes):
        outcomes += run_checks([settle_check(wanted.contract, parameters["settle"], wanted.patience)], Patience(0))
    return {**summarise(outcomes), "release": release, "static_sample": public_sample(static, names, release)}


def verify_public(wanted: Wanted, parameters: dict[str, Any]) -> dict[str, Any]:
    """Ask the public address."""
    sample = parameters["static_sample"]
    checks = address_checks(wanted, StaticFiles(**sample) if sample else None, parameters["release"])
    return {**summarise(run_checks(checks, Patience(wanted.patience))), "release": parameters["release"]}


def failure_of(result: dict[str, Any], host: str) -> Failure | None:
    """Return what an operator is told of a bad result, None for a good one."""
    if not result["checks"]:
        why = "no check was made, and no check proves nothing"
        return Failure("refused", "verify", host, why, "set verification_front_url or verification_public_url")
    bad = [check for check in result["checks"] if not check["ok"]]
    if not bad:
        return None
    others = [f"also {check['name']}: {check['detail']}" for check in bad[1:]]
    return Failure(
        "unhealthy",
        f"verify: {bad[0]['name']}",
        host,
        "\n".join([bad[0]["detail"], *others]),
        f"mend what the check names, then `ansible-playbook playbooks/verify.yml --limit {host}`",
    )


def verify(parameters: dict[str, Any]) -> tuple[dict[str, Any], Failure | None]:
    """Return the result and, where it is bad, the failure. Raises Failure for words that cannot be understood."""
    host = parameters["url"] if parameters["where"] == "public" else parameters["contract"].get("host", "")
    try:
        wanted = read_wanted(parameters)
    except CheckFailed as error:
        raise Failure(
            "refused", "read the checks of this environment", host, str(error), "mend the inventory"
        ) from None
    if parameters["where"] == "words":
        return {"questions": len(wanted.http) + len(wanted.websockets)}, None
    carry_out = verify_host if parameters["where"] == "host" else verify_public
    result = carry_out(wanted, parameters)
    return result, failure_of(result, host)
