"""The value that says everything about a run before it starts."""

from __future__ import annotations

import dataclasses
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml

from namaskah_deploy import content, plan
from namaskah_deploy.content import Content
from namaskah_deploy.environments import Environment
from namaskah_deploy.errors import Refused
from namaskah_deploy.plan import LaunchPlan
from namaskah_deploy.request import Kind, Request
from tests.support.command_line.small import CONTENT

HERE = Path("/home/ada/app")
FLEET = Environment(
    "production",
    HERE / "inventory/production/hosts.yml",
    {"all": ("web1", "web2", "db1"), "app": ("web1", "web2"), "database": ("db1",)},
)

BACKUP = "20260131T235959Z-4f2a"


def _plan(kind: Kind = Kind.DEPLOY, environ: dict[str, str] | None = None, **words: Any) -> LaunchPlan:
    fleet, found = words.pop("fleet", FLEET), words.pop("found", Content(CONTENT))
    return plan.make(
        Request(kind=kind, environment="production", by="ada@laptop", **words),
        fleet,
        found,
        run_id="run-1",
        environ=environ or {},
        programs=Path("/venv/bin"),
        folder=HERE,
    )


@pytest.mark.parametrize(
    ("kind", "words", "variables"),
    [
        (Kind.DEPLOY, {}, {}),
        (Kind.DEPLOY, {"ref": "v1", "reason": "due"}, {"namaskah_ref": "v1", "namaskah_reason": "due"}),
        (Kind.DEPLOY, {"allow": ("drift", "bad-release")}, {"namaskah_allow": ("drift", "bad-release")}),
        (Kind.RELEASES, {}, {"status_releases": "true"}),
        (Kind.BACKUPS, {}, {"backup_list_state": "listed"}),
        (Kind.BACKUPS_KEEP, {"backup": BACKUP}, {"backup_list_state": "kept", "backup_list_id": BACKUP}),
        (Kind.BACKUPS_PREVIEW, {}, {"backup_prune_state": "preview"}),
        (Kind.BACKUPS_PRUNE, {}, {"backup_prune_state": "pruned"}),
    ],
)
def test_only_what_the_operator_said_is_passed_on(kind: Kind, words: dict[str, Any], variables: dict[str, Any]) -> None:
    always = {"namaskah_run_id": "run-1", "namaskah_by": "ada@laptop"}
    assert _plan(kind, **words).variables == {**always, **variables}


def test_a_rollback_passes_the_tag_on() -> None:
    request = Request(kind=Kind.ROLLBACK, environment="production", tag="v1")
    assert plan.variables(request, "r")["namaskah_target_tag"] == "v1"


def test_a_rollback_with_its_database_has_a_playbook_of_its_own_and_the_database_host() -> None:
    made = _plan(Kind.ROLLBACK, tag="v1", restore_database=True, backup=BACKUP, found=content.find())
    assert made.playbook.name == "rollback_database.yml"
    assert made.expected == ("web1", "web2", "db1")
    assert made.variables["restore_backup"] == BACKUP
    assert "backup_list_id" not in made.variables
    asked = Request(kind=Kind.RESTORE_PREVIEW, environment="production", commit="c" * 40)
    assert plan.variables(asked, "r")["restore_commit"] == "c" * 40


@pytest.mark.parametrize(
    ("kind", "limit", "expected"),
    [
        (Kind.DEPLOY, (), ("web1", "web2", "db1")),
        (Kind.DEPLOY, ("web2",), ("web2", "db1")),
        (Kind.STATUS, (), ("web1", "web2")),
        (Kind.STATUS, ("web2",), ("web2",)),
        (Kind.VERIFY, ("!web2",), ("web1",)),
    ],
)
def test_the_hosts_that_have_to_take_part(kind: Kind, limit: tuple[str, ...], expected: tuple[str, ...]) -> None:
    assert _plan(kind, limit=limit).expected == expected


@pytest.mark.parametrize(
    ("kind", "limit", "about"),
    [
        (Kind.DEPLOY, "db1", "web1, web2"),
        (Kind.ROLLBACK, "db1", "web1, web2"),
        (Kind.BACKUP, "web1", "db1"),
        (Kind.BACKUPS_PRUNE, "app", "db1"),
        (Kind.RESTORE, "web1", "db1"),
    ],
)
def test_a_limit_that_leaves_nothing_to_do_is_refused(kind: Kind, limit: str, about: str) -> None:
    """It would have done nothing, with exit code 0."""
    with pytest.raises(Refused, match="leaves out every host") as refusal:
        _plan(kind, limit=(limit,), found=content.find())
    assert about in str(refusal.value)


@pytest.mark.parametrize("kind", [Kind.RESTORE, Kind.SWAP_BACK])
def test_while_a_database_is_replaced_the_lease_of_every_host_is_held(kind: Kind) -> None:
    assert _plan(kind, limit=("db1",), found=content.find()).limit == ("db1", "web1", "web2")


def test_a_limited_release_still_has_the_host_that_backs_up() -> None:
    assert _plan(limit=("web1",)).limit == ("web1", "db1")


def test_but_no_application_host_is_added_for_it() -> None:
    one = dataclasses.replace(FLEET, groups={"all": ("web1", "web2"), "app": ("web1", "web2"), "database": ("web1",)})
    with pytest.raises(Refused, match="leaves out the host that backs up") as refusal:
        _plan(limit=("web2",), fleet=one)
    assert "--limit web2,web1" in str(refusal.value)
    assert _plan(limit=("web1",), fleet=one).limit == ("web1",)


class _Unsafe(yaml.SafeLoader):
    """Reads Ansible's tag for text that is never evaluated."""


_Unsafe.add_constructor("!unsafe", lambda _loader, node: node.value)


def test_every_variable_is_written_as_unsafe_text() -> None:
    text = plan.extra_variables(_plan(reason='say "hi": é', allow=("drift", "clock")))
    assert text.count("!unsafe") == len(["run_id", "by", "reason", "drift", "clock"])
    loaded = yaml.load(text, Loader=_Unsafe)  # noqa: S506 - a SafeLoader that knows one tag more
    assert loaded["namaskah_reason"] == 'say "hi": é'
    assert loaded["namaskah_allow"] == ["drift", "clock"]


def test_the_plain_command_is_one_shell_line_with_the_same_words() -> None:
    line = plan.plain_command(_plan(limit=("web1",), reason="it's due"))
    words = shlex.split(line)
    assert words[0] == f"ANSIBLE_CONFIG={CONTENT / 'ansible.cfg'}"
    assert words[1:6] == ["ansible-playbook", "-i", str(FLEET.hosts), "--limit", "web1,db1"]
    assert yaml.safe_load(words[7])["namaskah_reason"] == "it's due"
    assert Path(words[-1]).name == "deploy.yml"


def test_recovery_is_the_same_run_on_the_application_hosts() -> None:
    back = plan.recovery(_plan(ref="v2", reason="due"), FLEET, Content(CONTENT), why="it broke", bad=True)
    assert back.playbook.name == "recover.yml"
    same = {"namaskah_run_id": "run-1", "namaskah_by": "ada@laptop", "namaskah_reason": "due"}
    assert back.variables == {**same, "recovery_why": "it broke", "recovery_bad": "true"}
    assert back.expected == ("web1", "web2")
