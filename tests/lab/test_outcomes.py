"""Does every tag of both samples end as it should, with the old release serving all the time, on systemd and on pm2?

Both samples live on the same two hosts and are told apart by their inventories alone. By default two broken tags of one
sample are released under pm2; the soak has all of them, under both (tests/grouping.py).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.support.faults.plugin import FaultLog
from tests.support.lab.application import Application
from tests.support.lab.interrupted import wait_until
from tests.support.lab.kept import Fleet, KeptApplication, begun
from tests.support.lab.outcomes import (
    End,
    answers,
    by_command,
    by_playbook,
    comes_to_rest,
    host_of,
    light_load,
    log_of,
    records,
    reverse_by_hand,
    running,
)
from tests.support.project import ROOT

pytestmark = pytest.mark.lab

EXPECTED: dict[str, dict[str, dict[str, Any]]] = {
    sample: json.loads((ROOT / "examples" / sample / "history" / "expected.json").read_text())
    for sample in ("dashboard", "ledger")
}
PORTS = {"dashboard": 80, "ledger": 8080}
# How services behave in a test: connections are drained for two seconds.
QUICK = {
    "listen": "none",
    "ports": {},
    "overlap": False,
    "health": {},
    "boot_timeout": 60,
    "stop_timeout": 30,
    "drain": 2,
}
# What dies late is found by the default; two seconds find everything else.
PATIENT: dict[str, dict[str, Any]] = {tag: {"namaskah_settle": 6} for tag in ("broken-after-5s", "broken-worker")}
# Broken ones that the command line releases; plain ansible-playbook releases the others.
COMMANDED = {"broken-requirement", "broken-lifespan"}
STATUS = {"returned": 3, "refused": 1}  # exit codes of the command line (docs/reference/cli.md)
# What is wrong with each, in the record of injected faults.
KINDS = {
    "broken-start": "release: does not start",
    "broken-after-5s": "release: dies soon",
    "broken-health-500": "release: unhealthy",
    "broken-lifespan": "release: start refused by itself",
    "broken-migration": "release: migration fails",
    "broken-collectstatic": "release: static files fail",
    "broken-build": "release: build breaks",
    "broken-requirement": "release: requirement missing",
    "broken-websocket": "release: websocket refused",
    "broken-worker": "release: worker fails",
}
BROKEN = [(sample, tag) for sample, tags in EXPECTED.items() for tag in tags if tags[tag]["outcome"] in STATUS]


Samples = Mapping[str, Application]


@pytest.fixture(scope="module", params=["systemd", "pm2"])
def samples(request: pytest.FixtureRequest, lab_machine: None) -> Iterator[Samples]:  # noqa: ARG001
    """Both samples on one application host and one database host, under one process manager, each with v1.0.0 live."""
    manager = request.param
    variables = {
        sample: {
            "namaskah_process_manager": manager,
            "namaskah_service_defaults": QUICK,
            "namaskah_settle": 2,
            "provision_http_port": port,
        }
        for sample, port in PORTS.items()
    }
    fleet = Fleet(f"outcomes-{manager}", variables, app=1, pm2=manager == "pm2")
    with begun(fleet, KeptApplication) as applications:
        yield applications


def at_rest_with(application: Application, release: str) -> None:
    """Assert that a release is live by every account, that nothing else runs, and that no run holds anything."""
    comes_to_rest(application)
    record = application.record(host_of(application).name)
    assert (record["id"], record["state"]) == (release, "live")
    assert answers(application) == {release}
    assert running(application) == {release}
    lease = json.loads(host_of(application).read(f"{application.root}/lease.json"))
    assert lease["run"] == "", lease


def live(application: Application) -> str:
    """Return the release that `current` names."""
    return str(application.record(host_of(application).name)["id"])


@pytest.mark.parametrize(
    ("sample", "tag"),
    [pytest.param(*case, marks=pytest.mark.fault(KINDS[case[1]], ends="old release")) for case in BROKEN],
)
def test_a_broken_release_ends_as_it_should(samples: Samples, fault_log: FaultLog, sample: str, tag: str) -> None:
    """It is refused or returned in the phase and for the reason that it was made for; the old release serves on."""
    application, expected = samples[sample], EXPECTED[sample][tag]
    before = live(application)
    with light_load(application) as load:
        if tag in COMMANDED:
            end = by_command(application, tag)
        else:
            end = by_playbook(application, tag, **PATIENT.get(tag, {}))
        ended_as_expected(application, tag, end, expected)
        at_rest_with(application, before)
    fault_log.site(load.report)
    assert load.report is not None
    assert load.report.failed == 0, str(load.report)
    if not expected.get("switched"):
        assert set(load.report.release_counts) == {before}, "the broken release has answered the public"


@pytest.mark.parametrize("samples", ["pm2"], indirect=True)
def test_what_pm2_would_start_again_is_ended_as_well(samples: Samples) -> None:
    """A second lies between a death and the next start. Whoever looks then sees nothing run, and yet it is to end."""
    application = samples["ledger"]
    before = live(application)
    host = host_of(application)
    if not any(records(application, tag) for tag in ("broken-start", "broken-after-5s", "broken-lifespan")):
        assert by_playbook(application, "broken-start").status == 2
        comes_to_rest(application)
    taken = host.run(["readlink", f"{application.root}/current/run"]).stdout.strip().rpartition("/")[2]
    (idle,) = {"blue", "green"} - {taken}
    folder = host.run(["readlink", f"{application.root}/instances/{idle}"]).stdout
    assert "/releases/" in folder
    assert before not in folder
    for words in (
        f"start /etc/namaskah/ledger/ecosystem.config.js --only ledger-web-{idle}",
        f"stop ledger-web-{idle}",
    ):
        host.run(["sudo", "-n", "-H", "-u", "ledger", "/usr/local/bin/pm2", *words.split()])
    done = application.cli("recover", "lab", "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    listed = host.run(["sudo", "-n", "-H", "-u", "ledger", "/usr/local/bin/pm2", "jlist"]).stdout
    assert f'"name":"ledger-web-{idle}"' not in listed
    assert '"name":"ledger-web-' in listed
    at_rest_with(application, before)


@pytest.mark.parametrize("samples", ["pm2"], indirect=True)
@pytest.mark.fault("process manager killed", ends="cleaned up", where="a release is live")
def test_a_killed_daemon_comes_back_with_the_release(samples: Samples) -> None:
    """Its own unit starts it again without services; the start at boot follows, and the release is served as before."""
    application = samples["ledger"]
    before, host = live(application), host_of(application)
    daemon = ["cat", "/var/lib/ledger/.pm2/pm2.pid"]
    killed = host.run(daemon).stdout
    host.kill(int(killed))
    wait_until(lambda: host.run(daemon, check=False).stdout not in ("", killed), 60)
    ask = ["curl", "-sf", "--max-time", "10", f"http://127.0.0.1:{PORTS['ledger']}/healthz"]
    wait_until(lambda: before in host.run(ask, check=False).stdout, 60)
    at_rest_with(application, before)


def ended_as_expected(application: Application, tag: str, end: End, expected: dict[str, Any]) -> None:
    """Judge what the operator was told, and what the host remembers."""
    # A process that nobody can ask is judged by its life alone: on a busy machine it dies when verification looks.
    late = {"verify"} if expected.get("switched") else set()
    assert end.phase in {expected["phase"], *late}, end.told[-6000:]
    assert end.status == (STATUS[expected["outcome"]] if tag in COMMANDED else 2), end.told[-6000:]
    if expected["outcome"] == "returned":
        last = records(application, tag)[-1]
        assert (last["state"], bool(last["why"])) == ("bad", True)
    reason = end.line + (log_of(application, expected["service"]) if "service" in expected else "")
    assert expected.get("log", "") in reason.replace('\\"', '"'), end.told[-6000:]
    if expected["phase"] == "migrate":
        kept_and_taken_back(application, tag, end, expected["migrations"])


def kept_and_taken_back(application: Application, tag: str, end: End, kept: int) -> None:
    """The operator is told loudly what stays applied, and can take it back with the release that brought it."""
    said = re.search(r"APPLIED AND KEPT before it failed: ([\w.]+(?:, [\w.]+)*)", end.line)
    assert said, end.told[-6000:]
    names = said.group(1).split(", ")
    assert len(names) == kept, names
    assert "note" in names[0], names
    record = records(application, tag)[-1]
    assert record["state"] == "prepared"
    reverse_by_hand(application, record["id"], record["venv"])


@pytest.mark.parametrize("sample", EXPECTED)
@pytest.mark.fault("release: slow start", ends="old release")
def test_a_slow_start_needs_its_time_and_a_bad_release_needs_a_word(samples: Samples, sample: str) -> None:
    """Too short a time-out makes it bad, a second try is refused for that, with the word and the time it is good."""
    application = samples[sample]
    before = live(application)
    with light_load(application) as load:
        end = by_playbook(application, "slow-start", namaskah_service_defaults={**QUICK, "boot_timeout": 5})
        assert (end.status, end.phase) == (2, "activate"), end.told[-6000:]
        assert "needs a longer boot_timeout (now 5 s)" in end.line
        at_rest_with(application, before)
        end = by_playbook(application, "slow-start")
        assert (end.status, end.phase) == (2, "preflight"), end.told[-6000:]
        assert "this commit failed here before" in end.line
        at_rest_with(application, before)
        end = by_playbook(application, "slow-start", namaskah_allow=["bad-release"])
        assert end.status == 0, end.told[-6000:]
    assert load.report is not None
    assert load.report.failed == 0, str(load.report)
    bad, good = records(application, "slow-start")
    assert (bad["state"], good["state"]) == ("bad", "live")
    at_rest_with(application, good["id"])


@pytest.mark.parametrize("sample", EXPECTED)
def test_versions_follow_each_other(samples: Samples, sample: str) -> None:
    """A changed page, a new dependency and a compatible migration are released under load, and no request fails."""
    application = samples[sample]
    with light_load(application) as load:
        for tag in ("v1.1.0", "v1.2.0", "v1.3.0"):
            released_well(application, tag)
    assert load.report is not None
    assert load.report.failed == 0, str(load.report)
    assert len(load.report.release_sequence) == 4, str(load.report)
    # The old code cannot work with the renamed column: nobody promises that a breaking migration loses no request.
    refused = by_playbook(application, "v2.0.0")
    assert (refused.status, refused.phase) == (2, "migrate"), refused.told[-6000:]
    assert "renamed to amount_minor" in refused.line
    released_well(application, "v2.0.0", namaskah_allow=["breaking-schema"])


def released_well(application: Application, tag: str, **variables: Any) -> None:
    """Release a tag and find it, and nothing else, on the host."""
    end = by_playbook(application, tag, **variables)
    assert (end.status, end.phase) == (0, ""), end.told[-6000:]
    record = records(application, tag)[-1]
    at_rest_with(application, record["id"])


def test_every_tag_is_released_here() -> None:
    """A tag that a sample gets and nobody releases would be a promise that nobody keeps."""
    followed = {"v1.0.0", "v1.1.0", "v1.2.0", "v1.3.0", "v2.0.0", "slow-start"}
    for sample, tags in EXPECTED.items():
        released_here = followed | {tag for known, tag in BROKEN if known == sample}
        assert set(tags) == released_here
        git = Path(ROOT / "examples" / sample / "history")
        assert {file.stem for file in git.glob("*.toml")} == set(tags)
