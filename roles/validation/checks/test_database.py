"""Does the application's host reach its database?"""

from __future__ import annotations

from typing import Any

import pytest
from testinfra.host import Host

from .facts import run_python, uses_database
from .programs import databases

pytestmark = pytest.mark.applies(
    when=lambda contract: uses_database(contract) and contract["database_check"] and bool(contract["env_file"])
)


def test_postgresql_answers(host: Host, contract: dict[str, Any]) -> None:
    """At every address that the environment file names; no value of that file leaves the host."""
    found = run_python(host, contract, databases(contract["sources"]), contract["env_file"])
    assert found, (
        f"{contract['env_file']} names no PostgreSQL address; for an application without one, set"
        " validation_database: false"
    )
    bad = [f"{place} (from {variable}): {answer}" for variable, place, answer in found if answer != "PostgreSQL"]
    assert not bad, "; ".join(bad)
