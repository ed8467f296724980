"""What is made of other people's migrations of Django: code that prints, branches, squashes, and code within others?"""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from ansible.module_utils.namaskah_host.failure import Failure
from ansible.module_utils.namaskah_host.release import Release, all_of
from ansible.module_utils.namaskah_schema import difference
from ansible.module_utils.namaskah_schema.gate import Gate

from tests.support.samples.sample import Sample
from tests.support.small_project import SmallProject

MANAGE = """
import os
import sys

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings")
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)
"""
SETTINGS = """
import os

print("it's the settings: [ ]  shop.0009_none")
with open(os.environ["STARTS"], "a") as starts:
    starts.write(f"{os.getpid()}\\n")
SECRET_KEY = "key-of-the-tests"
INSTALLED_APPS = ["shop"]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": os.environ["DATA"]}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
"""
FILES = {"manage.py": MANAGE, "settings.py": SETTINGS, "shop/__init__.py": "", "shop/migrations/__init__.py": ""}


def migration(name: str, needs: list[str], *operations: str, marks: str = "") -> dict[str, str]:
    """Return the file of a migration of the only app."""
    dependencies = [("shop", one) for one in needs]
    text = (
        'from django.db import migrations, models\n\nprint("it\'s the migration")\n\n\n'
        "def code(apps, schema_editor):\n    open('code-was-run', 'w').close()\n\n\n"
        f"class Migration(migrations.Migration):\n    {marks or 'pass'}\n    dependencies = {dependencies!r}\n"
        f"    operations = [{', '.join(operations)}]\n"
    )
    return {f"shop/migrations/{name}.py": text}


def field(name: str) -> str:
    return f"migrations.AddField('thing', {name!r}, models.IntegerField(null=True))"


def removed(name: str) -> str:
    return f"migrations.RemoveField('thing', {name!r})"


FIRST = migration(
    "0001_initial",
    [],
    "migrations.CreateModel('Thing', [('id', models.BigAutoField(primary_key=True)), "
    "('a', models.IntegerField(null=True)), ('b', models.IntegerField(null=True))])",
)


@pytest.fixture
def project(dashboard: Sample, tmp_path: Path) -> SmallProject:
    """Return a project whose first migration is applied and live."""
    variables = {"DATA": str(tmp_path / "data.sqlite"), "STARTS": str(tmp_path / "starts")}
    one = SmallProject(tmp_path / "app", dashboard.environment, "django", FILES, variables)
    assert one.migrate(FIRST)["applied"] == ["shop.0001_initial"]
    return one


def columns(project: SmallProject) -> set[str]:
    with sqlite3.connect(project.variables["DATA"]) as connection:
        return {row[1] for row in connection.execute("PRAGMA table_info(shop_thing)")}


def run_code(project: SmallProject) -> bool:
    return bool(list(project.root.glob("releases/*/code-was-run")))


def test_what_is_printed_is_no_part_of_the_sql(project: SmallProject) -> None:
    sql = (
        "migrations.RunSQL(['ALTER TABLE shop_thing DROP COLUMN b -- it is gone', 'ALTER TABLE shop_thing ADD c int'])"
    )
    run = project.prepared({**FIRST, **migration("0002_b", ["0001_initial"], sql, marks="atomic = False")})
    seen = Gate(project.contract, run).look()
    assert (seen["pending"], seen["schema"]) == (["shop.0002_b"], "breaking")
    assert any("shop_thing.b: dropped" in line for line in seen["told"])
    assert len(seen["migrations"][0]["statements"]) == 2
    project.settings["allow"] = ["breaking-schema"]
    assert Gate(project.contract, run).apply()["applied"] == ["shop.0002_b"]
    assert columns(project) == {"id", "a", "c"}


def test_code_within_other_operations_is_unseen_and_not_run(project: SmallProject) -> None:
    within = f"migrations.SeparateDatabaseAndState([migrations.RunPython(code)], [{field('c')}])"
    after = "migrations.RunSQL('ALTER TABLE shop_thing ADD d int')"
    run = project.prepared({**FIRST, **migration("0002_c", ["0001_initial"], within, after)})
    seen = Gate(project.contract, run).look()
    assert any("runs code of the application" in line for line in seen["shown"])
    assert any("ADD d int" in line for line in seen["shown"])
    assert not run_code(project)
    assert Gate(project.contract, run).apply()["applied"] == ["shop.0002_c"]
    assert run_code(project)


@pytest.mark.fault("migrations: hard to list", ends="refused", where="Django")
def test_two_leaves_end_no_release_well(project: SmallProject) -> None:
    two = {
        **FIRST,
        **migration("0002_c", ["0001_initial"], field("c")),
        **migration("0002_d", ["0001_initial"], field("d")),
    }
    run = project.prepared(two)
    assert Gate(project.contract, run).look()["pending"] == ["shop.0002_c", "shop.0002_d"]
    with pytest.raises(Failure, match="Conflicting migrations"):
        Gate(project.contract, run).apply()
    assert columns(project) == {"id", "a", "b"}
    merged = {**two, **migration("0003_merge", ["0002_c", "0002_d"])}
    assert len(project.migrate(merged)["applied"]) == 3

    # Of the two none goes back alone: the command takes both, and both are wanted back.
    back = next(release for release in all_of(project.contract) if release.record["tag"] == "v1")
    settled = {"release": back.id, "commit": back.record["commit"]}
    reversed_ = difference.settle(project.contract, settled, reverse=True)["reversed"]
    assert (reversed_[0], sorted(reversed_[1:])) == ("shop.0003_merge", ["shop.0002_c", "shop.0002_d"])
    assert columns(project) == {"id", "a", "b"}


def test_a_reversal_takes_nothing_with_it_that_is_needed(project: SmallProject) -> None:
    one = {**FIRST, **migration("0002_c", ["0001_initial"], field("c"))}
    project.migrate(one)
    further = migration("0002_d", ["0001_initial"], field("d"))
    project.migrate({**one, **further, **migration("0003_merge", ["0002_c", "0002_d"])})
    back = next(release for release in all_of(project.contract) if release.record["tag"] == "v2")
    settled = {"release": back.id, "commit": back.record["commit"]}
    with pytest.raises(Failure, match=r"0002_d: it would take shop\.0002_c back with it"):
        difference.settle(project.contract, settled, reverse=True)
    assert columns(project) == {"id", "a", "b", "c", "d"}


def test_one_that_stands_for_others_is_not_ahead_of_them(project: SmallProject) -> None:
    one = {**FIRST, **migration("0002_c", ["0001_initial"], field("c"))}
    project.migrate(one)
    marks = "replaces = [('shop', '0001_initial'), ('shop', '0002_c')]"
    create = FIRST["shop/migrations/0001_initial.py"].partition("operations = [")[2].rpartition("]")[0]
    squashed = migration("0001_squashed_0002", [], create, field("c"), marks=marks)
    assert project.migrate({**one, **squashed})["pending"] == []
    back = next(release for release in all_of(project.contract) if release.record["tag"] == "v2")
    assert difference.compare(project.contract, Release(project.contract, back.id)).sentence() == "code only"


ROUTED = """
DATABASES["stock"] = {"ENGINE": "django.db.backends.sqlite3", "NAME": os.environ["DATA"] + ".stock"}
DATABASE_ROUTERS = ["settings.Router"]
INSTALLED_APPS = ["shop", "goods"]


class Router:
    def allow_migrate(self, db, app_label, **hints):
        return (db == "stock") == (app_label == "goods")
"""
BOTH = """
import os, subprocess, sys

for name in ("default", "stock"):
    words = [sys.executable, "manage.py", "migrate", "--noinput", "--database", name]
    subprocess.run([*words, *sys.argv[1:]], check=True)
"""


def goods(files: dict[str, str]) -> dict[str, str]:
    """The same of another app, whose tables a router puts into a database of its own."""
    return {path.replace("shop", "goods"): text.replace("'shop'", "'goods'") for path, text in files.items()}


@pytest.mark.fault("migrations: applied nothing", ends="refused", where="the second database")
def test_a_second_database_is_migrated_as_well_or_named(project: SmallProject) -> None:
    second = {"settings.py": SETTINGS + ROUTED, "both.py": BOTH, "goods/__init__.py": ""}
    second |= {"goods/migrations/__init__.py": "", **FIRST, **goods(FIRST)}
    run = project.prepared(second)
    with pytest.raises(Failure, match=r"goods\.0001_initial has to go to the database stock") as failed:
        Gate(project.contract, run).apply()
    assert "in each of these databases" in failed.value.next_step
    project.settings["migrate_command"] = ["{venv}/bin/python", "both.py"]
    assert project.migrate(second)["applied"] == ["goods.0001_initial"]
    run = project.prepared({**second, **goods(migration("0002_b", ["0001_initial"], removed("b")))})
    found = Gate(project.contract, run).apply()
    assert (found["applied"], found["schema"]) == (["goods.0002_b"], "unknown")
    assert any("another database: stock" in line for line in found["data"])
    with sqlite3.connect(project.variables["DATA"] + ".stock") as connection:
        there = {row[1] for row in connection.execute("PRAGMA table_info(goods_thing)")}
    assert there == {"id", "a"}
    # Its reversal on the first database would leave the second one as it is.
    project.switch(run)
    back = next(release for release in all_of(project.contract) if release.record["tag"] == "v3")
    settled = {"release": back.id, "commit": back.record["commit"]}
    with pytest.raises(Failure, match=r"do not go back: goods\.0002_b: a router gives a part of it"):
        difference.settle(project.contract, settled, reverse=True)


@pytest.mark.fault("migrations: applied nothing", ends="refused", where="Django")
def test_migrations_that_are_passed_over_end_no_release_well(project: SmallProject) -> None:
    other = {"other/__init__.py": "", "settings.py": SETTINGS.replace('["shop"]', '["shop", "other"]')}
    text = FIRST["shop/migrations/0001_initial.py"]
    run = project.prepared({**FIRST, **other, "other/migrations/0001_initial.py": text})
    with pytest.raises(Failure, match=r"passes over 0001_initial\.py: there is no __init__\.py"):
        Gate(project.contract, run).apply()


def test_many_are_asked_for_in_one_process(project: SmallProject, tmp_path: Path) -> None:
    files = dict(FIRST)
    before = "0001_initial"
    for number in range(2, 97):
        name = f"{number:04d}_more"
        files |= migration(name, [before], field(f"c{number}"))
        before = name
    run = project.prepared(files)
    starts = tmp_path / "starts"
    starts.write_text("")
    found = Gate(project.contract, run).apply()
    assert len(found["applied"]) == len(found["migrations"]) == 95
    assert all(entry["statements"] for entry in found["migrations"])
    # It is asked, it migrates, and it is asked whether anything is left.
    assert len(set(starts.read_text().split())) == 3


@pytest.mark.parametrize(
    ("manage", "why"),
    [
        (
            "raise ImportError('no framework') from KeyError('cause')\n",
            r"ImportError: no framework \(manage\.py, line 1\)",
        ),
        ("import os\nos._exit(0)\n", "ended without an answer"),
        ("print('nothing is asked')\n", r"manage\.py hands no command"),
        ("def\n", "SyntaxError"),
    ],
)
def test_errors_of_the_application_are_told_in_its_words(manage: str, why: str, project: SmallProject) -> None:
    run = project.prepared({**FIRST, "manage.py": manage})
    with pytest.raises(Failure, match=why) as failed:
        Gate(project.contract, run).apply()
    assert "Traceback" not in failed.value.why


def test_the_path_of_manage_py_and_its_options_are_the_inventorys(project: SmallProject) -> None:
    project.settings["answer_command"] = ["{venv}/bin/python", "-", "backend/manage.py", "--settings", "chosen"]
    python = ["{venv}/bin/python", "backend/manage.py"]
    project.settings["migrate_command"] = [*python, "migrate", "--noinput", "--settings", "chosen"]
    moved = {f"backend/{path}": text for path, text in {**FILES, **FIRST}.items() if path != "settings.py"}
    moved |= {f"backend/{path}": text for path, text in migration("0002_c", ["0001_initial"], field("c")).items()}
    assert project.migrate({**moved, "backend/chosen.py": SETTINGS})["applied"] == ["shop.0002_c"]
