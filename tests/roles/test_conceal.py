"""Is a secret of the environment file hidden from what a failed command printed, however it was printed?"""

from __future__ import annotations

import base64
import json
import shlex
import sys
import urllib.parse
from collections.abc import Callable

import pytest
from ansible.module_utils.namaskah_host.commands import conceal, run
from ansible.module_utils.namaskah_host.contract import Contract
from ansible.module_utils.namaskah_host.failure import Failure

PASSWORD = "Zqmark:\\@/%'\"+&=#$~qZmark"  # noqa: S105 - of nothing
VARIABLES = {
    "SECRET_KEY": f"{PASSWORD} with a space",
    "DATABASE_URL": f"postgresql://shop:{urllib.parse.quote(PASSWORD, safe='')}@db:5432/shop",
}
SHOWN: tuple[Callable[[str], str], ...] = (
    str, repr, json.dumps, shlex.quote, urllib.parse.quote, urllib.parse.quote_plus, urllib.parse.unquote,
    lambda text: str({"name": text}), lambda text: text.encode().hex(),
    *(lambda text, before=before: base64.b64encode(b"x" * before + text.encode()).decode() for before in range(3)),
)  # fmt: skip


@pytest.mark.parametrize("show", SHOWN)
@pytest.mark.parametrize("secret", [*VARIABLES.values(), PASSWORD])
def test_every_form(show: Callable[[str], str], secret: str) -> None:
    found = conceal(f"before {show(secret)} after", VARIABLES)
    assert "mark" not in found
    assert "***" in found
    assert found.startswith("before ")
    assert found.endswith(" after")
    assert not any(base64.b64encode(b"x" * before + b"Zqmark").decode()[4:8] in found for before in range(3))


def test_what_is_no_secret_stays() -> None:
    assert conceal("DEBUG is true, see https://docs.example/", {"DEBUG": "true"}) == (
        "DEBUG is true, see https://docs.example/"
    )


def test_which_variables_of_an_environment_file_are_secrets() -> None:
    raw = {"app": "dashboard", "host": "app1", "root": "/srv/dashboard", "public_names": ["DB_NAME"]}
    variables = {
        "SECRET_KEY": "dashboard-key",
        "DB_NAME": "shopdata",
        "DB_USER": "dashboard",
        "MEDIA_ROOT": "/srv/dashboard/shared/media",
        "OTHER": "/srv/dashboards",
        "UNKNOWN": "in doubt",
    }
    assert set(Contract(raw).secrets_of(variables)) == {"SECRET_KEY", "OTHER", "UNKNOWN"}
    assert set(Contract({"root": "/srv/x"}).secrets_of(variables)) == set(variables), "a contract of an older version"


def test_a_failed_command_tells_none() -> None:
    code = "import os, sys; print(dict(os.environ)); sys.exit(3)"
    with pytest.raises(Failure) as caught:
        run([sys.executable, "-c", code], what="build", timeout=30, env=VARIABLES, secrets=VARIABLES)
    assert "exit status 3" in caught.value.why
    assert "SECRET_KEY" in caught.value.why
    assert "mark" not in caught.value.why
