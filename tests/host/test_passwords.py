"""Is a password or a token in an address hidden by everything that shows what programs said?"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable

import pytest
from ansible.module_utils.namaskah_command import readable
from ansible.module_utils.namaskah_host import passwords
from ansible.module_utils.namaskah_host.commands import conceal

from namaskah_deploy.redact import Redactor

SHOWING: tuple[Callable[[str], str], ...] = (
    passwords.hidden,
    readable,
    Redactor().text,
    lambda text: conceal(text, {}),
)
SECRET = [
    "https://sentinel@git.example/app.git",
    "http://sentinel:x-oauth-basic@git.example/app.git",
    "HTTPS://x-access-token:sentinel@git.example/app.git",
    "fatal: unable to access 'https://sentinel@git.example/app.git/': The requested URL returned error: 403",
    "git+https://sentinel@git.example/app.git@v1#egg=app",
    "--index-url=https://sentinel@pypi.example/simple",
    "postgresql://u:sentinel@h/d",
    "postgresql://u:x/sentinel@h/d",
    "postgresql://u:x@sentinel@h/d",
    "postgresql://u:12/sentinel@h/d?sslmode=require",
    "postgresql://u:x#sentinel@h/d",
    "postgresql://h/d?user=u&password=sentinel",
    "https://git.example/app.git?private_token=sentinel",
    "redis://:sentinel@h:6379/0,redis://:sentinel@i:6379/0",
    "ValueError: Port could not be cast to integer value as 'sentinel'",
    'psycopg2.ProgrammingError: invalid percent-encoded token: "sentinel%"',
    'invalid integer value "sentinel" for connection option "port"',
    'could not translate host name "sentinel@h" to address: Name or service not known',
    f"https://{'x' * 3000}sentinel@git.example/app.git",
]
PLAIN = [
    "https://git.example:8443/app.git",
    "https://git@git.example/app.git",
    "ssh://git@git.example:22/app.git",
    "git@git.example:app.git",
    "ssh://git@[fd00::1]:22/app.git",
    "http://localhost:8000/x?mail=a@b.example",
    "http://localhost:8000, and a@b.example",
    json.dumps({"a": "http://h:80", "m": "a@b"}, separators=(",", ":")),
    "see https://docs.example/ and write to ops@shop.example",
    "postgresql://h1:5432,h2:5433/d?user=u",
    'could not translate host name "db" to address',
]


@pytest.mark.parametrize("text", SECRET)
@pytest.mark.parametrize("show", SHOWING)
def test_a_secret_in_an_address_is_hidden(show: Callable[[str], str], text: str) -> None:
    assert "sentinel" not in show(text)
    assert "***" in show(text)


@pytest.mark.parametrize("text", PLAIN)
@pytest.mark.parametrize("show", SHOWING)
def test_what_is_no_secret_stays(show: Callable[[str], str], text: str) -> None:
    assert show(text) == text
    assert passwords.found(text) == set()


def test_the_parts_of_a_password_that_parsers_quote_are_hidden_as_well() -> None:
    variables = {
        "DATABASE_URL": "postgres://u:sentinel-one#sentinel-two@h/d",
        "SENTRY_DSN": "https://sentinel3@s.example/1",
    }
    told = "invalid port: 'sentinel-one'; sentinel-two@h; key sentinel3"
    assert conceal(told, variables) == "invalid port: '***'; ***@h; key ***"


def check(count: int) -> None:
    """However a password is written, it is hidden, and soon."""
    chance = random.Random(14)  # noqa: S311 - a repeatable choice, no secret
    letters = "aZ09.:%&=+,[]{}~!$*()-"
    begun = time.monotonic()
    for _ in range(count):
        secret = "x" + "".join(chance.choices(letters + chance.choice(["/#?", "@"]), k=chance.randint(0, 12)))
        before, after = (chance.choice(["", "said: ", "a@b.example, ", "http://h:80 "]) for _ in range(2))
        shown = passwords.hidden(f"{before}postgres://u:{secret}sentinel@h/d {after}")
        assert "sentinel" not in shown
        assert passwords.hidden(shown) == shown
        wild = "".join(chance.choices(["://", "http://", "a:", "@", '"', "é", "12", "\n", " ", "x" * 400], k=40))
        passwords.hidden(wild)
        passwords.found(wild)
    assert time.monotonic() - begun < 1 + count / 100
    passwords.hidden("://a:" * 4000 + "@")  # as long as a text may be that is shown


def test_made_up_passwords_are_hidden() -> None:
    check(300)


@pytest.mark.soak
def test_many_made_up_passwords_are_hidden() -> None:
    check(10_000)
