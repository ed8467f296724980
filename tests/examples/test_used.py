"""Is a release refused whose application uses another database than the one that is migrated and backed up?"""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
from ansible.module_utils.namaskah_host.failure import Failure
from ansible.module_utils.namaskah_schema import used
from ansible.module_utils.namaskah_schema.gate import Gate

from tests.support.samples.databases import Databases
from tests.support.samples.making import Schemas
from tests.support.samples.site import Site

Build = Callable[..., Site]
KIND = "another database than the backup's"


def identity(postgres: Databases, address: str) -> list[str]:
    """What the server says of itself and of the database, as a backup has it in its manifest."""
    return postgres.query(used.IDENTITY, address).split("|")[:2]


def services_use(one: Site, line: str) -> None:
    """Give the services another environment; that of migrations stays."""
    _ = one.contract
    (one.root / "env").write_text(f"SECRET_KEY=key-of-the-tests\nAPI_TOKEN=token-of-the-tests\n{line}\n")


def released(one: Site, backed_up: list[str]) -> list[str]:
    """Pass the gate with a migration; return the notes of it."""
    notes: list[str] = Gate(one.contract, one.prepared("v1.3.0"), backed_up=backed_up).apply()["notes"]
    return notes


@pytest.mark.parametrize("name", ["dashboard", "ledger"])
def test_the_same_database_by_another_address_is_the_same(site: Build, postgres: Databases, name: str) -> None:
    one = site(name)
    services_use(one, f"DATABASE_URL={one.database}{'&' if '?' in one.database else '?'}application_name=web")
    assert released(one, identity(postgres, one.database)) == []


@pytest.mark.parametrize("name", ["dashboard", "ledger"])
@pytest.mark.fault(KIND, ends="refused", where="a database beside it")
def test_another_database_of_the_same_server_is_refused(
    site: Build, postgres: Databases, schemas: Schemas, name: str
) -> None:
    one, other = site(name), postgres.create(schemas(name))
    services_use(one, f"DATABASE_URL={other}")
    with pytest.raises(Failure, match="migrations go to database") as refused:
        released(one, identity(postgres, one.database))
    assert refused.value.kind == "refused"
    assert f"the backup of this run is of database {identity(postgres, one.database)[1]}" in refused.value.why
    assert f"database {identity(postgres, other)[1]}" in refused.value.why
    assert urlsplit(other).path.strip("/") in refused.value.why
    assert "--allow other-database" in refused.value.next_step
    one.settings["allow"] = [used.ALLOW]
    assert [note for note in released(one, []) if "uses" in note] == []


@pytest.mark.fault(KIND, ends="refused", where="a file in the release")
def test_a_file_in_the_release_is_refused(site: Build, postgres: Databases) -> None:
    """Without its address the sample uses SQLite, as many projects do, and every command of it ends well."""
    one = site("dashboard")
    services_use(one, "")
    with pytest.raises(Failure, match=r"uses sqlite .*db\.sqlite3"):
        released(one, identity(postgres, one.database))


def test_an_application_that_cannot_be_asked_names_it_by_a_command(
    site: Build, postgres: Databases, schemas: Schemas
) -> None:
    one, other = site("ledger"), postgres.create(schemas("ledger"))
    backed_up = identity(postgres, one.database)
    one.settings["database_command"] = ["printenv", "DATABASE_URL"]
    services_use(one, f"DATABASE_URL={other}")
    with pytest.raises(Failure, match="uses postgresql"):
        released(one, backed_up)
    services_use(one, "DATABASE_URL=mysql://user:secret-word@db/shop")
    with pytest.raises(Failure, match="holds no address of PostgreSQL") as refused:
        released(one, backed_up)
    assert "secret-word" not in str(refused.value)
    services_use(one, f"DATABASE_URL={one.database}")
    assert released(one, backed_up) == []


def test_a_second_database_that_is_not_backed_up_is_named(site: Build, postgres: Databases, schemas: Schemas) -> None:
    one, other = site("dashboard"), postgres.create(schemas("dashboard"))
    run = one.prepared("v1.3.0")
    settings = one.root / "releases" / run["release"] / "dashboard" / "settings.py"
    settings.write_text(f"{settings.read_text()}\nDATABASES['stock'] = dj_database_url.parse({other!r})\n")
    (note,) = Gate(one.contract, run, backed_up=identity(postgres, one.database)).apply()["notes"]
    assert "NOT backed up" in note
    assert "stock" in note
