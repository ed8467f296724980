"""Can a release succeed on this host? Each check reads only, and says what is missing and how to mend it."""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from . import address_checks, bounds, drift, front, front_checks, launch, lease, switch
from .commands import run
from .contract import INSTANCES, Contract, Health
from .failure import Complaint, Failure
from .files import Damaged
from .foreign import brief
from .managers import PM2, SYSTEMCTL
from .mirror import GIT, with_remote
from .release import all_of, current, is_ours
from .sharing import misspelt

UNIX_PATH = 107  # bytes of a unix socket's path (unix(7), sun_path)
RELEASE_FLOOR = 500 * 1024 * 1024  # bytes that a release with its virtualenv is expected to need at least
INODE_FLOOR = 20_000
NAME = re.compile(r"^[a-z][a-z0-9-]{0,30}$")
SKEW = 60.0  # seconds between two clocks that certificates and leases bear


def unknown_words(contract: Contract) -> Iterator[Complaint]:
    """A misspelt word of a health check would silently do nothing, for hosts pass over what a newer version wrote."""
    known = {entry.name for entry in fields(Health)}
    places = [("namaskah_health_defaults", contract.health_defaults)]
    places += [
        (f"namaskah_services.{name}.health", entry.get("health") or {}) for name, entry in contract.services.items()
    ]
    for place, given in places:
        for word in sorted(set(given) - known):
            yield "words", f"{place} has the unknown word {word!r}", f"known are {', '.join(sorted(known))}"


def words(contract: Contract) -> Iterator[Complaint]:
    """Names become units, folders and sudo lines: only plain ones are legal."""
    for what, name in [("namaskah_app", contract.app), *(("a service", name) for name in contract.services)]:
        if not NAME.match(str(name)):
            yield "words", f"{what} is named {name!r}", "use lower-case letters, digits and hyphens, a letter first"
    if not contract.services:
        yield "words", "namaskah_services is empty", "name at least one service in the inventory"
    for service in contract.services_of(contract.services):
        if not service.command:
            yield "words", f"service {service.name} has no command", f"give namaskah_services.{service.name}.command"
        if service.listen == "port" and set(service.ports) != set(INSTANCES):
            yield "words", f"service {service.name} has no two ports", "give ports: {blue: ..., green: ...}"
        elif service.listen == "port" and service.overlap and len(set(service.ports.values())) < len(INSTANCES):
            yield "words", f"both instances of service {service.name} have one port", "give each a port of its own"
        if contract.front == "nginx" and service.listen == "socket":
            path = f"{contract.root}/current/run/{service.name}.sock"
            if len(path.encode()) > UNIX_PATH:
                yield "words", f"{path} has more than {UNIX_PATH} bytes", "choose a shorter namaskah_root"


def folders(contract: Contract) -> Iterator[Complaint]:
    """The deploy user owns the root; the application's user owns the folders of the sockets."""
    if not os.access(contract.root, os.W_OK | os.X_OK):
        yield "host", f"{contract.root} is missing or not writable for {contract.deploy_user}", "provision the host"
        return
    for instance in INSTANCES:
        if not os.access(contract.runtime_of(instance), os.X_OK):
            yield (
                "host",
                f"{contract.runtime_of(instance)} is missing or closed to {contract.deploy_user}",
                "provision the host: the health gate asks each instance on its own socket",
            )
    if is_ours(contract.static_root):
        yield (
            "words",
            f"{contract.static_root!r} is where the tool keeps files of its own",
            "correct namaskah_static_root",
        )
    for entry in contract.shared_paths:
        if misspelt(entry):
            yield (
                "words",
                f"the shared path {entry!r} is no plain path inside a release",
                "correct namaskah_shared_paths",
            )
        elif not (contract.shared / entry).exists():
            yield "host", f"the shared path {contract.shared / entry} is missing", "provision the host, or make it"


def environment_files(contract: Contract) -> Iterator[Complaint]:
    """Without its environment an application may quietly use another database."""
    for path in filter(None, (contract.env_file, contract.migrate_env_file)):
        try:
            variables = launch.read_environment(path)
        except (OSError, ValueError) as error:
            yield "host", f"the environment file cannot be read: {error}", "provision the host, or write the file"
            continue
        if not variables:
            yield "host", f"the environment file {path} is empty", "give provision_environment and provision the host"
    if contract.env_file and Path(contract.env_file).exists() and Path(contract.env_file).stat().st_mode & 0o007:
        yield "host", f"{contract.env_file} can be read by everybody", f"chmod o-rwx {contract.env_file}"


def programs(contract: Contract) -> Iterator[Complaint]:
    """What prepare and the services need."""
    for program in ("git", "tar", *(["git-lfs"] if contract.lfs == "fetch" else [])):
        if not shutil.which(program):
            yield "host", f"{program} is not installed", f"apt-get install {program}"
    try:
        run([contract.python, "-c", "import venv, ensurepip"], what="look for the venv module", timeout=20)
    except Failure:
        yield "host", f"{contract.python} cannot make virtualenvs", "apt-get install python3-venv"


def commands_needed(contract: Contract) -> Iterator[list[str]]:
    """Every privileged command of a release, word by word."""
    if contract.process_manager == "systemd":
        for service in contract.services:
            for instance in INSTANCES:
                unit = f"{contract.app}-{service}@{instance}.service"
                yield from ([SYSTEMCTL, verb, unit] for verb in ("start", "stop", "reset-failed"))
    if contract.raw["return"] == "systemd":
        yield [SYSTEMCTL, "restart", f"{contract.app}-return.service"]
    if front.on_ports(contract):
        yield from (list(front.TEST), list(front.RELOAD))


def rights(contract: Contract) -> Iterator[Complaint]:
    """Every exact sudo line that a release uses must be there: found out now, not after the switch."""
    needed = list(commands_needed(contract))
    if needed:
        allowed = _allowed("root")
        for command in needed:
            if " ".join(command) not in allowed:
                yield "host", f"no sudo line allows `{' '.join(command)}`", "provision the host, or add the exact line"
    if contract.process_manager == "pm2":
        allowed = _allowed(contract.app_user)
        if f"{PM2} jlist" not in allowed:
            yield "host", f"no sudo line allows `{PM2} jlist` as {contract.app_user}", "provision the host"


def _allowed(user: str) -> str:
    """Return what `sudo -l` says; an answer without a listing allows nothing."""
    try:
        listing = run(["/usr/bin/sudo", "-n", "-l"], what=f"ask what may be run as {user}", timeout=20)
    except Failure:
        return ""
    return re.sub(r"\s+", " ", listing).replace("\\", "")


def units(contract: Contract) -> Iterator[Complaint]:
    """The units that the sudo lines name must exist."""
    if contract.process_manager != "systemd":
        return
    names = [f"{contract.app}-{service}@blue.service" for service in contract.services]
    if contract.raw["return"] == "systemd":
        names.append(f"{contract.app}-return.service")
    output = run([SYSTEMCTL, "show", "--property=Id,LoadState", *names], what="ask systemd for the units", timeout=20)
    states = re.findall(r"(?m)^LoadState=(\S+)", output)
    if len(states) != len(names):
        why = f"systemd was to tell of {len(names)} units, and printed {brief(output)!r}"
        yield "host", why, "run `systemctl show` on the host by hand"
        return
    for name, loaded in zip(names, states, strict=True):
        if loaded != "loaded":
            yield "host", f"systemd says that {name} is {loaded}", "provision the host, or install the unit by hand"


def space(contract: Contract) -> Iterator[Complaint]:
    """Room for one more release: as large as the largest one here with its virtualenv, and a margin."""
    if not contract.root.exists():
        return
    needed = RELEASE_FLOOR
    free = shutil.disk_usage(contract.root).free
    if free < needed:
        yield (
            "space",
            f"{free // 2**20} MiB are free in {contract.root}, a release may need {needed // 2**20} MiB",
            "free space, or lower namaskah_keep_releases",
        )
    facts = os.statvfs(contract.root)
    if facts.f_files and facts.f_favail < INODE_FLOOR:
        yield "space", f"only {facts.f_favail} inodes are free in {contract.root}", "remove small files there"


def repository(contract: Contract) -> Iterator[Complaint]:
    """The host must read the repository before anything else is begun."""
    try:
        run(
            [*GIT, "ls-remote", "--quiet", "--end-of-options", contract.repository, "HEAD"],
            what="read the repository",
            timeout=30,
            env=with_remote(),
        )
    except Failure as failure:
        yield (
            "repository",
            f"the host cannot read {contract.repository}: {failure.why}",
            "check the address, the network and the host's read-only key",
        )


def clock(controller: float) -> Iterator[Complaint]:
    """Certificates and leases are judged by each machine's own clock."""
    skew = abs(time.time() - controller)
    if controller and skew > SKEW:
        yield "clock", f"the clock differs from the controller's by {skew:.0f} s", "set the clock (timedatectl)"


def state(contract: Contract, run_facts: dict[str, Any]) -> Iterator[Complaint]:
    """Nothing of an earlier run may be unfinished, and what failed before is not tried again by accident.

    A run that goes on finishes its own switch.
    """
    commit = run_facts["commit"]
    try:
        unfinished = switch.read(contract)
    except Damaged as damaged:
        yield "unfinished", f"{damaged.where}: {damaged.why}", "run `namaskah-deploy recover`, which lays it aside"
        return
    own = bool(run_facts.get("resume")) and unfinished is not None and unfinished.run == run_facts["id"]
    if unfinished and unfinished.phase in switch.UNCONFIRMED and not own:
        yield (
            "unfinished",
            f"the switch of run {unfinished.run} is {unfinished.phase}, neither final nor returned",
            "run `namaskah-deploy resume` or `abort`",
        )
    tries = [release.record for release in all_of(contract) if commit and release.record["commit"] == commit]
    if tries and tries[-1]["state"] == "bad":
        why = f"this commit failed here before, as {tries[-1]['id']}: {tries[-1].get('why', '')}"
        yield "bad-release", why, "correct it in a new commit, or force it with --allow bad-release"
    if current(contract) and not unfinished:
        for difference in [*drift.found(contract), *drift.of_tag(contract)]:
            if "drift" not in contract.allow:
                yield difference.name, difference.what, difference.remedy


def environment_marker(contract: Contract) -> Iterator[Complaint]:
    """A host that belongs to another environment must not be reached through a mixed-up inventory."""
    live = current(contract)
    told = live.record.get("environment", contract.environment) if live else contract.environment
    if told != contract.environment:
        yield (
            "environment",
            f"this host belongs to environment {told!r}, the inventory says {contract.environment!r}",
            "check the inventory: is it another environment's?",
        )


def busy(contract: Contract, run_id: str) -> bool:
    """Tell whether another run is at work here: what it has not finished yet is nobody's complaint."""
    holder = lease.holder(contract) if contract.root.exists() else None
    return holder is not None and holder["run"] != run_id


def examine(
    contract: Contract,
    run_facts: dict[str, Any],
    controller_time: float,
    shared_urls: Mapping[str, str] | None = None,
    times: Mapping[str, Any] | None = None,
) -> list[dict[str, str]]:
    """Run every check; return the complaints that no override by name allows, in the order of the checks.

    `times` are the bounds of the fleet, as bounds.py takes them.

    While another run is at work there are none: taking the lease, which comes next, is refused with its holder's name.
    """
    if busy(contract, run_facts["id"]):
        return []
    if run_facts["kind"] == "rollback":
        needs_source: list[Callable[[], Iterator[Complaint]]] = []
    else:
        needs_source = [lambda: repository(contract), lambda: state(contract, run_facts)]
    checks: list[Callable[[], Iterator[Complaint]]] = [
        lambda: words(contract),
        lambda: unknown_words(contract),
        lambda: address_checks.examine(contract),
        lambda: folders(contract),
        lambda: environment_files(contract),
        lambda: programs(contract),
        lambda: rights(contract),
        lambda: units(contract),
        lambda: front_checks.published(contract, shared_urls or {}),
        lambda: front_checks.examine(contract),
        lambda: space(contract),
        lambda: clock(controller_time),
        lambda: environment_marker(contract),
        lambda: bounds.examine(contract, times or {}),
        *needs_source,
    ]
    found = []
    for check in checks:
        for name, wrong, remedy in check():
            if name not in contract.allow:
                found.append({"check": name, "host": contract.host, "why": wrong, "next": remedy})
    return found
