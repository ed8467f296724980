"""What was changed by hand, or runs other than the records say? Each difference has the name that overrides it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from . import content, front, provisioned
from .belonging import stranger
from .commands import run
from .contract import Contract
from .failure import Failure
from .foreign import lines
from .instances import Instance
from .managers import runs_as_other_user
from .mirror import GIT, with_remote
from .observed import running_processes
from .release import Release, current

ASKING = 15  # seconds for the remote's answer about one tag

# Name of the difference -> what to do. The general name `drift` overrides all of them.
REMEDIES = {
    "drift-current": "see `namaskah-deploy releases`; release or roll back, or go on with --allow drift-current",
    "drift-process": "start what the records name, or go on with --allow drift-process",
    "drift-files": "bring the change into the repository and release it, or go on with --allow drift-files",
    "drift-units": "provision the host, which writes its files anew, or go on with --allow drift-units",
    "drift-rights": "provision the host, which writes its files anew, or go on with --allow drift-rights",
    "drift-front": "provision the host, which writes its files anew, or go on with --allow drift-front",
    "drift-tag": "find out who moved the tag; release by commit, or go on with --allow drift-tag",
}


@dataclass(frozen=True)
class Difference:
    """One difference: the name by which it is overridden, and what differs, in words."""

    name: str
    what: str

    @property
    def remedy(self) -> str:
        """What to do about it."""
        return REMEDIES[self.name]

    def __str__(self) -> str:
        """Return it as `status` shows it."""
        return f"{self.what} [{self.name}]"


def found(contract: Contract) -> list[Difference]:
    """Return everything on this host that differs from its records; nothing where all agrees."""
    pairs = [*of_release(contract), *(provisioned.differences(contract) if current(contract) else ())]
    return [Difference(name, what) for name, what in pairs]


def of_release(contract: Contract) -> Iterator[tuple[str, str]]:
    """Return what is wrong with `current`, with the files that it names and with the processes that serve it."""
    live = current(contract)
    if live is None:
        if contract.current.is_symlink() or contract.current.exists():
            yield "drift-current", "`current` exists but names no release"
        return
    if not live.complete:
        yield "drift-current", f"`current` names {live.id}, whose record is missing or cannot be read"
        return
    state = live.record["state"]
    if state not in ("live", "provisional"):
        yield "drift-current", f"`current` names {live.id}, whose record says {state}"
    yield from of_files(contract, live)
    if live.instance is None:
        yield "drift-current", f"{live.id} is on no instance"
    else:
        instance = Instance(contract, live, live.instance)
        yield from of_processes(contract, instance)
        yield from (("drift-front", line) for line in front.differences(instance))


def of_files(contract: Contract, live: Release) -> Iterator[tuple[str, str]]:
    """Return which files of the live release and of its virtualenv are not as they were prepared."""
    venv = contract.root / "venvs" / live.record["venv"]
    may_change = contract.raw.get("may_change", ())
    for folder, place in ((live.folder, live.folder / ".namaskah" / "files.json"), (venv, venv / ".files.json")):
        try:
            told = content.differences(folder, place, may_change) if folder.is_dir() else []
        except Failure as damaged:
            told = [f"nothing can be compared: {damaged}"]
        if folder == live.folder and not runs_as_other_user(contract):
            # Where one user owns and runs the code, a new file may be the application's own.
            told = [line for line in told if not line.endswith(" was added")]
        if told:
            yield "drift-files", f"in {folder}: {content.shortened(told)}"


def of_processes(contract: Contract, instance: Instance) -> Iterator[tuple[str, str]]:
    """Return the services of the live instance that do not run, or whose main process is dead or runs other code."""
    units = instance.units(instance.services())
    for service in instance.services():
        if not units[service.name].active:
            yield "drift-process", f"service {service.name}@{instance.name} does not run"
    try:
        known = _by_id(contract)
        if any(unit.pid and unit.pid not in known for unit in units.values()):
            # One may have been started again between the two questions.
            units, known = instance.units(instance.services()), _by_id(contract)
    except Failure as error:
        yield "drift-process", f"the application's processes cannot be seen: {error}"
        return
    for service in instance.services():
        unit = units[service.name]
        process = known.get(unit.pid or 0)
        if unit.pid and process is None:
            told = f"its manager lists pid {unit.pid}, which is no process of {contract.app_user} that lives"
            yield "drift-process", f"{service.name}@{instance.name}: {told}"
        why = stranger(contract, instance.release, process) if process else None
        if process and why:
            yield "drift-process", f"{service.name}@{instance.name} (pid {process['pid']}) {why}"


def _by_id(contract: Contract) -> dict[int, dict[str, Any]]:
    return {process["pid"]: process for process in running_processes(contract)}


def of_tag(contract: Contract) -> list[Difference]:
    """Return whether the live release's tag names another commit on the remote now; asks the remote."""
    live = current(contract)
    tag = live.record.get("tag") if live and live.complete else ""
    if not tag or not live:
        return []
    try:
        listing = run(
            [*GIT, "ls-remote", "--quiet", "--end-of-options", contract.repository, *references(tag)],
            what="ask the remote for the live tag",
            timeout=ASKING,
            env=with_remote(),
        )
    except Failure:
        return []  # preflight names a repository that cannot be read by a check of its own
    return moved(tag, live.record["commit"], listing)


def references(tag: str) -> list[str]:
    """Return what git is asked for: the tag, and the commit that an annotated one stands for (gitrevisions(7))."""
    return [f"refs/tags/{tag}", f"refs/tags/{tag}^{{}}"]


def moved(tag: str, commit: str, listing: str) -> list[Difference]:
    """Judge the remote's answer: of an annotated tag it says the commit as well.

    git also answers with refs that only end in the name, so each line is taken by its whole name.
    """
    said = {name: target for target, _, name in (line.partition("\t") for line in lines(listing))}
    now = next((said[name] for name in reversed(references(tag)) if name in said), "")
    if now == commit:
        return []
    says = f"names {now[:12]} on the remote now" if now else "is not on the remote any more"
    return [Difference("drift-tag", f"the tag {tag}, released as {commit[:12]}, {says}")]
