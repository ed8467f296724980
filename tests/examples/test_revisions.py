"""What is made of other people's revisions of Alembic: branches, odd words and ids, and code that prints?"""

from __future__ import annotations

import sqlite3
import subprocess
from pathlib import Path

import pytest
from ansible.module_utils.namaskah_host.failure import Failure
from ansible.module_utils.namaskah_host.release import Release, all_of
from ansible.module_utils.namaskah_schema import difference, records
from ansible.module_utils.namaskah_schema.gate import Gate
from ansible.module_utils.namaskah_schema.history import History

from tests.support.contracts import ROLE
from tests.support.samples.sample import Sample
from tests.support.small_project import SmallProject

ENV = """
import os
from alembic import context
from sqlalchemy import create_engine, pool

print("it's the settings: 0001 -> 0009 (head), what nobody asked for")
with open(os.environ["STARTS"], "a") as starts:
    starts.write(f"{os.getpid()}\\n")
address = os.environ["DATABASE_URL"]
if context.is_offline_mode():
    context.configure(url=address, literal_binds=True, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()
else:
    with create_engine(address, poolclass=pool.NullPool).connect() as connection:
        context.configure(connection=connection, transaction_per_migration=True)
        with context.begin_transaction():
            context.run_migrations()
"""
FILES = {"alembic.ini": "[alembic]\nscript_location = %(here)s/migrations\n", "migrations/env.py": ENV}
FIRST = "op.create_table('t', *(sa.Column(name, sa.Integer) for name in 'abcd'))"


def revision(
    name: str,
    down: str | tuple[str, ...] | None,
    up: str = "pass",
    *,
    back: str = "pass",
    message: str = "",
    **more: object,
) -> dict[str, str]:
    """Return the file of a revision; `more` are its further marks, such as depends_on."""
    marks = "".join(f"{key} = {value!r}\n" for key, value in more.items())
    text = (
        f'"""{message or name}"""\nimport sqlalchemy as sa\nfrom alembic import op\n'
        f"revision = {name!r}\ndown_revision = {down!r}\n{marks}\n"
        f'def upgrade():\n    print("it\'s printed")\n    {up}\n\n\ndef downgrade():\n    {back}\n'
    )
    return {f"migrations/versions/{name.replace('.', '_')}.py": text}


def drop(column: str) -> str:
    return f"op.drop_column('t', {column!r})"


def add(column: str) -> str:
    return f"op.add_column('t', sa.Column({column!r}, sa.Integer))"


@pytest.fixture
def project(ledger: Sample, tmp_path: Path) -> SmallProject:
    """Return an application whose first revision is applied and live."""
    variables = {"DATABASE_URL": f"sqlite:///{tmp_path}/data.sqlite", "STARTS": str(tmp_path / "starts")}
    one = SmallProject(tmp_path / "app", ledger.environment, "asgi", FILES, variables)
    assert one.migrate(revision("0001", None, FIRST, back="op.drop_table('t')"))["applied"] == ["0001"]
    return one


def rows(project: SmallProject, query: str) -> list[str]:
    """Return the first column of what the database answers."""
    path = project.variables["DATABASE_URL"].removeprefix("sqlite:///")
    with sqlite3.connect(path) as connection:
        return [row[0] for row in connection.execute(query)]


def columns(project: SmallProject) -> set[str]:
    return set(rows(project, "SELECT name FROM pragma_table_info('t')"))


START = revision("0001", None, FIRST, back="op.drop_table('t')")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("0002", "rename email -> login"),
        ("0003", "take (current) out (head), at last"),
        ("1.2.0", "an id with dots"),
        ("0004", "one line\n0001 -> 0005 (head), and another"),
    ],
)
def test_words_and_ids_of_any_kind_are_listed_judged_and_applied(
    name: str, message: str, project: SmallProject
) -> None:
    run = project.prepared({**START, **revision(name, "0001", drop("b"), back=add("b"), message=message)})
    seen = Gate(project.contract, run).look()
    assert seen["pending"] == [name]
    assert any("t.b: dropped" in line for line in seen["told"]), seen
    with pytest.raises(Failure, match="the migrations are breaking"):
        Gate(project.contract, run).apply()
    assert columns(project) == set("abcd")
    project.settings["allow"] = ["breaking-schema"]
    found = Gate(project.contract, run).apply()
    assert found["applied"] == [name]
    assert columns(project) == set("acd")
    assert "alembic downgrade 0001" in found["undo"][0]


@pytest.mark.fault("migrations: hard to list", ends="found", where="Alembic")
def test_a_side_branch_is_listed_and_two_heads_end_no_release_well(project: SmallProject) -> None:
    """One is applied, another beside it is not: `upgrade head` does not apply it, which the release says."""
    one = {**START, **revision("a", "0001", add("x"), back=drop("x"))}
    project.migrate(one)
    project.settings["allow"] = ["breaking-schema"]
    two = {**one, **revision("b", "0001", drop("b"), back=add("b"))}
    run = project.prepared(two)
    seen = Gate(project.contract, run).look()
    assert (seen["pending"], seen["schema"]) == (["b"], "breaking")
    with pytest.raises(Failure, match="Multiple head revisions") as failed:
        Gate(project.contract, run).apply()
    assert "no migration was applied" in failed.value.why

    merged = {**two, **revision("m", ("a", "b"))}
    run = project.prepared(merged)
    assert Gate(project.contract, run).look()["schema"] == "breaking"
    found = Gate(project.contract, run).apply()
    assert found["applied"] == ["b", "m"]
    assert [entry["name"] for entry in found["migrations"]] == ["b", "m"]
    assert [line.partition("downgrade ")[2] for line in found["undo"]] == ["a'", "b@0001'"] or found["undo"]
    project.switch(run)

    # Back to the release that has a: b and the merge go, a stays.
    back = next(release for release in all_of(project.contract) if release.record["tag"] == "v2")
    settled = {"release": back.id, "commit": back.record["commit"]}
    assert difference.settle(project.contract, settled, reverse=True)["reversed"] == ["m", "b"]
    assert columns(project) == set("abcdx")


@pytest.mark.fault("migrations: hard to list", ends="found", where="Alembic")
def test_what_others_depend_on_is_listed_too(project: SmallProject) -> None:
    """Two further bases, and one that depends on both of them."""
    files = {
        **START,
        **revision("x", None, add("x"), branch_labels=("library",)),
        **revision("y", None, add("y")),
        **revision("z", "0001", drop("d"), depends_on=("library", "y")),
        **revision("w", None),
    }
    project.settings |= {
        "allow": ["breaking-schema"],
        "migrate_command": ["{venv}/bin/alembic", "upgrade", "heads"],
    }
    run = project.prepared(files)
    seen = Gate(project.contract, run).look()
    assert sorted(seen["pending"]) == ["w", "x", "y", "z"]
    applied = Gate(project.contract, run).apply()["applied"]
    assert sorted(applied) == ["w", "x", "y", "z"], "the order of bases is nobody's, and differs"
    assert {applied.index("x"), applied.index("y")} <= {*range(applied.index("z"))}
    assert columns(project) == set("abcxy")
    project.switch(run)
    back = next(release for release in all_of(project.contract) if release.record["tag"] == "v1")
    told = difference.compare(project.contract, Release(project.contract, back.id))
    assert [one["impossible"] for one in told.reversal] == ["", "", "", ""]
    known = History(project.contract, Release(project.contract, run["release"])).known()
    places = {one.name: one.places["before"] for one in known}
    assert places == {"0001": "0001@base", "w": "w@base", "x": "x@base", "y": "y@base", "z": "0001"}
    # The database keeps the heads: a backup that lacks one of them does not fit this code.
    heads = sorted(records.code_of(project.contract, run["commit"], list(places))["heads"])
    assert heads == ["w", "z"] == sorted(rows(project, "SELECT version_num FROM alembic_version"))


def test_a_revision_that_the_code_does_not_have(project: SmallProject) -> None:
    project.migrate({**START, **revision("0002", "0001", add("x"))})
    with pytest.raises(Failure, match="stands at revision '0002', which this release does not have"):
        Gate(project.contract, project.prepared(START)).apply()


def test_two_files_with_one_id(project: SmallProject) -> None:
    twice = {path.replace("0002", "other"): text for path, text in revision("0002", "0001", add("x")).items()}
    run = project.prepared({**START, **revision("0002", "0001", add("y")), **twice})
    with pytest.raises(Failure, match="Revision 0002 is present more than once"):
        Gate(project.contract, run).apply()


@pytest.mark.parametrize(
    ("up", "why"),
    [
        ("op.get_bind().execute(sa.text('SELECT 1')).scalar()", "its SQL cannot be printed"),
        ("op.get_context().as_sql or op.drop_column('t', 'b')", "asks whether it only prints"),
        ("print('nothing') or sa.func.now()", "prints no SQL"),
    ],
)
def test_what_prints_no_sql_is_said_to_be_unseen(up: str, why: str, project: SmallProject) -> None:
    seen = Gate(project.contract, project.prepared({**START, **revision("0002", "0001", up)})).look()
    assert any("unseen" in line and why in line for line in seen["shown"]), seen["shown"]


def test_many_are_asked_for_in_one_process(project: SmallProject, tmp_path: Path) -> None:
    files = dict(START)
    for number in range(2, 97):
        files |= revision(f"{number:04d}", f"{number - 1:04d}", add(f"c{number}"))
    run = project.prepared(files)
    starts = tmp_path / "starts"
    starts.write_text("")
    found = Gate(project.contract, run).apply()
    assert len(found["applied"]) == len(found["migrations"]) == 95
    assert all(entry["statements"] for entry in found["migrations"])
    # It is asked, it migrates, and it is asked whether anything is left.
    assert len(set(starts.read_text().split())) == 3


@pytest.mark.fault("migrations: applied nothing", ends="refused", where="Alembic")
def test_a_command_that_ends_well_and_applies_nothing_ends_no_release_well(project: SmallProject) -> None:
    project.settings["migrate_command"] = ["true"]
    with pytest.raises(Failure, match="true ended with exit status 0, and these are pending still: 0002"):
        Gate(project.contract, project.prepared({**START, **revision("0002", "0001", add("x"))})).apply()


def test_a_project_in_a_folder_of_its_repository_is_asked_there(project: SmallProject) -> None:
    """As docs/guides/migrations.md shows: the commands of the inventory alone say where it lies."""
    alembic = ["{venv}/bin/alembic", "-c", "backend/alembic.ini"]
    project.settings |= {
        "answer_command": ["{venv}/bin/python", "-", "-c", "backend/alembic.ini"],
        "migrate_command": [*alembic, "upgrade", "head"],
        "reverse_command": [*alembic, "downgrade", "{before}"],
    }
    project.files = {}
    files = {**FILES, **START, **revision("0002", "0001", add("x"), back=drop("x"))}
    assert project.migrate({f"backend/{path}": text for path, text in files.items()})["applied"] == ["0002"]
    assert "x" in columns(project)
    first = all_of(project.contract)[0]
    assert [one.name for one in difference.compare(project.contract, first).ahead] == ["0002"]


def test_commands_of_an_inventory_go_on_and_leave_the_last_word_to_the_one_that_migrates(
    project: SmallProject,
) -> None:
    """Their lines show no side branch: the release fails where it would have ended well without it."""
    project.settings["known_command"] = ["{venv}/bin/alembic", "-c", "alembic.ini", "history"]
    one = {**START, **revision("1.2.0", "0001", add("x"), message="email -> login (current)")}
    assert project.migrate(one)["applied"] == ["1.2.0"]
    assert History(project.contract, all_of(project.contract)[-1]).pending() == []
    with pytest.raises(Failure, match="Multiple head revisions"):
        Gate(project.contract, project.prepared({**one, **revision("b", "0001", add("y"))})).apply()


def test_errors_of_the_application_are_told_in_its_words(project: SmallProject) -> None:
    env = "import os\n\nraise ValueError(os.environ['DATABASE_URL'])\n"
    run = project.prepared({**START, "migrations/env.py": env})
    with pytest.raises(Failure) as failed:
        Gate(project.contract, run).apply()
    assert "ValueError" in failed.value.why
    assert "(migrations/env.py, line 3)" in failed.value.why
    assert "Traceback" not in failed.value.why
    assert project.variables["DATABASE_URL"] not in failed.value.why
    assert "namaskah_answer_command" in failed.value.next_step


@pytest.mark.parametrize("end", ["os._exit(0)", "sys.exit(0)", "sys.exit('no key')", "os.kill(os.getpid(), 9)"])
def test_an_application_that_ends_itself_has_not_answered(end: str, project: SmallProject) -> None:
    run = project.prepared({**START, "migrations/env.py": f"import os, sys\n{end}\n"})
    with pytest.raises(Failure, match=r"ended without an answer|ended itself|exit status -9"):
        Gate(project.contract, run).apply()


# Runs in the sample's environment: what the program says of made-up histories, beside what alembic does with them.
COMPARED = '''
import pathlib, random, sys, tempfile
from alembic import command
from alembic.config import Config

program, revision_text, count, seed = sys.argv[1:]
names = {}
exec(compile(pathlib.Path(program).read_text(), "program", "exec"), names)
chance = random.Random(int(seed))
ENV = """
from alembic import context
from sqlalchemy import create_engine
done = context.config.attributes["done"]
if context.is_offline_mode():
    context.configure(dialect_name="sqlite")
    context.run_migrations()
else:
    with create_engine(context.config.attributes["url"]).connect() as connection:
        note = lambda step, **_: done.append(step.up_revision_id)
        context.configure(connection=connection, transaction_per_migration=True, on_version_apply=note)
        with context.begin_transaction():
            context.run_migrations()
"""
MESSAGES = ["a -> b", "b (current)", "c, d (head)", "it's", "e\\n0001 -> 0009, f", "<base> -> g"]


class Left(Exception):
    pass


def really(act, *words):
    """Some histories are beyond alembic itself: it loses account of its heads."""
    try:
        act(*words)
    except Exception as error:
        raise Left(repr(error))


def compare(number, chance):
    with tempfile.TemporaryDirectory() as folder:
        place = pathlib.Path(folder)
        (place / "versions").mkdir()
        (place / "env.py").write_text(ENV)
        ids = []
        for index in range(chance.randint(2, 9)):
            new = chance.choice(["{:04d}", "1.{}.0", "r{}", "x_{}.y"]).format(index)
            below = chance.sample(ids, min(len(ids), chance.choice([0, 1, 1, 1, 1, 2]))) if ids else []
            # Two of one line are no merge, and what stands on another need not depend on it.
            further = chance.sample(ids, min(len(ids), chance.choice([0, 0, 0, 1, 2]))) if ids else []
            text = revision_text.format(
                message=chance.choice(MESSAGES), revision=new, down=tuple(below) or None, depends=tuple(further) or None
            )
            (place / "versions" / f"f{index}.py").write_text(text)
            ids.append(new)
        config = Config()
        config.set_main_option("script_location", folder)
        done = []
        config.attributes.update(done=done, url=f"sqlite:///{folder}/data")
        for name in chance.sample(ids, chance.randint(0, 2)):
            really(command.upgrade, config, name)
        applied = set(done)
        said = names["_of_scripts"](config, {"pending_sql": True, "reverse": ids})
        known = {one["name"]: one for one in said["known"]}
        assert set(known) == set(ids), (ids, said)
        assert set(said["pending"]) == set(ids) - applied, (seed, number, applied, said["pending"])
        assert all(why == "" and name in sql for name, (sql, why) in said["sql"].items()), said["sql"]
        assert set(said["sql"]) == set(said["pending"]) and set(said["reverse"]) == set(ids), said
        assert all(why == "" and name in sql for name, (sql, why) in said["reverse"].items()), said["reverse"]
        done.clear()
        really(command.upgrade, config, "heads")
        assert set(done) == set(said["pending"]), (done, said["pending"])
        for one in reversed(said["known"]):
            done.clear()
            really(command.downgrade, config, one["places"]["before"])
            assert done == [one["name"]], (number, one, done)


for number in range(int(count)):
    try:
        compare(number, chance)
    except Left as error:
        print("left out:", error)
print("compared")
'''
REVISION = """{message!r}
from alembic import op
revision = {revision!r}
down_revision = {down!r}
depends_on = {depends!r}
def upgrade():
    op.execute("SELECT '" + revision + "'")
def downgrade():
    op.execute("SELECT '" + revision + "'")
"""


def check_histories(ledger: Sample, folder: Path, count: int) -> None:
    (folder / "compared.py").write_text(COMPARED)
    words = [ledger.environment / "bin" / "python", folder / "compared.py", ROLE / "presets" / "alembic_answers.py"]
    done = subprocess.run(
        [*words, REVISION, str(count), "71"], capture_output=True, text=True, check=False, timeout=20 * count
    )
    assert done.stdout.endswith("compared\n"), done.stdout[-2000:] + done.stderr[-3000:]
    assert done.stdout.count("left out") < count / 3, done.stdout


def test_made_up_histories_are_told_as_they_are(ledger: Sample, tmp_path: Path) -> None:
    check_histories(ledger, tmp_path, 15)


@pytest.mark.soak
def test_many_made_up_histories_are_told_as_they_are(ledger: Sample, tmp_path: Path) -> None:
    check_histories(ledger, tmp_path, 1000)
