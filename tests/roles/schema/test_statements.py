"""Is each kind of migration judged as its author knows it to be? A corpus of labelled SQL, as tools print it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from ansible.module_utils.namaskah_schema.condition import always
from ansible.module_utils.namaskah_schema.judgement import Judgement
from ansible.module_utils.namaskah_schema.sql import Token, statements
from ansible.module_utils.namaskah_schema.statements import judge

from tests.support import made_up

MIB = 2**20
BIG = {
    "shop_order": {"bytes": 900 * MIB, "columns": {"id": "bigint", "total": "integer", "code": "character varying(20)"}}
}
SMALL = {"shop_order": {"bytes": 3 * MIB, "columns": {"code": "character varying(20)", "price": "numeric(8,2)"}}}
AX, SX, SRX, SUX = "ACCESS EXCLUSIVE", "SHARE", "SHARE ROW EXCLUSIVE", "SHARE UPDATE EXCLUSIVE"


@dataclass(frozen=True)
class Case:
    """`breaks` names what older code fails on; `others` are the further levels found; `lock` the strongest lock."""

    name: str
    sql: str
    breaks: tuple[str, ...] = ()
    others: frozenset[str] = frozenset()
    lock: str = AX
    catalogue: dict[str, Any] = field(default_factory=dict)


def case(name: str, sql: str, *breaks: str, also: str = "", lock: str = AX, catalogue: Any = None) -> Case:
    return Case(name, sql, breaks, frozenset(also.split()), lock, catalogue or {})


CORPUS = [
    # Columns
    case("a column that may be missing", 'ALTER TABLE "shop_order" ADD COLUMN "note" varchar(200) NULL;'),
    case("a column with a default that stays", "ALTER TABLE shop_order ADD COLUMN note text DEFAULT '' NOT NULL"),
    case("a required column", "ALTER TABLE shop_order ADD COLUMN note text NOT NULL", "shop_order.note"),
    case("the same without the word column", "ALTER TABLE shop_order ADD note text NOT NULL", "shop_order.note"),
    case("the same, more than one", "ALTER TABLE shop_order ADD a int NOT NULL, ADD b int", "shop_order.a"),
    case(
        "a default for old rows only",
        'ALTER TABLE "shop_order" ADD COLUMN "n" integer DEFAULT 0 NOT NULL; '
        'ALTER TABLE "shop_order" ALTER COLUMN "n" DROP DEFAULT;',
        "shop_order.n",
    ),
    case(
        "such a default where NULL is allowed",
        "ALTER TABLE shop_order ADD n int DEFAULT 0 NULL; ALTER TABLE shop_order ALTER n DROP DEFAULT",
    ),
    case("a default that goes", "ALTER TABLE shop_order ALTER COLUMN total DROP DEFAULT", "shop_order.total"),
    case("another default", "ALTER TABLE shop_order ALTER total SET DEFAULT 5", also="note"),
    case("a dropped column", "ALTER TABLE shop_order DROP COLUMN total CASCADE", "shop_order.total"),
    case(
        "dropped without the word column",
        "alter table if exists only public.shop_order drop if exists total",
        "public.shop_order.total",
    ),
    case("a renamed column", 'ALTER TABLE "shop_order" RENAME COLUMN "total" TO "total_minor"', "shop_order.total"),
    case("renamed without the word column", "ALTER TABLE shop_order RENAME total TO total_minor", "shop_order.total"),
    case(
        "a column that is filled row by row",
        "ALTER TABLE shop_order ADD u uuid DEFAULT gen_random_uuid()",
        also="blocks",
    ),
    case("a serial column", "ALTER TABLE shop_order ADD n bigserial", also="blocks"),
    case("a serial column of a small table", "ALTER TABLE shop_order ADD n bigserial", also="note", catalogue=SMALL),
    case("a stored column", "ALTER TABLE shop_order ADD n int GENERATED ALWAYS AS (total * 2) STORED", also="blocks"),
    case("a default that is the same for all rows", "ALTER TABLE shop_order ADD d timestamptz DEFAULT now()"),
    case("no NULL any more", "ALTER TABLE shop_order ALTER total SET NOT NULL", "shop_order.total", also="blocks"),
    case("NULL from now on", "ALTER TABLE shop_order ALTER total DROP NOT NULL", also="note"),
    # Types
    case(
        "another type",
        "ALTER TABLE shop_order ALTER total TYPE bigint",
        "shop_order.total",
        also="blocks",
        catalogue=BIG,
    ),
    case("more room", "ALTER TABLE shop_order ALTER COLUMN code TYPE varchar(40)", also="note", catalogue=BIG),
    case("all room", "ALTER TABLE shop_order ALTER COLUMN code SET DATA TYPE text", also="note", catalogue=BIG),
    case(
        "less room",
        "ALTER TABLE shop_order ALTER code TYPE varchar(9)",
        "shop_order.code",
        also="blocks",
        catalogue=BIG,
    ),
    case(
        "room that nobody can compare",
        "ALTER TABLE shop_order ALTER code TYPE varchar(40)",
        "shop_order.code",
        also="blocks",
    ),
    case("more digits", "ALTER TABLE shop_order ALTER price TYPE numeric(12, 2)", also="note", catalogue=SMALL),
    case(
        "other digits",
        "ALTER TABLE shop_order ALTER price TYPE numeric(12, 4)",
        "shop_order.price",
        also="note",
        catalogue=SMALL,
    ),
    case(
        "converted",
        "ALTER TABLE shop_order ALTER code TYPE text USING upper(code)",
        "shop_order.code",
        also="blocks",
        catalogue=BIG,
    ),
    # Tables
    case("a new table", "CREATE TABLE a (id bigint PRIMARY KEY)", lock="none"),
    case("a new table that points at an old one", "CREATE TABLE a (o bigint REFERENCES shop_order (id))", lock=SRX),
    case(
        "a new table with everything",
        "CREATE TABLE a (id int); CREATE UNIQUE INDEX i ON a (id); ALTER TABLE a ADD b int NOT NULL; DROP TABLE a",
        lock="none",
    ),
    case("a dropped table", 'DROP TABLE "shop_order" CASCADE', "shop_order"),
    case("two dropped tables", "DROP TABLE shop_order, other", "shop_order", "other"),
    case("a renamed table", "ALTER TABLE shop_order RENAME TO shop_purchase", "shop_order"),
    case("a table that moves", "ALTER TABLE shop_order SET SCHEMA archive", "shop_order"),
    case("an emptied table", "TRUNCATE TABLE ONLY shop_order", "shop_order", also="destroys"),
    case("an emptied table that is new", "CREATE TABLE fresh (id int); TRUNCATE fresh", lock="none"),
    case("every row deleted", "DELETE FROM shop_order", also="note destroys", lock="ROW EXCLUSIVE"),
    case(
        "a table that is made unless it is there",
        "CREATE TABLE IF NOT EXISTS shop_order (id int); ALTER TABLE shop_order DROP COLUMN total",
        "shop_order.total",
    ),
    case(
        "a column that is added unless it is there",
        "ALTER TABLE shop_order ADD COLUMN IF NOT EXISTS total int; ALTER TABLE shop_order DROP COLUMN total",
        "shop_order.total",
    ),
    case(
        "a column that the table has, by the catalogue",
        "ALTER TABLE shop_order ADD COLUMN total int; ALTER TABLE shop_order DROP COLUMN total",
        "shop_order.total",
        catalogue=BIG,
    ),
    case(
        "a table of another schema",
        "CREATE TABLE audit.shop_order (id int); DROP TABLE public.shop_order",
        "public.shop_order",
    ),
    case("a schema of its own", "CREATE TABLE audit.a (id int); ALTER TABLE audit.a DROP COLUMN id", lock="none"),
    case(
        "a temporary table",
        "CREATE TEMP TABLE shop_order (id int); DELETE FROM public.shop_order",
        also="note destroys",
        lock="ROW EXCLUSIVE",
    ),
    case(
        "a temporary table before one that is there",
        "CREATE TEMPORARY TABLE shop_order (id int); TRUNCATE shop_order",
        "shop_order",
        also="destroys",
        catalogue=BIG,
    ),
    case(
        "a temporary table that is gone",
        "CREATE TEMP TABLE shop_order (id int); DROP TABLE shop_order; DROP TABLE shop_order",
        "shop_order",
    ),
    case("made beside it", "CREATE TABLE a (b int); ALTER TABLE a RENAME TO shop_order; DROP TABLE a", "a"),
    case("something else of its name", "CREATE SCHEMA shop_order; DROP TABLE shop_order", "shop_order"),
    case("another thing of its name", "CREATE FUNCTION shop_order() AS $$ $$; DROP TABLE shop_order", "shop_order"),
    case("a sequence unless it is there", "CREATE SEQUENCE IF NOT EXISTS s; DROP SEQUENCE s", "s"),
    case("a foreign table", "CREATE FOREIGN TABLE f (a int) SERVER s; DROP FOREIGN TABLE f, g", "g"),
    case("the same, quoted", 'delete from only public."shop_order";', also="note destroys", lock="ROW EXCLUSIVE"),
    case("a condition of nothing", "DELETE FROM shop_order WHERE true", also="note destroys", lock="ROW EXCLUSIVE"),
    case("another one", "DELETE FROM shop_order WHERE 1 = 1", also="note destroys", lock="ROW EXCLUSIVE"),
    case("some rows deleted", "DELETE FROM shop_order WHERE id = 1", also="note", lock="ROW EXCLUSIVE"),
    case("deleted by another", "DELETE FROM shop_order USING x WHERE x.id = 1", also="note", lock="ROW EXCLUSIVE"),
    case(
        "deleted within a query",
        "WITH gone AS (DELETE FROM shop_order RETURNING id) SELECT id FROM gone",
        also="note destroys unseen",
        lock="ROW EXCLUSIVE",
    ),
    # What a migration prints stands in its SQL.
    case(
        "behind words of its own",
        "dropping the column\nALTER TABLE shop_order DROP COLUMN total",
        "shop_order.total",
        also="unseen",
    ),
    case("behind words like SQL", "set it right\nALTER TABLE shop_order DROP total", "shop_order.total", also="unseen"),
    case("behind another verb", "update it\nALTER TABLE shop_order DROP total", "shop_order.total", also="note"),
    case("another disk", "ALTER TABLE shop_order SET TABLESPACE fast", also="blocks"),
    case("a setting of storage", "ALTER TABLE shop_order SET (fillfactor = 70)", lock=SUX),
    case("rows that are hidden", "ALTER TABLE shop_order ENABLE ROW LEVEL SECURITY", "shop_order"),
    # Constraints and indexes
    case("a check", "ALTER TABLE shop_order ADD CONSTRAINT c CHECK (total > 0)", "shop_order", also="blocks"),
    case("a check of new rows", "ALTER TABLE shop_order ADD CONSTRAINT c CHECK (total > 0) NOT VALID", "shop_order"),
    case("the rest of that check", "ALTER TABLE shop_order VALIDATE CONSTRAINT c", lock=SUX),
    case(
        "a foreign key",
        "ALTER TABLE shop_order ADD CONSTRAINT f FOREIGN KEY (total) REFERENCES x (id)",
        "shop_order",
        also="blocks",
        lock=SRX,
    ),
    case(
        "a foreign key on a new column",
        "ALTER TABLE shop_order ADD x_id bigint NULL CONSTRAINT k REFERENCES x(id) DEFERRABLE INITIALLY DEFERRED; "
        "SET CONSTRAINTS k IMMEDIATE; CREATE INDEX i ON shop_order (x_id)",
        also="blocks",
    ),
    case("a unique constraint", "ALTER TABLE shop_order ADD CONSTRAINT u UNIQUE (code)", "shop_order", also="blocks"),
    case(
        "one on a small table", "ALTER TABLE shop_order ADD UNIQUE (code)", "shop_order", also="note", catalogue=SMALL
    ),
    case("one by an index", "ALTER TABLE shop_order ADD CONSTRAINT u UNIQUE USING INDEX i", "shop_order"),
    case("a constraint that goes", "ALTER TABLE shop_order DROP CONSTRAINT u", also="note"),
    case("an index", 'CREATE INDEX "i" ON "shop_order" ("total")', also="blocks", lock=SX),
    case("an index on a small table", "CREATE INDEX i ON shop_order (code)", also="note", lock=SX, catalogue=SMALL),
    case(
        "an index beside the users",
        "CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON shop_order USING gin (total)",
        lock=SUX,
    ),
    case(
        "a unique index beside the users",
        "CREATE UNIQUE INDEX CONCURRENTLY i ON shop_order (code)",
        "shop_order",
        lock=SUX,
    ),
    case("an index without a name", "CREATE INDEX ON shop_order (total)", also="blocks", lock=SX),
    case("an index that goes", "DROP INDEX i", also="note"),
    case("one that goes beside the users", "DROP INDEX CONCURRENTLY i", also="note", lock=SUX),
    # Other things that code uses
    case("a dropped view", "DROP VIEW report", "report"),
    case("a dropped materialized view", "DROP MATERIALIZED VIEW IF EXISTS report", "report"),
    case("a view anew", "CREATE OR REPLACE VIEW report AS SELECT 1", also="unseen", lock="none"),
    case("a new view", "CREATE VIEW report AS SELECT 1", lock="none"),
    case("a further value", "ALTER TYPE mood ADD VALUE 'fine'", also="note"),
    case("a renamed value", "ALTER TYPE mood RENAME VALUE 'fine' TO 'good'", "mood"),
    case(
        "a trigger",
        "CREATE TRIGGER t BEFORE INSERT ON shop_order FOR EACH ROW EXECUTE FUNCTION f()",
        also="unseen",
        lock=SRX,
    ),
    case("rights taken away", "REVOKE INSERT ON shop_order FROM app", "rights", lock="none"),
    case("an extension", "CREATE EXTENSION IF NOT EXISTS hstore", lock="none"),
    # Data, upkeep and what cannot be seen
    case("rows changed", "UPDATE shop_order SET total = 0", also="note", lock="ROW EXCLUSIVE"),
    case("code of its own", "DO $$ BEGIN DROP TABLE x; END $$", also="unseen", lock="none"),
    case("a function called", "SELECT rebuild_everything()", also="unseen", lock="none"),
    case("a function called for rows", "VALUES (wipe())", also="unseen", lock="none"),
    case("rows", "VALUES (1, 'a'), (2, 'b')", lock="none"),
    case("a query", "SELECT 1 FROM x WHERE y IN (1, 2)", lock="none"),
    case("cleaned up in full", "VACUUM FULL shop_order", also="blocks"),
    case("an index built anew", "REINDEX TABLE CONCURRENTLY shop_order", lock=SUX),
    # Texts that mislead
    case("a comment", "-- DROP TABLE shop_order;\n/* ALTER /* TABLE */ x */ SELECT 1;", lock="none"),
    case(
        "a string",
        "INSERT INTO log VALUES ('DROP TABLE shop_order; it''s'), (E'\\'; DROP TABLE x')",
        also="note",
        lock="ROW EXCLUSIVE",
    ),
    case("a quoted name", 'ALTER TABLE "odd ""name"" NOT NULL" ADD COLUMN "not null" int'),
    case("a dollar string", "INSERT INTO log VALUES ($q$DROP TABLE a; $$ $q$)", also="note", lock="ROW EXCLUSIVE"),
    case("words before it", "dropping the column\nALTER TABLE t DROP COLUMN c", "t.c", also="unseen"),
    case(
        "a mark in words before it, and a string after it",
        "it's dropped\nALTER TABLE t DROP COLUMN c;\nUPDATE alembic_version SET version_num='0002'",
        "t.c",
        also="unseen note",
    ),
    case("words like SQL with a mark", "set it's\nALTER TABLE t DROP c;\nSELECT 'x'", "t.c"),
    case("words between", "SELECT 1;\nwe're there\nDROP TABLE t;\nSELECT 'x'", "t", also="unseen"),
    case("words on its line", "it's: ALTER TABLE t\nDROP COLUMN c; SELECT 'x'", "t.c", also="unseen"),
    case("words with half a comment", "update it/*.txt\nALTER TABLE t DROP COLUMN c;", "t.c", also="note"),
    case("words with a quote", 'drop 5" of it\nDROP TABLE t; UPDATE "x" SET id = 1', "t", also="note"),
    case("words with a mark before it", "it's dropped\nALTER TABLE t DROP COLUMN c", "t.c", also="unseen"),
    case("a default that looks like a constraint", "ALTER TABLE shop_order ADD a text DEFAULT 'NOT NULL'"),
    case("no semicolon at the end, and no end", "ALTER TABLE shop_order DROP COLUMN total /* and", "shop_order.total"),
]


@pytest.mark.parametrize("case", CORPUS, ids=lambda case: case.name)
def test_corpus(case: Case) -> None:
    judged = judge(case.sql, Judgement(case.catalogue))
    findings = [finding for one in judged for finding in one.findings]
    assert tuple(finding.on for finding in findings if finding.level == "breaks") == case.breaks
    assert {finding.level for finding in findings} - {"breaks"} == case.others
    locks = {one.lock for one in judged if one.lock != "none"} or {"none"}
    assert case.lock in locks


@pytest.mark.parametrize(
    ("condition", "every"),
    [
        ("", True),
        ("USING (SELECT 1 FROM x WHERE id = 1) AS y", True),
        ("WHERE (true)", True),
        ("WHERE true RETURNING id", True),
        ("WHERE id IS NOT NULL", True),
        ("WHERE NOT (id IS NULL)", True),
        ("WHERE shop_order.id IS NOT NULL AND (1 = 1)", True),
        ("WHERE 2 > 1", True),
        ("WHERE 1=1 AND true", True),
        ("WHERE 'a' <> 'b' OR id = 1", True),
        ("WHERE id >= id", True),
        ("WHERE shop_order.id = shop_order.id", True),
        ("WHERE (id = 1) OR (NOT false)", True),
        ("WHERE false", False),
        ("WHERE code IS NOT NULL", False),
        ("WHERE id = 1 AND true", False),
        ("WHERE (id = 1) AND (true)", False),
        ("WHERE id BETWEEN 1 AND 2", False),
        ("WHERE total = 1 OR id IS NULL", False),
        ("WHERE EXISTS (SELECT 1 FROM x WHERE true)", False),
    ],
)
def test_a_condition_that_every_row_meets(condition: str, every: bool) -> None:
    known = {"shop_order": {**BIG["shop_order"], "required": ["id"]}}
    delete = f"DELETE FROM shop_order {condition}"  # noqa: S608 - it is read, and never run
    for text in (delete, f"WITH a AS ({delete}) SELECT 1"):
        levels = {level for one in judge(text, Judgement(known)) for level in one.levels}
        assert ("destroys" in levels) == every, text
    unknown = judge("DELETE FROM shop_order WHERE code IS NOT NULL", Judgement())
    assert "destroys" in unknown[0].levels


PARTS = [
    "(", ")", "(", ")", "true", "false", "NOT", "NULL", "IS", "AND", "OR", "id", "code", "=", "<>", ">=", "1", "'a'",
    "DISTINCT", "FROM", "RETURNING", "WHERE", "BETWEEN", "SELECT", ",", ";", "--", "$$", '"', "\u2028", "\0", "CASE",
]  # fmt: skip


def check_conditions(count: int) -> None:
    """Whatever stands behind a WHERE, it is judged to an end; and parentheses around the whole change nothing."""
    choice = made_up.chance(25)
    known = {"shop_order": {**BIG["shop_order"], "required": ["id"]}}
    for _ in range(count):
        text = " ".join(choice.choices(PARTS, k=choice.randint(0, 20)))
        judge(f"DELETE FROM shop_order WHERE {text}", Judgement(known))  # noqa: S608 - it is read, and never run
        found = statements(text)
        tokens = found[0].tokens if found else []
        if tokens and not {"(", ")"} & {token.text for token in tokens}:
            around = [Token("mark", "("), *tokens, Token("mark", ")")]
            assert always(around, ["id"]) == always(tokens, ["id"]), text


def test_made_up_conditions_are_judged() -> None:
    check_conditions(300)


@pytest.mark.soak
def test_many_made_up_conditions_are_judged() -> None:
    check_conditions(10_000)


@pytest.mark.parametrize("text", ["(", "(1=2 OR ", "NOT (", "(1=1 AND (id=1 OR "])
def test_a_deep_condition_is_judged(text: str) -> None:
    deep = f"DELETE FROM shop_order WHERE {text * 3000} id = 1 {')' * text.count('(') * 3000}"  # noqa: S608 - see above
    judge(deep, Judgement())


@pytest.mark.parametrize(
    ("catalogue", "seen", "new"), [({}, True, True), ({}, False, False), ({"audit": {"bytes": 1 << 30}}, True, False)]
)
def test_a_table_made_unless_it_is_there_is_new_where_the_catalogue_has_none(
    catalogue: dict[str, Any], seen: bool, new: bool
) -> None:
    text = "CREATE TABLE IF NOT EXISTS audit (id int); CREATE INDEX i ON audit (id); DROP TABLE audit"
    levels = {level for one in judge(text, Judgement(catalogue, seen=seen)) for level in one.levels}
    assert levels == (set() if new else {"breaks", "blocks"})


def test_the_corpus_is_as_large_as_promised() -> None:
    assert len({case.sql for case in CORPUS}) >= 60


@pytest.mark.parametrize(
    "text", ["", ";;", "'", '"', "$a$ x", "/* /* x", "ALTER TABLE", "DROP", "CREATE INDEX", "\0", "x" * 9000]
)
def test_nonsense_ends(text: str) -> None:
    assert len(statements(text)) <= 1
    judge(text, Judgement())
