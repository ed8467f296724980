"""The command from words to exit code where no playbook is run: what is refused, said, listed and printed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from namaskah_deploy import cli
from namaskah_deploy.outcome import Code
from tests.support.command_line.runs import recorded, replay
from tests.support.command_line.small import OLD, World, declare, world


def _run(made: World, *words: str) -> int:
    return cli.run([*words, "--inventory", str(made.inventory)], made.surroundings())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("deploy", "production"), "add --yes"),
        (("rollback", "production"), "add --yes"),
        (("recover", "production"), "add --yes"),
        (("abort", "production"), "add --yes"),
        (("prodution", "--yes"), "did you mean 'production'?"),
        (("rollbak", "--tag", "v1"), "did you mean 'rollback'?"),
        (("deploy", "producion", "--yes"), "did you mean 'production'?"),
        (("production", "--yes", "--ref", "{{x}}"), "is not allowed"),
        (("rollback", "production", "--yes", "--tag", "v1;id"), "is not allowed"),
        (("rollback", "--yes"), "ENV is missing"),
        (("production", "--yes", "--limit", "web9"), "means no host"),
        (("production", "--yes", "--limit", "-x"), "is not allowed"),
        (("production", "--yes", "--reason", "{{x}}"), "is not allowed"),
        (("production", "--yes", "--allow", "A B"), "is not allowed"),
        (("production", "--nonsense"), "No such option"),
        (("deploy",), "Missing argument"),
        (("init",), "neither a command nor a declared environment"),
        (("backups", "prune", "production"), "add --yes"),
        (("backups", "prume", "production"), "did you mean 'prune'?"),
        (("backups", "producion"), "did you mean 'production'?"),
        (("backups", "show", "production"), "Missing argument"),
        (("backups", "show", "production", "../x"), "is not allowed"),
        (("backups", "keep", "production", "{{x}}"), "is not allowed"),
    ],
)
def test_a_command_that_is_refused_starts_nothing(
    tmp_path: Path, words: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    made = world(tmp_path)
    assert _run(made, *words) == Code.REFUSED
    assert said in capsys.readouterr().err
    assert not made.state.exists()
    assert made.serving() == OLD


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("rollback production --yes --ref v1", "rollback production --tag v1 --yes"),
        (
            "rollback production --tag v1 --ref v2 -m due",
            "leave it out: namaskah-deploy rollback production --tag v1 --",
        ),
        ("rollback --ref v1", "namaskah-deploy rollback --tag v1"),
        ("resume production --limit web1 --run r1", "leave it out: namaskah-deploy resume production --run r1"),
        ("resume production --ref v1", "the run goes on with its own"),
        ("resume production --allow drift", "takes no --allow"),
        ("resume production -m due", "takes no --reason"),
        ("plan production --reason due --prepare", "leave it out: namaskah-deploy plan production --prepare"),
        ("status production --allow drift", "takes no --allow"),
        ("verify production --ref v1 --limit web1,web2 -vv", "verify production --limit web1,web2 --verbose --verbose"),
        ("provision production --ref= --yes", "takes no --ref"),
        ("backup production --allow drift --allow bad-release", "leave it out: namaskah-deploy backup production"),
        ("backups production --ref v1", "namaskah-deploy backups list production"),
        (
            "backups prune production --dry-run -m due",
            "leave it out: namaskah-deploy backups prune production --dry-run",
        ),
        ("backups keep production 20260131T235959Z-4f2a --ref v1", "keep production 20260131T235959Z-4f2a"),
        ("backups restore production 20260131T235959Z-4f2a --ref v1", "takes no --ref"),
        ("lock acquire production -m due --allow take-over", "lock acquire production --reason due"),
        ("lock status production --reason due", "`lock status` takes no --reason"),
        ("recover production --yes --ref v1", "takes no --ref"),
        ("deploy production --yes --json --events", "--json and --events do not go together"),
        ("status production --json --print-command", "--json and --print-command do not go together"),
    ],
)
def test_an_option_that_the_command_would_pass_over_is_refused(
    tmp_path: Path, words: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    made = world(tmp_path)
    assert _run(made, *words.split()) == Code.REFUSED
    assert said in capsys.readouterr().err
    assert not made.state.exists()


def test_the_help_of_a_command_has_only_the_options_that_it_takes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Named here once more: each of the four has to mean something in the code that it reaches."""
    takes = {
        "deploy": "ref limit reason allow",
        "plan": "ref limit allow",
        **dict.fromkeys(("rollback", "recover", "abort", "backups restore"), "limit reason allow"),
        **dict.fromkeys(("backups swap-back", "lock release"), "limit reason allow"),
        **dict.fromkeys(("backup", "backups keep", "lock acquire"), "limit reason"),
        **dict.fromkeys(("status", "releases", "verify", "provision", "lock status"), "limit"),
        **{f"backups {name}": "limit" for name in ("list", "show", "verify", "unkeep", "copy", "extract", "prune")},
        "resume": "",
    }
    surroundings = world(tmp_path).surroundings()
    for words, names in takes.items():
        assert cli.run([*words.split(), "-h"], surroundings) == 0
        shown = capsys.readouterr().out
        assert [
            name for name in ("ref", "limit", "reason", "allow") if f"  --{name} " in shown or f", --{name} " in shown
        ] == (names.split()), words


def test_a_refusal_is_a_document_where_one_was_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(world(tmp_path), "prodution", "--yes", "--json") == Code.REFUSED
    found = json.loads(capsys.readouterr().out)
    assert found["exit_code"] == Code.REFUSED
    assert found["advice"] == ["did you mean 'production'?"]


def test_standard_output_is_one_document_of_a_release_that_went_well(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    replay(monkeypatch, [recorded("ok")])
    assert _run(made := world(tmp_path), "production", "--yes", "--json", "--reason", "due") == Code.DONE
    said = capsys.readouterr()
    found = json.loads(said.out)
    assert (found["exit_code"], found["by"], found["reason"]) == (Code.DONE, "ada@laptop", "due")
    assert "activation ..." in said.err
    assert made.record()["exit_code"] == Code.DONE


def test_standard_output_is_lines_of_json_of_a_release_that_went_well(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    replay(monkeypatch, [recorded("ok")])
    assert _run(world(tmp_path), "production", "--yes", "--events") == Code.DONE
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert (found[-1]["event"], found[-1]["exit_code"]) == ("End", Code.DONE)
    assert {"TaskStarted", "HostResult", "Ended"} <= {event["event"] for event in found}


def test_help_lists_commands_and_environments(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made = world(tmp_path)
    declare(made, "staging", {})
    monkeypatch.chdir(tmp_path)
    assert cli.run(["-h"], made.surroundings()) == 0
    text = capsys.readouterr().out
    assert "production, staging" in text
    assert text.index("deploy") < text.index("rollback") < text.index("provision")


def test_without_room_for_the_record_nothing_starts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = world(tmp_path)
    made.state.write_text("a file where a folder should be")
    assert _run(made, "production", "--yes") == Code.REFUSED
    assert "XDG_STATE_HOME" in capsys.readouterr().err
    assert made.serving() == OLD


@pytest.mark.parametrize("words", [("backups",), ("backups", "list")])
def test_backups_of_an_environment_are_listed_by_two_ways_of_saying_it(
    tmp_path: Path, words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run(world(tmp_path), *words, "production", "--limit", "web1", "--print-command") == 0
    said = capsys.readouterr().out
    assert "playbooks/backups.yml" in said
    assert '"backup_list_state": "listed"' in said
