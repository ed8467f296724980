"""What does a statement of SQL do to those who use the database, and which lock does it take meanwhile?

Locks are those of PostgreSQL's documentation: "Explicit Locking", and the page of each command.
"""

from __future__ import annotations

from collections.abc import Sequence

from .alteration import alter_table
from .condition import always, condition
from .judgement import Judged, Judgement
from .sql import FOLLOWING, KINDS, Statement, Token, begins, statements
from .words import Reader

QUIET = ("begin", "start", "commit", "end", "savepoint", "release", "set", "reset", "show", "select", "with", "values")
USED_BY_CODE = {"table", "materialized", "view", "sequence", "type", "domain", "schema", "function", "procedure",
                "aggregate", "operator", "extension", "foreign"}  # fmt: skip

# Two of these in one schema have two names: that one was made tells that no other one had its name.
SHARE_NAMES = {"table", "materialized", "view", "sequence", "type", "domain", "foreign"}


def judge(text: str, judgement: Judgement) -> list[Judged]:
    """Return every statement of `text` that does something, with its lock and what it means for users and old code.

    `judgement` is that of the statements before it.
    """
    before = len(judgement.judged)
    for statement in statements(text):
        _judge(statement, judgement)
        # A mark in words that a migration prints, as in "it's", makes a string of the SQL up to the next one.
        for token in statement.tokens:
            quoted = token.kind in ("string", "name") and not token.text.startswith("$")
            if quoted and (place := begins(token.text)) is not None:
                judge(token.text[place:], judgement)
    return judgement.judged[before:]


def _judge(statement: Statement, judgement: Judgement) -> None:
    reader, hidden = Reader(statement.tokens), _hidden(statement.tokens)
    if reader.here.kind == "word" and reader.here.text in QUIET and not hidden and not _calls(reader):
        return
    judgement.begin(statement.text)
    _statement(reader, judgement)
    if hidden:
        verb, rest = hidden
        ACTS[verb](rest, judgement)


def tables(text: str) -> set[str]:
    """Return every name in `text` that may be a table's: for the question how large those are."""
    return {
        token.text for statement in statements(text) for token in statement.tokens if token.kind in ("word", "name")
    }


def _calls(reader: Reader) -> bool:
    """Whether a query calls something: what that does cannot be seen."""
    pairs = zip(reader.tokens, reader.tokens[1:], strict=False)
    plain = {"in", "values", "as", "and", "or", "set_config", "setval", "coalesce", "max", "count", "from", "where",
             "nextval"}  # fmt: skip
    if reader.here.text not in ("select", "with", "values"):
        return False
    named = {one.text for one, other in pairs if one.kind in ("word", "name") and other.text == "("}
    changes = {token.text for token in reader.tokens if token.kind == "word"} & {"insert", "update", "delete", "merge"}
    return bool(named - plain or changes)


def _statement(reader: Reader, judgement: Judgement) -> None:
    verb = reader.name()
    act = ACTS.get(verb)
    if act is not None:
        act(reader, judgement)
    elif verb in ("vacuum", "cluster", "reindex", "refresh", "lock"):
        _upkeep(reader, verb, judgement)
    elif verb in ("comment", "analyze", "grant", "security"):
        judgement.note("", f"{verb}: no code fails on it")
    else:
        judgement.unseen(f"nobody can tell from here what {verb.upper()} does")


def _hidden(tokens: Sequence[Token]) -> tuple[str, Reader] | None:
    """Return the verb of a statement that stands behind other words, such as what a migration prints, and its rest."""
    for place in range(1, len(tokens) - 1):
        verb, after = tokens[place], tokens[place + 1]
        if verb.kind == after.kind == "word" and after.text in FOLLOWING.get(verb.text, ()):
            return verb.text, Reader(tokens[place + 1 :])
    return None


def _create(reader: Reader, judgement: Judgement) -> None:
    replaced = reader.take("or", "replace")
    reader.take_one("temporary", "temp", "unlogged", "global", "local")
    unique = reader.take("unique")
    kind = reader.take_one(*KINDS)
    if kind == "index":
        _create_index(reader, judgement, unique=unique)
        return
    reader.take_one("view", "table")
    perhaps = reader.take("if", "not", "exists")
    name = reader.name()
    # Unless it is there: of tables the catalogue knows that.
    if kind in SHARE_NAMES and not replaced and (not perhaps or (kind == "table" and judgement.seen)):
        judgement.makes(name)
    if kind == "table":
        for other in _referenced(reader):
            judgement.lock("SHARE ROW EXCLUSIVE", other)
    elif kind in ("trigger", "rule", "policy"):
        while reader.place < len(reader.tokens) and not reader.take("on"):
            reader.place += 1
        table = reader.name()
        judgement.lock("SHARE ROW EXCLUSIVE" if kind == "trigger" else "ACCESS EXCLUSIVE", table)
        if table not in judgement.made:
            judgement.unseen(f"what the {kind} {name} makes of the rows of {table} stands in its own code")
    elif replaced:
        judgement.unseen(f"whether {name} still answers older code as before")


def _referenced(reader: Reader) -> list[str]:
    found = []
    for index, token in enumerate(reader.tokens):
        if token.kind == "word" and token.text == "references":
            found.append(Reader(reader.tokens[index + 1 :]).name())
    return found


def _create_index(reader: Reader, judgement: Judgement, *, unique: bool) -> None:
    beside = reader.take("concurrently")
    reader.take("if", "not", "exists")
    name = "" if reader.take("on") else reader.name()
    reader.take("on")
    reader.take("only")
    table = reader.name()
    if reader.take("using"):
        reader.name()
    columns = [part.name() for part in reader.inside()]
    judgement.lock("SHARE UPDATE EXCLUSIVE" if beside else "SHARE", table)
    if table in judgement.made:
        return
    if unique and not judgement.all_new(table, columns):
        judgement.breaks(table, f"the unique index {name} refuses rows that older code may write")
    if not beside:
        judgement.blocks(table, f"the index {name} is built while nobody can write: CREATE INDEX CONCURRENTLY")


def _drop(reader: Reader, judgement: Judgement) -> None:
    kind = reader.take_one(*KINDS)
    beside = reader.take("concurrently")
    reader.take_one("view", "table")
    reader.take("if", "exists")
    for part in reader.parts():
        name = part.name()
        judgement.lock("SHARE UPDATE EXCLUSIVE" if beside else "ACCESS EXCLUSIVE", name)
        if kind in USED_BY_CODE:
            judgement.breaks(name, f"the {'view' if kind == 'materialized' else kind} is dropped")
        else:
            judgement.note(name, f"the {kind or 'thing'} is dropped")
        judgement.made.discard(name)  # a table of that name outside of the session, or one made later, is another one


def _alter(reader: Reader, judgement: Judgement) -> None:
    kind = reader.take_one(*KINDS)
    if kind == "table":
        alter_table(reader, judgement)
        return
    reader.take_one("view", "table")
    reader.take("if", "exists")
    name = reader.name()
    judgement.lock("SHARE UPDATE EXCLUSIVE" if kind == "index" else "ACCESS EXCLUSIVE", name)
    if kind == "type" and reader.take("add", "value"):
        judgement.note(name, "gets a further value, which older code may not expect to read")
    elif kind in ("index", "statistics", "trigger", "policy", "rule", "role", "database"):
        judgement.note(name, f"the {kind} is altered")
    elif reader.has("rename") or reader.has("set", "schema"):
        judgement.breaks(name, f"the {kind} gets another name or place")
    elif kind in ("sequence", "view", "materialized") or reader.has("owner", "to"):
        judgement.note(name, f"the {kind} is altered")
    else:
        judgement.unseen(f"what becomes of the {kind or 'thing'} {name}")


def _write(reader: Reader, judgement: Judgement) -> None:
    reader.take_one("into", "from")
    reader.take("only")
    table = reader.name()
    judgement.lock("ROW EXCLUSIVE", table)
    judgement.note(table, "rows are written: reversing the migration need not bring back what they held")


def _delete(reader: Reader, judgement: Judgement) -> None:
    reader.take("from")
    reader.take("only")
    table = Reader(reader.tokens[reader.place :]).name()
    found = condition(reader.tokens[reader.place :])
    _write(reader, judgement)
    if always(found, judgement.catalogue.get(table, {}).get("required")):
        judgement.destroys(table)


def _truncate(reader: Reader, judgement: Judgement) -> None:
    reader.take("table")
    for part in reader.parts():
        part.take("only")
        table = part.name()
        judgement.lock("ACCESS EXCLUSIVE", table)
        judgement.breaks(table, "emptied")
        judgement.destroys(table)


def _revoke(reader: Reader, judgement: Judgement) -> None:
    judgement.breaks("rights", f"rights are taken away: {reader.rest()}")


def _upkeep(reader: Reader, verb: str, judgement: Judgement) -> None:
    full = reader.has("full") or any(token.text == "full" for token in reader.tokens)
    beside = reader.has("concurrently")
    reader.take_one("table", "index", "full", "verbose")
    reader.take("materialized", "view")
    reader.take("concurrently")
    table = reader.name()
    if verb == "vacuum" and not full:
        judgement.lock("SHARE UPDATE EXCLUSIVE", table)
        return
    if verb == "reindex" and beside:
        judgement.lock("SHARE UPDATE EXCLUSIVE", table)
        return
    judgement.lock("EXCLUSIVE" if verb == "refresh" and beside else "ACCESS EXCLUSIVE", table)
    judgement.blocks(table, f"{verb.upper()} keeps users out while it works")


ACTS = {
    "create": _create,
    "drop": _drop,
    "alter": _alter,
    "insert": _write,
    "update": _write,
    "delete": _delete,
    "copy": _write,
    "truncate": _truncate,
    "revoke": _revoke,
}
