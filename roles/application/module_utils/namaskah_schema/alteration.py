"""What does ALTER TABLE do, action by action?

Locks and rewrites are those of PostgreSQL's documentation, ALTER TABLE, and its "Notes".
"""

from __future__ import annotations

from .judgement import Judgement
from .words import Reader

# A default that is worked out for each row: the table is written anew.
VOLATILE = {
    "random",
    "gen_random_uuid",
    "uuid_generate_v4",
    "uuid_generate_v1",
    "clock_timestamp",
    "nextval",
    "timeofday",
}
SERIAL = {"serial", "bigserial", "smallserial", "serial4", "serial8", "serial2"}
CONSTRAINTS = ("constraint", "check", "unique", "primary", "foreign", "exclude")
GENTLE = ("statistics", "(", "reset", "storage", "compression")


def alter_table(reader: Reader, judgement: Judgement) -> None:
    """Judge every action of an ALTER TABLE whose first two words were read."""
    reader.take("if", "exists")
    reader.take("only")
    table = reader.name()
    reader.take("*")
    if reader.take("rename"):
        _rename(reader, table, judgement)
        return
    for action in reader.parts():
        _action(action, table, judgement)


def _rename(reader: Reader, table: str, judgement: Judgement) -> None:
    judgement.lock("ACCESS EXCLUSIVE", table)
    if reader.take("to"):
        new = reader.name()
        judgement.breaks(table, f"renamed to {new}")
        if table in judgement.made:
            judgement.made.remove(table)
            judgement.makes(f"{table[: table.rfind('.') + 1]}{new}")  # it stays in its schema
        return
    if reader.take("constraint"):
        judgement.note(table, "a constraint gets another name")
        return
    reader.take("column")
    old = reader.name()
    reader.take("to")
    judgement.breaks(table, f"renamed to {reader.name()}", old)


def _action(action: Reader, table: str, judgement: Judgement) -> None:
    verb = action.take_one("add", "drop", "alter", "validate", "attach", "detach", "set", "enable", "disable", "force")
    if verb == "add":
        _add(action, table, judgement)
    elif verb == "drop":
        _drop(action, table, judgement)
    elif verb == "alter":
        _alter_column(action, table, judgement)
    elif verb == "validate":
        judgement.lock("SHARE UPDATE EXCLUSIVE", table)
    elif verb in ("attach", "detach"):
        judgement.lock(
            "SHARE UPDATE EXCLUSIVE" if verb == "attach" or action.has("concurrently") else "ACCESS EXCLUSIVE", table
        )
        judgement.note(table, f"a partition is {verb}ed")
    elif verb in ("enable", "disable", "force"):
        _switch(action, table, verb, judgement)
    else:
        _set(action, table, verb, judgement)


def _set(action: Reader, table: str, verb: str, judgement: Judgement) -> None:
    if (verb == "set" and action.here.text == "(") or action.take("reset") or action.take("cluster"):
        judgement.lock("SHARE UPDATE EXCLUSIVE", table)
        return
    judgement.lock("ACCESS EXCLUSIVE", table)
    if verb == "set" and action.take("schema"):
        judgement.breaks(table, f"moved to the schema {action.name()}")
    elif verb == "set" and action.take_one("tablespace", "logged", "unlogged", "access"):
        judgement.blocks(table, "written anew while nobody can read it")
    elif action.take("owner"):
        judgement.note(table, "gets another owner")
    elif action.take("replica") or action.take("inherit") or action.take("no", "inherit"):
        judgement.note(table, "changes how it replicates or inherits")
    else:
        judgement.unseen(f"an action on {table} that is not known: {action.rest()}")


def _switch(action: Reader, table: str, verb: str, judgement: Judgement) -> None:
    if action.has("row", "level"):
        judgement.lock("ACCESS EXCLUSIVE", table)
        if verb != "disable":
            judgement.breaks(table, "row-level security hides rows from code that does not expect it")
        return
    judgement.lock("SHARE ROW EXCLUSIVE" if action.has("trigger") else "ACCESS EXCLUSIVE", table)
    judgement.note(table, f"{verb}s {action.rest()}")


def _add(action: Reader, table: str, judgement: Judgement) -> None:
    if action.here.kind == "word" and action.here.text in CONSTRAINTS:
        _add_constraint(action, table, judgement)
        return
    action.take("column")
    perhaps = action.take("if", "not", "exists")
    judgement.lock("ACCESS EXCLUSIVE", table)
    column = action.name()
    words = [token.text for token in action.tokens[action.place :] if token.kind == "word"]
    refuses_null = action.has("not", "null") or action.has("primary", "key")
    fills_itself = "default" in words or bool(SERIAL & set(words)) or action.has("generated")
    if refuses_null and not fills_itself:
        judgement.breaks(table, "added as NOT NULL without a default: code that does not know it cannot insert", column)
    if (
        SERIAL & set(words)
        or ("default" in words and VOLATILE & set(words))
        or action.has("stored")
        or "identity" in words
    ):
        judgement.blocks(table, f"written anew, for {column} gets another value in each row")
    elif action.has("unique"):
        judgement.blocks(table, f"an index for {column} is built while nobody can read or write")
    if action.has("references"):
        judgement.lock("ACCESS EXCLUSIVE", table)
    if not perhaps:
        judgement.adds(table, column, refuses_null=refuses_null)


def _add_constraint(action: Reader, table: str, judgement: Judgement) -> None:
    name = action.name() if action.take("constraint") else ""
    kind = action.take_one("check", "unique", "primary", "foreign", "exclude")
    action.take("key")
    on = f"{table} ({name})" if name else table
    existing = action.has("using", "index")
    columns = [part.name() for part in action.inside()] if kind != "check" else _named(action, table, judgement)
    judgement.lock("SHARE ROW EXCLUSIVE" if kind == "foreign" else "ACCESS EXCLUSIVE", table)
    if table in judgement.made:
        return
    if not judgement.all_new(table, columns):
        what = {"foreign": "foreign key", "primary": "primary key"}.get(kind, kind)
        judgement.breaks(
            table, f"a new {what} constraint{f' {name}' if name else ''} refuses rows that older code may write"
        )
    if kind in ("unique", "primary", "exclude") and not existing:
        judgement.blocks(table, f"the index of {on} is built while nobody can read or write")
    elif kind in ("check", "foreign") and not action.has("not", "valid"):
        judgement.blocks(table, f"every row is checked for {on} while nobody can write")


def _named(action: Reader, table: str, judgement: Judgement) -> list[str]:
    """Return the new columns of the table that a condition names, if it names no other column that is known."""
    known = {name for of, name in judgement.columns if of == table}
    other = set(judgement.catalogue.get(table, {}).get("columns", {})) - known
    words = {token.text for token in action.tokens[action.place :] if token.kind in ("word", "name")}
    return sorted(words & known) if not words & other else []


def _drop(action: Reader, table: str, judgement: Judgement) -> None:
    judgement.lock("ACCESS EXCLUSIVE", table)
    if action.take("constraint"):
        action.take("if", "exists")
        judgement.note(table, f"loses the constraint {action.name()}")
        return
    action.take("column")
    action.take("if", "exists")
    judgement.breaks(table, "dropped, with what it held", action.name())


def _alter_column(action: Reader, table: str, judgement: Judgement) -> None:
    if action.take("constraint"):
        judgement.lock("ACCESS EXCLUSIVE", table)
        judgement.note(table, f"the constraint {action.name()} is checked at another time")
        return
    action.take("column")
    column = action.name()
    if (action.take("set") and action.here.text in GENTLE) or action.take("reset"):
        judgement.lock("SHARE UPDATE EXCLUSIVE", table)
        return
    judgement.lock("ACCESS EXCLUSIVE", table)
    if action.take("data", "type") or action.take("type"):
        _change_type(action, table, column, judgement)
    elif action.take("not", "null"):
        judgement.breaks(table, "refuses NULL from now on, which older code may write", column)
        judgement.blocks(table, f"every row is read for {column} while nobody can read or write")
    elif action.take("drop", "default"):
        _drop_default(table, column, judgement)
    elif action.take("drop", "not", "null"):
        judgement.note(table, "may be NULL from now on, which older code may not expect to read", column)
    elif action.take("default"):
        judgement.note(table, "gets another default", column)
    elif action.take("drop", "expression") or action.take_one("add", "generated", "restart", "drop"):
        judgement.note(table, "gets its values in another way", column)
    else:
        judgement.unseen(f"an action on {table}.{column} that is not known: {action.rest()}")


def _drop_default(table: str, column: str, judgement: Judgement) -> None:
    """A default that goes with a NOT NULL column that came with it: the same as NOT NULL without a default."""
    if (table, column) in judgement.columns and not judgement.columns[table, column]:
        return
    new = judgement.columns.pop((table, column), None)
    judgement.breaks(
        table,
        "added as NOT NULL without a default that stays: code that does not know it cannot insert"
        if new
        else "loses its default, which inserts of older code may need",
        column,
    )
    if new is not None:
        judgement.columns[table, column] = new


def _change_type(action: Reader, table: str, column: str, judgement: Judgement) -> None:
    wanted = []
    for token in action.tokens[action.place :]:
        if token.text in ("using", "collate") and token.kind == "word":
            break
        wanted.append(token.text)
    name = " ".join(wanted).replace(" (", "(").replace("( ", "(").replace(" )", ")").replace(" , ", ",")
    if action.has("using") is False and judgement.only_widens(table, column, name):
        judgement.note(table, f"gets room: {name}", column)
        return
    judgement.breaks(table, f"gets the type {name}", column)
    judgement.blocks(table, f"written anew for {column} while nobody can read or write")
