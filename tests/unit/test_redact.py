"""Planted secrets are looked for in everything that a redactor lets through."""

from __future__ import annotations

import base64
import html
import json
import shlex
import urllib.parse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from namaskah_deploy.redact import HIDDEN, Redactor, known_secrets

PLANTED = "p@ss \"w/örd'&<9"
ENCODINGS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "json": lambda text: json.dumps(text)[1:-1],
    "json of json": lambda text: json.dumps(json.dumps(text)[1:-1])[1:-1],
    "url": urllib.parse.quote,
    "url, all": lambda text: urllib.parse.quote(text, safe=""),
    "form": urllib.parse.quote_plus,
    "html": html.escape,
    "shell": lambda text: shlex.quote(text)[1:-1],
    "python": lambda text: repr(text)[1:-1],
    "hex": lambda text: text.encode().hex(),
}


@pytest.mark.parametrize("name", ENCODINGS)
@pytest.mark.parametrize("around", ["{}", "before {} after", "x={};y", "a{}b"])
def test_a_known_secret_is_found_in_every_encoding(name: str, around: str) -> None:
    form = ENCODINGS[name](PLANTED)
    shown = Redactor([PLANTED])(around.replace("{}", form))
    assert form not in shown
    assert HIDDEN in shown


@pytest.mark.parametrize("before", ["", "u", "us", "user:", "longer user:"])
@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
def test_a_known_secret_is_found_in_base64_wherever_it_begins(encode: Callable[[bytes], bytes], before: str) -> None:
    text = encode(f"{before}{PLANTED} and more".encode()).decode()
    shown = Redactor([PLANTED])(text)
    left = shown.split(HIDDEN)[0]
    assert HIDDEN in shown
    assert PLANTED[2:] not in base64.b64decode(left + "=" * (-len(left) % 4)).decode(errors="replace")


@pytest.mark.parametrize(
    "key", ["password", "DB_PASSWORD", "db-password", "api_key", "token", "SECRET_KEY", "DATABASE_URL"]
)
@pytest.mark.parametrize("value", ["hunter22", ["hunter22"], {"a": "hunter22"}, [{"x": ["hunter22"]}]])
def test_whatever_stands_under_a_secret_looking_key_is_hidden(key: str, value: Any) -> None:
    assert "hunter22" not in json.dumps(Redactor()({"outer": [{key: value}]}))


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://app:hunter22@db1/app",
        "connecting with password=hunter22 to db1",
        "PGPASSWORD=hunter22 pg_dump",
        "password: 'hunter22'",
        'token = "hunter22"',
        "Authorization: Bearer hunter22",
        "-----BEGIN PRIVATE KEY-----\nhunter22\n-----END PRIVATE KEY-----",
        "-----BEGIN OPENSSH PRIVATE KEY-----\nhunter22",
    ],
)
def test_secrets_in_free_text(text: str) -> None:
    assert "hunter22" not in Redactor()(text)


def test_a_result_that_must_not_be_logged_keeps_its_status_only() -> None:
    result = {"_ansible_no_log": True, "changed": True, "rc": 1, "msg": "hunter22", "result": {"a": "hunter22"}}
    assert Redactor()({"res": result}) == {"res": {"_ansible_no_log": True, "changed": True, "rc": 1}}


@pytest.mark.parametrize(
    "value",
    [
        "https://git.example.org:8443/app.git",
        "git@git.example.org:app.git",
        {"release_key": "release", "tag": "v1", "tokens_used": "5"},
        "the password was not accepted",
        {"password": None, "secret": "", "token": False},
        "/etc/ssl/private/app.key",
        42,
    ],
)
def test_what_is_no_secret_is_left_alone(value: Any) -> None:
    assert Redactor(["abc"])(value) == value


@pytest.mark.parametrize(
    "told",
    [
        {"tables": {"public.api_token": 478, "public.x_credential": [12, 7]}},
        {"tables": {"shop.secrets": {"inserted": 1, "deleted": 2000000, "rows_now": 0}}},
        "table public.x_credential: 478 rows; public.api_tokens=12",
        {"message": "shown", "serving": {"web-secret1.example": "v1"}, "host": "web-secret1.example"},
        "web-secret1.example cannot be reached",
    ],
)
def test_counts_of_rows_names_of_hosts_and_our_own_keys_are_never_rewritten(told: Any) -> None:
    """Although the controller has secrets of the same text."""
    assert Redactor(["message", "serving", "secret1"], ["web-secret1.example", "web1"])(told) == told


def test_what_merely_looks_like_a_count_is_hidden() -> None:
    told = {"token": 12345678, "public.token": "hunter22", "db.password": ["hunter22"]}
    assert Redactor()(told) == {"token": HIDDEN, "public.token": HIDDEN, "db.password": [HIDDEN]}
    assert "secret1" not in Redactor(["secret1"], ["web-secret1.example"])("secret1 of web-secret1")


def test_secrets_of_the_controller(tmp_path: Path) -> None:
    vault = tmp_path / "vault"
    vault.write_text("vault password\n")
    environ = {
        "DB_PASSWORD": "hunter22",
        "API_TOKEN": "abc",
        "TOKEN_FILE": "/run/token",
        "GOOGLE_CREDENTIALS": str(vault),
        "OTHER_SECRET": "/Zq+base64==",
        "HTTPS_PROXY": "http://ada:proxy%20word@proxy:3128",
        "PATH": "/usr/bin",
        "ANSIBLE_VAULT_PASSWORD_FILE": str(vault),
    }
    # Of a proxy's address also the user with the password, and what a parser may cut of it.
    proxy = {"proxy%20word", "proxy word", "ada:proxy%20word", "ada:proxy word", "20word"}
    always = {"hunter22", "vault password", "/Zq+base64==", *proxy}
    assert known_secrets(environ) == always
    declared = {"APP_WORD": "declared one", "APP_HOST": "db1.example"}
    assert known_secrets({**environ, **declared}) == always
    assert known_secrets({**environ, **declared}, declared, ["APP_HOST", "OTHER_SECRET"]) == (
        always - {"/Zq+base64=="} | {"declared one"}
    )


def test_passwords_of_several_vaults(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).write_text(f"vault password {name}")
    listed = f"prod@{tmp_path / 'one'},{tmp_path / 'two'}, dev@prompt"
    assert known_secrets({"ANSIBLE_VAULT_IDENTITY_LIST": listed}) == {"vault password one", "vault password two"}


def test_a_program_that_prints_the_vault_password_is_not_read_as_one(tmp_path: Path) -> None:
    vault = tmp_path / "vault"
    vault.write_text("#!/bin/sh\necho secret\n")
    vault.chmod(0o755)
    assert known_secrets({"ANSIBLE_VAULT_PASSWORD_FILE": str(vault)}) == set()
