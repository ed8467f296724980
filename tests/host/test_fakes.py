"""Do the fake modules of the command line's small world answer as the real ones do?

The real ones act on a host that is a folder. What a fake says has to be something that the real one says, of the same
type; and of what the runner reads there, a fake has to say all that the real one says.
"""

from __future__ import annotations

import io
import json
import os
import runpy
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import redirect_stdout, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.namaskah_host import activation, lease, switch
from ansible.module_utils.namaskah_host.failure import Failure
from ansible.module_utils.testing import patch_module_args
from rich.console import Console

from namaskah_deploy import events, failure, outcome, preview, report, resume, shape, summary, tables
from namaskah_deploy.errors import Refused
from namaskah_deploy.events import HostResult
from namaskah_deploy.report import Failed, Result
from namaskah_deploy.request import Kind, Request
from tests.support.command_line.small import CONTENT, world
from tests.support.command_line.streams import part
from tests.support.folder_host import FolderHost
from tests.support.project import ROOT
from tests.support.reports import made
from tests.support.waiting import until

FAKES = {path.stem: path for path in sorted((CONTENT / "playbooks" / "roles").glob("*/library/*.py"))}
PHASES = {name: path.parents[1].name for name, path in FAKES.items()}
Answer = dict[str, Any]
Answers = dict[str, list[Answer]]
ASKED: list[tuple[str, dict[str, Any]]] = [
    ("namaskah_status", {}),
    ("namaskah_status", {"releases": True}),
    ("namaskah_activate", {"release": "new", "unhealthy": True}),
    ("namaskah_activate", {"release": "new"}),
    ("namaskah_confirm", {}),
    ("namaskah_activate", {"release": "newer"}),
    ("namaskah_recover", {"host": "web1", "stuck": True}),
    ("namaskah_recover", {"host": "web1"}),
    ("namaskah_recover", {"host": "web1"}),
]
"""Every way in which a fake can answer, one after the other."""
BESIDE = ("invocation", "exception", "warnings", "deprecations")  # what Ansible adds to an answer
NOT_SAID = {
    "result.complaints",  # looked for in the answer of every module: one of preflight has them
    "result.notes",  # of a return that failed: what is damaged is in the failure's words
    "result.serving",  # of a return that failed nobody knows it, and the operator is told so
    "result.live.release",  # a record of a release names it by its id
    "result.releases[].release",
}
"""What the runner looks for in an answer, and these modules do not say."""


def answer(module: Path, arguments: Mapping[str, Any]) -> Answer:
    """Return what a module says to Ansible."""
    said = io.StringIO()
    mask = os.umask(0o022)
    try:
        with patch_module_args(arguments), redirect_stdout(said), pytest.raises(SystemExit):
            runpy.run_path(str(module), run_name="__main__")
    finally:
        os.umask(mask)
    return {name: value for name, value in json.loads(said.getvalue()).items() if name not in BESIDE}


def real(host: FolderHost, module: str, run: Mapping[str, Any], **further: Any) -> Answer:
    (path,) = ROOT.glob(f"roles/*/library/{module}.py")
    return answer(path, {"contract": host.contract.raw, "run": run, **further})


def holding(host: FolderHost, run: dict[str, Any]) -> dict[str, Any]:
    """Return a run with the lease of the host."""
    return {**run, "fence": lease.acquire(host.contract, run)["fence"]}


def final(host: FolderHost, run: dict[str, Any]) -> None:
    """Give back the run's lease, and wait until its switch is over."""
    lease.release(host.contract, run["id"])
    until(lambda: switch.read(host.contract) is None, "the end of the switch")


@pytest.fixture(scope="module")
def real_answers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Answers]:
    """What the real modules say of a host in every state that a fake knows."""
    with tempfile.TemporaryDirectory(prefix="ns-", dir="/tmp") as runtime:
        host = FolderHost(tmp_path_factory.mktemp("real"), Path(runtime))
        try:
            yield _told(host)
        finally:
            host.end()


def _told(host: FolderHost) -> Answers:
    said: Answers = defaultdict(list)

    def ask(module: str, run: dict[str, Any], **further: Any) -> None:
        said[module].append(real(host, module, run, **further))

    ask("namaskah_status", {}, releases=True)
    for _ in range(2):  # the second takes the place of a release
        run = holding(host, host.prepared())
        ask("namaskah_activate", run, seconds=60)
        ask("namaskah_status", {}, releases=True)
        ask("namaskah_confirm", run)
        final(host, run)
    run = holding(host, host.prepared())
    ask("namaskah_activate", run, seconds=60)
    ask("namaskah_recover", run, why="a later step failed")
    final(host, run)
    ask("namaskah_recover", {"id": "", "by": "tests"}, why="by hand")
    run = holding(host, host.prepared("dies at start"))
    ask("namaskah_activate", run, seconds=60)

    def stuck(*_: Any, **__: Any) -> None:
        raise Failure("failed", "return", "here", "the old instance does not start", "read its log")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(activation, "recover", stuck)
        ask("namaskah_recover", run, why="a later step failed")
    ask("namaskah_status", {}, releases=True)
    return said


@pytest.fixture
def fake_answers(tmp_path: Path) -> Answers:
    """What the fakes say, in every way in which they can answer."""
    place = world(tmp_path)

    def ask(module: str, **arguments: Any) -> Answer:
        return answer(FAKES[module], {"folder": str(place.root / "hosts" / "web1"), **arguments})

    said: Answers = defaultdict(list)
    for module, arguments in ASKED:
        said[module].append(ask(module, **arguments))
    return said


def shapes(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Give the place of every value in an answer, and its type; a number is a number."""
    if isinstance(value, Mapping):
        yield path, "mapping"
        for name, one in value.items():
            yield from shapes(one, f"{path}.{name}".lstrip("."))
    elif isinstance(value, list):
        yield path, "list"
        for one in value:
            yield from shapes(one, f"{path}[]")
    else:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        yield path, "number" if number else type(value).__name__


def places(answers: list[Answer]) -> dict[str, set[str]]:
    """Return which types stand at which place of several answers."""
    found: dict[str, set[str]] = defaultdict(set)
    for one in answers:
        for place, kind in shapes(one):
            found[place].add(kind)
    return found


class Read(Mapping[str, Any]):
    """An answer that notes what is read of it."""

    def __init__(self, of: Mapping[str, Any], noted: set[str], path: str = "") -> None:
        self._of, self._noted, self._path = of, noted, path

    def __getitem__(self, name: str) -> Any:
        path = f"{self._path}.{name}".lstrip(".")
        self._noted.add(path)
        return self._wrapped(self._of[name], path)

    def _wrapped(self, value: Any, path: str) -> Any:
        if isinstance(value, Mapping):
            return Read(value, self._noted, path)
        return [self._wrapped(one, f"{path}[]") for one in value] if isinstance(value, list) else value

    def __iter__(self) -> Iterator[str]:
        return iter(self._of)

    def __len__(self) -> int:
        return len(self._of)


def read_by_the_runner(module: str, told: Answer) -> set[str]:
    """Let the runner do with an answer all that it does with it, and return what it has read."""
    noted: set[str] = set()
    bad = bool(told.get("failed"))
    data = {"role": PHASES[module], "task": "task", "task_action": module, "host": "web1", "res": Read(told, noted)}
    with pytest.MonkeyPatch.context() as patch:
        # The door looks at everything, whoever reads it later.
        patch.setattr(events, "inert", lambda value: value)
        patch.setattr(shape, "of_result", lambda _action, told: told)
        event = events.parse({"event": "runner_on_failed" if bad else "runner_on_ok", "event_data": data})
    assert isinstance(event, HostResult)
    results = (Result("web1", event.phase, module, event.result or {}),)
    failures = (Failed("web1", event.phase, "task", event.failure),) if event.failure else ()
    of = replace(part("failed"), results=results, failures=failures or part("failed").failures)
    report.facts(of)
    for kind in (Kind.DEPLOY, Kind.RECOVER, Kind.STATUS):
        request = Request(kind=kind, environment="production")
        for one in (of, replace(part("ok"), results=results)):
            outcome.judge(request, one, one, ("web1",))
            outcome.needs_recovery(request, one, ("web1",))
            list(summary.lines(made(one, one, exit_code=outcome.Code.FAILED), None))
    if module == "namaskah_status":
        _read_status({"web1": event.result or {}})
    return noted


def _read_status(hosts: Mapping[str, Mapping[str, Any]]) -> None:
    console = Console(file=io.StringIO())
    for kind in (Kind.STATUS, Kind.RELEASES):
        tables.show(kind, hosts, console)
    tables.lease(hosts, console)
    for tag in ("", "v1"):
        list(preview.lines(hosts, tag))
        preview.target_commit(hosts, tag)
    list(resume.lines("production", hosts))
    with suppress(Refused):  # not every run can go on
        resume.request("production", hosts, "", "ada")


@pytest.mark.parametrize("module", FAKES)
def test_a_fake_says_nothing_that_the_real_module_does_not_say(
    real_answers: Answers, fake_answers: Answers, module: str
) -> None:
    for bad in (False, True):
        theirs, ours = (
            places([one for one in told[module] if bool(one.get("failed")) is bad])
            for told in (real_answers, fake_answers)
        )
        assert {place: kinds for place, kinds in ours.items() if not kinds <= theirs.get(place, set())} == {}


@pytest.mark.parametrize("bad", [False, True], ids=["good", "failed"])
@pytest.mark.parametrize("module", FAKES)
def test_a_fake_says_all_that_the_runner_reads(
    real_answers: Answers, fake_answers: Answers, module: str, bad: bool
) -> None:
    """But for what would stand in something of which it says that there is none."""
    theirs, ours = (
        [one for one in told[module] if bool(one.get("failed")) is bad] for told in (real_answers, fake_answers)
    )
    read = {place for one in theirs for place in read_by_the_runner(module, one)}
    said, told = places(theirs), places(ours)
    assert {place for place in read - set(said) if place.startswith("result.")} <= NOT_SAID
    empty = {place for place, kinds in told.items() if kinds == {"NoneType"}}
    missing = {place for place in read & set(said) - set(told) if not any(place.startswith(f"{one}.") for one in empty)}
    assert not ours or missing == set()


def test_the_failure_of_a_fake_is_one_in_the_words_of_ours(fake_answers: Answers) -> None:
    told = [one for answers in fake_answers.values() for one in answers if one.get("failed")]
    assert len(told) == 2
    for one in told:
        found = failure.read(one, host="", task="", unreachable=False)
        assert all((found.kind, found.what, found.where, found.why, found.next_step))
