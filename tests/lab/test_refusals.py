"""What does an operator see who asks for what cannot be? A clear error, its exit code, and nothing changed."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.support.lab import broken_world as world
from tests.support.lab.broken_world import HOLDER, OLD_CLIENTS, REPOSITORY, SUDO_LINE, World
from tests.support.lab.guarded import Guarded
from tests.support.lab.unchanged import refs, unchanged

pytestmark = pytest.mark.lab

FAILED, REFUSED, UNREACHABLE, LEASE_HELD = 1, 2, 6, 7
NEXT = "v1.1.0"  # what could be released if the world allowed it
TOUCH = "touch CANARY"  # what must never be run
# Names that mean something to a shell, to git's or our own options, to Ansible's templates, or to a path.
NAMES = (
    f";{TOUCH}", f"$({TOUCH})", f"`{TOUCH}`", f"a|{TOUCH}", f"a\n{TOUCH}", f"--upload-pack={TOUCH}", "-x",
    f"{{{{lookup('pipe','{TOUCH}')}}}}", "{% raw %}", "{# x #}", "../../etc", "@{0}", "a'b", 'a"b', "a\\b", "*",
)  # fmt: skip
# What a commit that cannot be built is in the record of injected faults.
UNBUILDABLE = {"broken-requirement": "release: requirement missing", "without-manage": "release: file missing"}


def said(done: subprocess.CompletedProcess[str]) -> str:
    """Return all that a command said in one line; it is never a traceback."""
    text = done.stdout + done.stderr
    assert "Traceback" not in text, text
    return " ".join(text.split())


def contains(text: str, *parts: str) -> None:
    """Fail with the whole text unless it contains every part."""
    missing = [part for part in parts if part not in text]
    assert not missing, f"{missing} in: {text}"


# --- Words: refused before anything starts --------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("lap", ("'lap'", "environments: lab", "did you mean 'lab'?")),
        ("deploy lap --yes", ("there is no environment 'lap'", "did you mean 'lab'?")),
        ("rollback production --yes", ("there is no environment 'production'", "hosts.yml")),
        ("deploi lab", ("'deploi'", "did you mean 'deploy'?")),
        (f"deploy lab --ref {NEXT}", ("nobody can be asked", "--yes")),
        ("deploy lab --limit ap1 --yes", ("'ap1'", "did you mean 'app1'?", "hosts.yml")),
    ],
)
@pytest.mark.fault("word misspelt", ends="refused")
def test_a_word_that_means_nothing(guarded: Guarded, words: str, expected: tuple[str, ...]) -> None:
    """It is refused, with the word that was perhaps meant."""
    done = guarded.cli(*words.split())
    assert done.returncode == REFUSED, said(done)
    contains(said(done), *expected)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.fault("hostile name", ends="refused")
def test_a_ref_with_marks_of_another_language(guarded: Guarded, name: str, tmp_path: Path) -> None:
    """No shell, no option and no template ever reads it."""
    canary = tmp_path / "canary"
    name = name.replace("CANARY", str(canary))
    done = guarded.cli("deploy", "lab", f"--ref={name}", "--yes")
    assert done.returncode == REFUSED, said(done)
    contains(said(done), "the ref ", " ".join(repr(name).split()), "is not allowed", "a letter or digit", "40 digits")
    assert not canary.exists()


@pytest.mark.parametrize("name", [NAMES[0], NAMES[1], NAMES[5], NAMES[7]])
@pytest.mark.fault("hostile name", ends="refused")
def test_a_tag_or_an_environment_of_that_kind(guarded: Guarded, name: str, tmp_path: Path) -> None:
    """The same holds for the tag of a rollback and for the environment's name."""
    canary = tmp_path / "canary"
    name = name.replace("CANARY", str(canary))
    for words, expected in (
        (("rollback", "lab", f"--tag={name}", "--yes"), "the tag "),
        (("deploy", "--yes", "--", name), "the environment name "),
    ):
        done = guarded.cli(*words)
        assert done.returncode == REFUSED, said(done)
        contains(said(done), expected, repr(name), "is not allowed")
    assert not canary.exists()


@pytest.mark.parametrize("name", [NAMES[0], NAMES[5], "{{ 'a;' ~ 'b' }}"])
@pytest.mark.fault("hostile name", ends="refused")
def test_a_ref_of_that_kind_by_plain_ansible(guarded: Guarded, name: str, tmp_path: Path) -> None:
    """The role refuses it as well, whatever started the playbook."""
    canary = tmp_path / "canary"
    ref = json.dumps({"namaskah_ref": name.replace("CANARY", str(canary))})
    with unchanged(guarded):
        done = guarded.playbook("deploy", "--extra-vars", ref)
    assert done.returncode not in (0, None), said(done)
    contains(said(done), "The name of what to release is not allowed", "rename the branch or tag")
    assert not canary.exists()


# --- The world: found by preflight ----------------------------------------------------------------


WORLDS: list[tuple[World, int, tuple[str, ...]]] = [
    (
        world.missing_variable,
        FAILED,
        ("missing required arguments: namaskah_repository", "app1", "nothing was switched"),
    ),
    (world.misspelt_variable, FAILED, ("namaskah_keep_release", "did you mean namaskah_keep_releases?")),
    (world.misspelt_policy, FAILED, ("quorom", "namaskah_on_failure", "return, quorum, ask")),
    (world.wordy_quorum, FAILED, ("namaskah_quorum", "not most of them")),
    (world.unreachable_host, UNREACHABLE, ("app1", "cannot be reached", "ssh app1")),
    (world.wrong_host_key, UNREACHABLE, ("app1", "ost key verification failed", "known_hosts")),
    (world.missing_sudo_line, FAILED, (f"no sudo line allows `{SUDO_LINE}`", "provision the host")),
    (world.full_root, FAILED, ("/srv/dashboard", "MiB", "free space")),
    (world.full_backup_root, FAILED, ("There is no room", "/var/backups/dashboard")),
    (world.silent_database, UNREACHABLE, ("The database does not answer", "socket")),
    (world.old_clients, FAILED, ("pg_dump is older than the server", "13.4", OLD_CLIENTS, "postgresql-client-15")),
    (
        world.silent_names,
        FAILED,
        (f"the host cannot read git://{REPOSITORY}", "name resolution", "check the address, the network"),
    ),
    (world.held_lease, LEASE_HELD, (HOLDER["namaskah_by"], HOLDER["namaskah_run_id"], HOLDER["namaskah_reason"])),
]


@pytest.mark.parametrize(
    ("wrong", "code", "expected"),
    [
        pytest.param(wrong, *further, id=wrong.__name__, marks=pytest.mark.fault(world.KINDS[wrong], ends="refused"))
        for wrong, *further in WORLDS
    ],
)
def test_a_world_that_does_not_allow_it(guarded: Guarded, wrong: World, code: int, expected: tuple[str, ...]) -> None:
    """The operator reads what is wrong, where and what to do; nothing was begun."""
    with unchanged(guarded), wrong(guarded), unchanged(guarded):
        done = guarded.cli("deploy", "lab", "--ref", NEXT, "--yes")
    contains(said(done), *expected)
    assert done.returncode == code, said(done)


@pytest.mark.fault("git: ref unknown", ends="refused")
def test_a_ref_that_is_not_on_the_remote(guarded: Guarded) -> None:
    """It is named, with the nearest one there."""
    with unchanged(guarded):
        done = guarded.cli("deploy", "lab", "--ref", "v1.1.7", "--yes")
    contains(said(done), "v1.1.7", "v1.1.0", f"{guarded.sample}.git")
    assert done.returncode == FAILED, said(done)


# --- What only shows while the release is being prepared ------------------------------------------


NO_REQUIREMENT = ("install the requirements", "prometheus_client==999.0.0", "nothing was switched")
UNBUILT: list[tuple[str, str, tuple[str, ...]]] = [
    ("plain", "broken-requirement", NO_REQUIREMENT),
    ("cli", "broken-requirement", NO_REQUIREMENT),
    ("cli", "without-manage", ("manage.py", "nothing was switched")),
]


@pytest.mark.parametrize(
    ("way", "ref", "expected"),
    [
        pytest.param(*case, marks=pytest.mark.fault(UNBUILDABLE[case[1]], ends="old release", where=case[0]))
        for case in UNBUILT
    ],
)
def test_a_commit_that_cannot_be_built(guarded: Guarded, way: str, ref: str, expected: tuple[str, ...]) -> None:
    """The live release is left alone, and no record makes a half-made one a target; the backup of the run may stay."""
    if ref not in str(refs(guarded)):
        world.tag_without(guarded, ref, "manage.py")
    records = ["ls", f"{guarded.root}/records"]
    before = guarded.lab.hosts["app1"].run(records).stdout
    with unchanged(guarded, but=("backups", "remote"), prepared=True):
        done = guarded.deploy(ref) if way == "plain" else guarded.cli("deploy", "lab", "--ref", ref, "--yes")
    assert guarded.lab.hosts["app1"].run(records).stdout == before
    contains(said(done), *expected)
    assert done.returncode != 0 if way == "plain" else done.returncode == FAILED, said(done)


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        pytest.param(
            wrong, expected, id=wrong.__name__, marks=pytest.mark.fault(world.KINDS[wrong], ends="old release")
        )
        for wrong, expected in {
            world.unprovable_database: ("The backup cannot be restored", "pageinspect", "backup_proof_template"),
            world.killed_dump: ("The dump failed", "signal 9"),
        }.items()
    ],
)
def test_a_backup_that_fails_after_preflight(guarded: Guarded, wrong: World, expected: tuple[str, ...]) -> None:
    """Preflight saw nothing wrong: the dump or its proof fails, before the barrier, and nothing of the backup stays."""
    with unchanged(guarded, but=("remote",), prepared=True), wrong(guarded):
        done = guarded.cli("deploy", "lab", "--ref", NEXT, "--yes")
    contains(said(done), *expected, "nothing was switched")
    assert done.returncode == FAILED, said(done)


@pytest.mark.fault("git: tag refused", ends="old release")
def test_a_remote_that_refuses_the_tag(guarded: Guarded) -> None:
    """The remote's own words are shown, and the remote has no tag more."""
    before = refs(guarded)
    with unchanged(guarded, but=("backups",), prepared=True), world.refused_tags(guarded):
        done = guarded.cli("deploy", "lab", "--ref", NEXT, "--yes")
    contains(said(done), "only release managers make tags here", "nothing was switched")
    assert done.returncode == FAILED, said(done)
    assert refs(guarded) == before


def test_after_all_of_it_a_release_goes_well(guarded: Guarded) -> None:
    """No refusal left anything behind that stands in the way."""
    done = guarded.cli("deploy", "lab", "--ref", NEXT, "--yes")
    assert done.returncode == 0, said(done)
    assert set(guarded.live_tags().values()) == {NEXT}
