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
        place = _after_comment(text, match.end()) if match["comment"] else match.end()
        if match["space"] or match["comment"]:
            words.append(" ")
            continue
        if match["mark"] == ";":
            _keep(found, words, tokens)
            continue
        token = _token("dollar" if match["dollar"] else str(kind), match.group())
        tokens.append(token)
        words.append("'...'" if token.kind == "string" and tokens[0].text in WRITING else match.group())
    _keep(found, words, tokens)
    return found


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


def _after_comment(text: str, place: int) -> int:
    """Return where the comment ends that began before `place`; they nest."""
    depth = 1
    for match in re.finditer(r"/\*|\*/", text[place:]):
        depth += 1 if match.group() == "/*" else -1
        if not depth:
            return place + match.end()
    return len(text)
