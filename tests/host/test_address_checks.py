"""Is an address that cannot be used as it is named before a release, without any part of what is secret in it?"""

from __future__ import annotations

import json
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.namaskah_host import address_checks
from ansible.module_utils.namaskah_host.contract import Contract

from tests.support.contracts import HERE, contract
from tests.support.project import ROOT

Listen = Callable[[str], int]
SOURCES = ROOT / "roles/application/module_utils/namaskah_host"
STRICT = "unsupported startup parameter: options"


@pytest.fixture
def server() -> Iterator[Listen]:
    """What listens as a database's server without TLS; it answers a start with an error of these words, if any."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve(words: str) -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                with connection, connection.makefile("rb") as stream:
                    while head := stream.read(8):
                        length, code = struct.unpack("!ii", head)
                        stream.read(length - 8)
                        field = f"SFATAL\0C08P01\0M{words}\0\0".encode()
                        error = b"E" + struct.pack("!i", len(field) + 4) + field
                        connection.sendall(b"N" if code == 80877103 else error if words else b"R\0\0\0\x08\0\0\0\0")

        def listen(words: str) -> int:
            threading.Thread(target=serve, args=(words,), daemon=True).start()
            return int(listening.getsockname()[1])

        yield listen
        listening.shutdown(socket.SHUT_RDWR)


def told(folder: Path, address: str = "", **entries: Any) -> list[tuple[str, str, str]]:
    (folder / "env").write_text(f"SECRET_KEY=x\nDATABASE_URL={address}\n")
    usual = {"root": str(folder), "env_file": str(folder / "env"), "migrate_command": ["migrate"],
             "repository": "git@h:app.git"}  # fmt: skip
    return list(address_checks.examine(Contract(contract(HERE, {**usual, **entries}))))


@pytest.mark.parametrize(
    "address", ["", "sqlite:///x", "postgres://u:p#w@127.0.0.1:1/d", "postgresql+asyncpg:///d?host=/tmp"]
)
def test_what_can_be_read_is_no_complaint(tmp_path: Path, address: str) -> None:
    assert told(tmp_path, address) == []


def test_a_token_in_the_repository_is_named_and_not_repeated(tmp_path: Path) -> None:
    (found,) = told(tmp_path, repository="https://sentinel@git.example/app.git")
    assert found[0] == "words"
    assert "namaskah_repository is not allowed" in found[1]
    assert "sentinel" not in str(found)


def test_a_form_that_git_alone_knows_stays_as_it_was(tmp_path: Path) -> None:
    assert told(tmp_path, repository="git@h:team's app.git") == []


@pytest.mark.parametrize(
    "word", ["--index-url=https://sentinel@pypi.example/simple", "https://a:sentinel@pypi.example/simple"]
)
def test_a_token_in_an_argument_of_pip_is_named(tmp_path: Path, word: str) -> None:
    (found,) = told(tmp_path, pip_arguments=[word])
    assert found[:2] == (
        "words", "namaskah_pip_arguments holds a password or a token, which every process list would show",
    )  # fmt: skip


@pytest.mark.fault("address in another form", ends="refused")
@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("postgres://u:p@h:sentinel/d", "its port is no number"),
        ("postgres://u:p@h/d?sslmode=sentinel", "its sslmode (or ssl) is none of disable, allow"),
        ("postgres://u:p@h/d\nPGPORT=sentinel", "its port is no number"),
    ],
)
def test_an_address_that_cannot_be_read_is_named_without_it(tmp_path: Path, address: str, why: str) -> None:
    (found,) = told(tmp_path, address)
    assert found[0] == "database"
    assert f"the address in DATABASE_URL of {tmp_path / 'env'} cannot be read: {why}" in found[1]
    assert "sentinel" not in str(found)


@pytest.mark.parametrize("login", ["u:p@", "u@", ""])
def test_a_pooler_that_takes_no_options_is_named(tmp_path: Path, server: Listen, login: str) -> None:
    (found,) = told(tmp_path, f"postgres://{login}127.0.0.1:{server(STRICT)}/d")
    assert found[0] == "database"
    assert "leads to a pooler" in found[1]
    assert STRICT in found[1]
    assert "namaskah_migrate_env_file" in found[2]


@pytest.mark.parametrize("words", ["", "password authentication failed", "no pg_hba.conf entry"])
def test_a_server_that_goes_on_or_says_something_else_is_none(tmp_path: Path, server: Listen, words: str) -> None:
    assert told(tmp_path, f"postgres://u:p@127.0.0.1:{server(words)}/d") == []


def test_the_address_of_migrations_is_the_one_that_counts(tmp_path: Path, server: Listen) -> None:
    (tmp_path / "migrate").write_text("DATABASE_URL=postgres://127.0.0.1:1/d\n")
    pooled = f"postgres://127.0.0.1:{server(STRICT)}/d"
    assert told(tmp_path, pooled, migrate_env_file=str(tmp_path / "migrate")) == []
    assert told(tmp_path, pooled, migrate_command=[]) == []
    assert told(tmp_path, pooled, database_variable="") == []


def observed(text: str, folder: Path) -> list[list[str]]:
    """What the observer's program finds out about the addresses of an environment file, on a host."""
    sys.path.insert(0, str(ROOT / "roles/validation/checks"))
    try:
        from programs import databases  # type: ignore[import-not-found]  # noqa: PLC0415 - it stands in a role
    finally:
        sys.path.pop(0)
    (folder / "env").write_text(text)
    words = [sys.executable, "-I", "-c", databases(str(SOURCES)), str(folder / "env")]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert "sentinel" not in done.stdout + done.stderr
    found: list[list[str]] = json.loads(done.stdout)
    return found


def test_the_observer_reads_the_same_forms(tmp_path: Path, server: Listen) -> None:
    port = server("")
    text = (
        f"A=postgis://u:sentinel#x/y@127.0.0.1:{port}/d?conn_max_age=600\n"
        f'B="postgresql+asyncpg://u:p@/d?host=127.0.0.1:1&host=127.0.0.1:{port}"\n'
        f"export PGHOST='127.0.0.1'\nPGPORT={port}\nC=sqlite:////x\nD=postgresql:///d\n"
    )
    assert observed(text, tmp_path) == [
        ["A", f"127.0.0.1:{port}", "PostgreSQL"],
        ["B", f"127.0.0.1:1, 127.0.0.1:{port}", "PostgreSQL"],
        ["D", f"127.0.0.1:{port}", "PostgreSQL"],
        ["PGHOST", f"127.0.0.1:{port}", "PostgreSQL"],
    ]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("A=postgres://u:sentinel#/x", "its port is no number"),
        ("PGHOST=h\nPGPORT=sentinel", "its port is no number"),
        ("PGHOST=a..b", "label"),
        ("A=postgres:////nowhere/d", "No such file or directory"),
        ("sentinel", "line 1 is not KEY=VALUE"),
    ],
)
def test_the_observer_says_what_is_wrong_without_the_value(tmp_path: Path, text: str, what: str) -> None:
    (found,) = observed(text, tmp_path)
    assert what in found[2]
