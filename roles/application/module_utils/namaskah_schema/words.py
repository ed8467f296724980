"""How is a statement read, word by word? A place in its tokens that moves forward."""

from __future__ import annotations

from collections.abc import Sequence

from .sql import Token


class Reader:
    """Reads tokens from left to right."""

    def __init__(self, tokens: Sequence[Token]) -> None:
        self.tokens = list(tokens)
        self.place = 0

    @property
    def here(self) -> Token:
        """The token that is next; an empty mark at the end."""
        return self.tokens[self.place] if self.place < len(self.tokens) else Token("mark", "")

    def take(self, *words: str) -> bool:
        """Move over `words` where all of them come next, else stay; tell which."""
        ahead = self.tokens[self.place : self.place + len(words)]
        if [token.text for token in ahead if token.kind in ("word", "mark")] != list(words):
            return False
        self.place += len(words)
        return True

    def take_one(self, *choices: str) -> str:
        """Move over one word of `choices` and return it, or stay and return ""."""
        return next((word for word in choices if self.take(word)), "")

    def name(self) -> str:
        """Move over a name and return it, with its schema where that is written; "" where none comes next."""
        parts = []
        while self.here.kind in ("word", "name"):
            parts.append(self.here.text)
            self.place += 1
            if not self.take("."):
                break
        return ".".join(parts)

    def has(self, *words: str) -> bool:
        """Whether `words` stand anywhere from here on, outside of parentheses."""
        return any(_starts(self.outer(), index, words) for index in range(len(self.outer())))

    def outer(self) -> list[Token]:
        """Return the tokens from here on that stand outside of parentheses."""
        depth, kept = 0, []
        for token in self.tokens[self.place :]:
            depth -= token == Token("mark", ")")
            if not depth and token != Token("mark", ")"):
                kept.append(token)
            depth += token == Token("mark", "(")
        return kept

    def rest(self) -> str:
        """Return what follows, as text."""
        return " ".join(token.text for token in self.tokens[self.place :])

    def parts(self) -> list[Reader]:
        """Return what follows, divided at the commas outside of parentheses."""
        found: list[list[Token]] = [[]]
        depth = 0
        for token in self.tokens[self.place :]:
            if token.kind == "mark" and token.text in "()" and token.text:
                depth += 1 if token.text == "(" else -1
            if token == Token("mark", ",") and not depth:
                found.append([])
            else:
                found[-1].append(token)
        return [Reader(tokens) for tokens in found if tokens]

    def inside(self) -> list[Reader]:
        """Return what the parentheses that come next hold, divided at commas; move behind them."""
        if not self.take("("):
            return []
        start, depth = self.place, 1
        while depth and self.place < len(self.tokens):
            depth += {"(": 1, ")": -1}.get(self.here.text, 0) if self.here.kind == "mark" else 0
            self.place += 1
        return Reader(self.tokens[start : self.place - 1]).parts()


def _starts(tokens: Sequence[Token], index: int, words: Sequence[str]) -> bool:
    ahead = tokens[index : index + len(words)]
    return [token.text for token in ahead if token.kind == "word"] == list(words)
