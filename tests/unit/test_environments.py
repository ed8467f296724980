"""What counts as an environment, which one is meant, and which hosts --limit leaves."""

from __future__ import annotations

from pathlib import Path

import pytest

from namaskah_deploy import commands, environments
from namaskah_deploy.environments import Environment
from namaskah_deploy.errors import Refused

HOSTS = "all: {children: {app: {hosts: {web1: , web2: }}, database: {hosts: {db1: }}}}\n"


def _declare(folder: Path, name: str, text: str = HOSTS, **files: str) -> None:
    (folder / name / "group_vars" / "all").mkdir(parents=True)
    (folder / name / "hosts.yml").write_text(text)
    for file, content in files.items():
        (folder / name / "group_vars" / "all" / f"{file}.yml").write_text(content)


def test_an_environment_is_a_folder_with_a_hosts_file(tmp_path: Path) -> None:
    _declare(tmp_path, "staging")
    _declare(tmp_path, "production")
    (tmp_path / "notes").mkdir()
    assert environments.declared(tmp_path) == ("production", "staging")
    assert environments.declared(tmp_path / "missing") == ()


def test_what_is_known_of_an_environment(tmp_path: Path) -> None:
    _declare(tmp_path, "production")
    found = environments.load(tmp_path, "production")
    assert found.members("app") == ("web1", "web2")
    assert found.members("app", "database", "nobody") == ("web1", "web2", "db1")
    assert (found.default, found.asks) == (False, True)


def test_what_an_environment_says_of_names_and_plain_texts(tmp_path: Path) -> None:
    plain = "namaskah_pass_on: [APP_SECRET]\nnamaskah_public_names: [DB_NAME]\nprovision_database_name: shopdata\n"
    hidden = (
        "vault_word: hidden-one\nprovision_environment: {SECRET_KEY: hidden-two}\nprovision_x_password: hidden-three\n"
    )
    _declare(tmp_path, "production", main=plain + hidden, vault="$ANSIBLE_VAULT;1.1;AES256\n6162\n")
    (tmp_path / "production" / "group_vars" / "all" / "more.yaml").write_text("paths: [/srv/shopdata]\n")
    found = environments.load(tmp_path, "production")
    assert found.passes == ("APP_SECRET",)
    assert found.public == ("DB_NAME",)
    assert {"shopdata", "/srv/shopdata"} <= found.plain
    assert {"production", "app", "database", "web1", "web2", "db1"} <= found.names
    assert not [text for text in found.plain if text.startswith(("hidden", "$"))]


@pytest.mark.parametrize("name", ["namaskah_pass_on", "namaskah_public_names"])
def test_names_that_are_no_list_are_refused_with_the_place(tmp_path: Path, name: str) -> None:
    _declare(tmp_path, "production", main=f"{name}: APP_SECRET\n")
    with pytest.raises(Refused, match=f"{name} is no list of names") as refusal:
        environments.load(tmp_path, "production")
    assert str(tmp_path / "production") in str(refusal.value)


def test_an_unknown_environment_is_refused_with_the_nearest_name(tmp_path: Path) -> None:
    _declare(tmp_path, "production")
    with pytest.raises(Refused, match="there is no environment 'prodution'") as refusal:
        environments.load(tmp_path, "prodution")
    assert "did you mean 'production'?" in str(refusal.value)


def test_without_any_environment_the_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="none is declared") as refusal:
        environments.load(tmp_path / "inventory", "production")
    assert str(tmp_path / "inventory") in str(refusal.value)


@pytest.mark.parametrize("name", ["rollback", "status", "init", "watch"])
def test_an_environment_with_the_name_of_a_command_stops_everything(tmp_path: Path, name: str) -> None:
    _declare(tmp_path, "production")
    _declare(tmp_path, name)
    with pytest.raises(Refused, match="has the name of a command"):
        environments.load(tmp_path, "production")


def test_every_command_is_a_name_that_no_environment_may_have() -> None:
    assert {command.name for command in commands.ALL} <= environments.COMMANDS


def test_marks_are_read_wherever_variables_for_all_hosts_stand(tmp_path: Path) -> None:
    _declare(tmp_path, "a", "all: {vars: {namaskah_default: true}, hosts: {w1: }}\n")
    _declare(tmp_path, "b", main="namaskah_ask: false\n", vault="$ANSIBLE_VAULT;1.1;AES256\n61\n")
    assert environments.load(tmp_path, "a").default
    assert not environments.load(tmp_path, "b").asks


def test_a_mark_that_is_no_boolean_is_refused(tmp_path: Path) -> None:
    _declare(tmp_path, "a", main="namaskah_default: maybe\n")
    with pytest.raises(Refused, match="namaskah_default is not true or false"):
        environments.load(tmp_path, "a")


@pytest.mark.parametrize(("marked", "found"), [(("b",), "b"), ((), ""), (("a", "b"), "")])
def test_the_default_is_the_one_that_is_marked(tmp_path: Path, marked: tuple[str, ...], found: str) -> None:
    for name in ("a", "b", "c"):
        _declare(tmp_path, name, main=f"namaskah_default: {str(name in marked).lower()}\n")
    if found:
        assert environments.default(tmp_path).name == found
    else:
        with pytest.raises(Refused, match="ENV is missing"):
            environments.default(tmp_path)


FLEET = Environment(
    "production",
    Path("hosts.yml"),
    {"all": ("web1", "web2", "web10", "db1"), "app": ("web1", "web2", "web10"), "database": ("db1",)},
)


@pytest.mark.parametrize(
    ("words", "hosts"),
    [
        (("web1",), ("web1",)),
        (("web1", "db1"), ("web1", "db1")),
        (("app",), ("web1", "web2", "web10")),
        (("web?",), None),
        (("web1*",), ("web1", "web10")),
        (("!web1",), ("web2", "web10", "db1")),
        (("app", "!web2"), ("web1", "web10")),
        (("web3",), None),
        (("web1", "!web1"), None),
    ],
)
def test_limit(words: tuple[str, ...], hosts: tuple[str, ...] | None) -> None:
    if hosts is None:
        with pytest.raises(Refused):
            environments.limited(FLEET, tuple(word.replace("?", "9") for word in words))
    else:
        assert environments.limited(FLEET, words) == hosts
