"""Is a release refused whose application uses another database than the one that is migrated and backed up?"""

from __future__ import annotations

import re
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
    return [note for note in notes if "asked of env.py alone" not in note]


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


LIVE = """
import dj_database_url
from dashboard.settings import *

DATABASES = {{"default": dj_database_url.parse({address!r})}}
"""
ENTRY = """
import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dashboard.live")
from django.core.wsgi import get_wsgi_application

application = get_wsgi_application()
"""


@pytest.mark.fault(KIND, ends="refused", where="the settings of the services")
def test_the_settings_of_the_services_count(site: Build, postgres: Databases, schemas: Schemas) -> None:
    """Not those of manage.py, and not what settings make of the word migrate."""
    one, other = site("dashboard"), postgres.create(schemas("dashboard"))
    backed_up = identity(postgres, one.database)
    gunicorn = ["{venv}/bin/gunicorn", "-c", "python:conf", "-b", "localhost:80", "dashboard.entry:application"]
    one.settings["services"] = {"ping": {"command": ["uvicorn", "json:loads"]}, "web": {"command": gunicorn}}
    run = one.prepared("v1.3.0")
    folder = one.root / "releases" / run["release"] / "dashboard"
    (folder / "entry.py").write_text(ENTRY)
    (folder / "live.py").write_text(LIVE.format(address=other))
    differ = r"the services use the settings dashboard\.live, and manage\.py those of dashboard\.settings"
    with pytest.raises(Failure, match=f"{identity(postgres, other)[1]} of server.*{differ}"):
        Gate(one.contract, run, backed_up=backed_up).apply()
    (folder / "live.py").write_text(LIVE.format(address=one.database))
    (note,) = Gate(one.contract, run).look()["notes"]
    assert re.search(differ, note)
    (folder / "entry.py").write_text("import os\nraise KeyError(os.environ['DATABASE_URL'])")
    with (folder / "settings.py").open("a") as settings:
        settings.write(
            f"\nimport sys\nif 'migrate' not in sys.argv: DATABASES['default'] = dj_database_url.parse({other!r})\n"
        )
    with pytest.raises(Failure, match=r"the application uses .*dashboard\.entry cannot be imported") as caught:
        Gate(one.contract, run, backed_up=backed_up).apply()
    assert "://" not in caught.value.why, "the address of the database is a secret"


def test_what_nobody_asked_the_application_is_said(site: Build, postgres: Databases, schemas: Schemas) -> None:
    """Its engine may read other variables than env.py does: a command has it asked."""
    one, other = site("ledger"), postgres.create(schemas("ledger"))
    backed_up = identity(postgres, one.database)
    parts = urlsplit(other)
    services_use(one, f"DATABASE_URL={one.database}\nDB_NAME={parts.path.strip('/')}\nDB_REST=?{parts.query}")
    run = one.prepared("v1.3.0")
    engine = "import os\n\nADDRESS = 'postgresql://postgres@/' + os.environ['DB_NAME'] + os.environ['DB_REST']\n"
    (one.root / "releases" / run["release"] / "ledger" / "engine.py").write_text(engine)
    (note,) = Gate(one.contract, run).look()["notes"]
    assert "asked of env.py alone; name namaskah_database_command" in note
    source = "from ledger.engine import ADDRESS; print(ADDRESS)"
    one.settings["database_command"] = ["{venv}/bin/python", "-c", source]
    with pytest.raises(Failure, match=f"the application uses .*{identity(postgres, other)[1]} of server"):
        Gate(one.contract, run, backed_up=backed_up).apply()
    one.settings |= {"database_command": [], "database_variable": ""}
    notes = Gate(one.contract, run).apply()["notes"]
    assert any("compared with nothing" in note for note in notes)


def test_a_second_database_that_is_not_backed_up_is_named(site: Build, postgres: Databases, schemas: Schemas) -> None:
    one, other = site("dashboard"), postgres.create(schemas("dashboard"))
    run = one.prepared("v1.3.0")
    settings = one.root / "releases" / run["release"] / "dashboard" / "settings.py"
    settings.write_text(f"{settings.read_text()}\nDATABASES['stock'] = dj_database_url.parse({other!r})\n")
    (note,) = Gate(one.contract, run, backed_up=identity(postgres, one.database)).apply()["notes"]
    assert "NOT backed up" in note
    assert "stock" in note
