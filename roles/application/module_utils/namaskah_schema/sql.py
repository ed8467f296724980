"""Which statements does a text of SQL have, and of which words? Follows PostgreSQL's lexical structure."""

from __future__ import annotations

import re
from dataclasses import dataclass

# PostgreSQL documentation, "Lexical Structure": comments, quoted names, escape and dollar strings, plain strings.
TOKEN = re.compile(
    r"""
    (?P<space>\s+ | --[^\n]*)
  | (?P<comment>/\*)
  | (?P<name>(?:[uU]&)?"(?:[^"]|"")*")
  | (?P<escape>[eE]'(?:[^'\\]|''|\\.)*')
  | (?P<string>(?:[bBxXnN]|[uU]&)?'(?:[^']|'')*')
  | (?P<dollar>\$(?P<tag>(?:[^\W\d]\w*)?)\$.*?\$(?P=tag)\$)
  | (?P<word>[^\W\d][\w$]*)
  | (?P<number>\d[\w.]*)
  | (?P<mark>::|.)
    """,
    re.VERBOSE | re.DOTALL,
)
KINDS = ("table", "materialized", "view", "index", "sequence", "type", "domain", "schema", "function", "procedure",
         "trigger", "rule", "policy", "extension", "aggregate", "operator", "statistics", "database", "role", "cast",
         "publication", "collation", "foreign")  # fmt: skip
# What has to come after these verbs in the middle of words, so that they are SQL and no language of people.
FOLLOWING = {
    "alter": KINDS,
    "drop": KINDS,
    "delete": ("from",),
    "truncate": ("table", "only"),
    "insert": ("into",),
    "revoke": ("all", "select", "insert", "update", "delete", "usage"),
}
# PostgreSQL documentation, "SQL Commands": the first words of them all; the last ones are SQLite's.
VERBS = (
    "abort|alter|analyze|begin|call|checkpoint|close|cluster|comment|commit|copy|create|deallocate|declare|delete|"
    "discard|do|drop|end|execute|explain|fetch|grant|import|insert|listen|load|lock|merge|move|notify|prepare|"
    "reassign|refresh|reindex|release|reset|revoke|rollback|savepoint|security|select|set|show|start|table|truncate|"
    "unlisten|update|vacuum|values|with|pragma|replace|attach|detach"
)
BEGINS = re.compile(rf"[\s(]*(?:{VERBS})\b", re.IGNORECASE)
SURE = "|".join(rf"{verb}\s+(?:{'|'.join(words)})" for verb, words in FOLLOWING.items())
WITHIN = re.compile(rf"\b(?:{SURE})\b", re.IGNORECASE)
LATER = re.compile(rf"\n[^\S\n]*(?={WITHIN.pattern})", re.IGNORECASE)
SHOWN = 300  # characters of a statement that people see
# What these write may be anybody's: their strings are not shown.
WRITING = ("insert", "update", "delete", "copy", "select", "with", "do", "call", "execute")


@dataclass(frozen=True)
class Token:
    """A word in lower case, a quoted `name` as it is, a `string`, a `number` or a `mark`."""

    kind: str
    text: str


@dataclass(frozen=True)
class Statement:
    """One statement: what it reads like on one line, and its tokens."""

    text: str
    tokens: tuple[Token, ...]


def statements(text: str) -> list[Statement]:
    """Return the statements of `text` in their order; what no semicolon ends counts as well."""
    found: list[Statement] = []
    tokens: list[Token] = []
    words: list[str] = []
    place = 0
    while place < len(text):
        match = TOKEN.match(text, place)
        kind = match.lastgroup if match else None
        if match is None:  # every character is at least a mark
            raise AssertionError(text[place : place + 20])
        if not tokens and not match["space"] and not match["comment"] and match["mark"] != ";":
            line = _printed(text, place)
            if line > place:
                _keep(found, [text[place:line]], [Token("word", text[place:line].split(maxsplit=1)[0].lower())])
                place = line
                continue
        end = _after_comment(text, match.end()) if match["comment"] else None
        place = end or match.end()
        if match["space"] or end:
            words.append(" ")
            continue
        if match["mark"] == ";":
            _keep(found, words, tokens)
            continue
        kind = "mark" if match["comment"] else "dollar" if match["dollar"] else kind
        token = _token(str(kind), match.group())
        tokens.append(token)
        words.append("'...'" if token.kind == "string" and tokens[0].text in WRITING else match.group())
    _keep(found, words, tokens)
    return found


def begins(text: str) -> int | None:
    """Return where the first line after a break begins with what must be SQL; None where none does."""
    match = LATER.search(text)
    return match.end() if match else None


def _printed(text: str, place: int) -> int:
    """Return where the words end that stand at `place` instead of SQL; `place` where there are none.

    What a migration prints stands in the SQL that a command prints: its marks belong to no string.
    """
    if BEGINS.match(text, place):
        return place
    end = text.find("\n", place)
    end = len(text) if end < 0 else end
    match = WITHIN.search(text, place, end)
    return match.start() if match else end


def _keep(found: list[Statement], words: list[str], tokens: list[Token]) -> None:
    if tokens:
        shown = " ".join("".join(words).split())
        found.append(Statement(shown if len(shown) <= SHOWN else f"{shown[:SHOWN]} ...", tuple(tokens)))
    words.clear()
    tokens.clear()


def _token(kind: str, text: str) -> Token:
    if kind == "word":
        return Token("word", text.lower())
    if kind == "name":
        return Token("name", text[text.index('"') + 1 : -1].replace('""', '"'))
    if kind in ("string", "escape", "dollar"):
        return Token("string", text)
    return Token(kind, text)


def _after_comment(text: str, place: int) -> int | None:
    """Return where the comment ends that began before `place`; they nest. None where it has no end, so is none."""
    depth = 1
    for match in re.finditer(r"/\*|\*/", text[place:]):
        depth += 1 if match.group() == "/*" else -1
        if not depth:
            return place + match.end()
    return None
