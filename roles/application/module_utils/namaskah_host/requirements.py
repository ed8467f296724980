"""Which files does a requirements file include? Read as pip reads it, for each of them changes what is installed.

Source: pip, requirements file format, and its module req_file: encoding, continued lines, comments, variables, options.
"""

from __future__ import annotations

import codecs
import locale
import os
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

# The longer marks first: that of UTF-16 is the beginning of that of UTF-32.
MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
)
CODING = re.compile(rb"^#.*?coding[:=]\s*([-\w.]+)")
COMMENT = re.compile(r"(^|\s+)#.*$")
VARIABLE = re.compile(r"\$\{([A-Z0-9_]+)\}")
SHORTEST = 3  # characters from which pip may take the beginning of a long option for the whole
ADDRESS = re.compile(r"(http|https|file):", re.IGNORECASE)


@dataclass(frozen=True)
class Option:
    """An option of pip that takes a word: its short name, or "", and its long ones."""

    short: str
    long: tuple[str, ...]


REQUIREMENT = Option("-r", ("--requirement",))
CONSTRAINT = Option("-c", ("--constraint", "--build-constraint"))
EDITABLE = Option("-e", ("--editable",))
FIND_LINKS = Option("-f", ("--find-links",))
INDEX = (Option("-i", ("--index-url", "--pypi-url")), Option("", ("--extra-index-url",)))


def with_includes(files: list[Path], environment: Mapping[str, str] = os.environ) -> list[Path]:
    """Return the files and every file that they include, each once; what is not there is pip's to complain of.

    `environment` is what pip has for its own.
    """
    found: list[Path] = []
    known: set[str] = set()
    waiting = list(files)
    while waiting:
        file = waiting.pop(0)
        place = _place(file)
        if place is None or place in known:
            continue
        known.add(place)
        found.append(file)
        waiting += [beside(file, name) for name in included(decoded(file.read_bytes()), environment)]
    return found


def _place(file: Path) -> str | None:
    """Return the file itself, for it may be named in endlessly many ways (a/../b, a link); None where there is none."""
    try:
        place = os.path.realpath(file)
    except (OSError, ValueError):  # a name that no file can have
        return None
    return place if os.path.isfile(place) else None  # noqa: PTH113 - Path.is_file raises on a name too long


def decoded(data: bytes) -> str:
    """Return the text of a requirements file: by its mark, by its line of coding, else as UTF-8 or the locale has it.

    Bytes that fit nothing cannot name a file that pip would find; they are replaced.
    """
    for mark, encoding in MARKS:
        if data.startswith(mark):
            return data[len(mark) :].decode(encoding, errors="replace")
    named = [
        match.group(1).decode("ascii", "replace") for line in data.split(b"\n")[:2] if (match := CODING.match(line))
    ]
    for encoding in (*named[:1], "utf-8", locale.getpreferredencoding(do_setlocale=False)):
        try:
            return data.decode(encoding)
        except (LookupError, ValueError):
            continue
    return data.decode(errors="replace")


def included(text: str, environment: Mapping[str, str] = os.environ) -> Iterator[str]:
    """Yield the names of the files that a text includes, as they are written there."""
    for line in joined(text):
        yield from named(divided(expanded(line, environment))[1], REQUIREMENT, CONSTRAINT)


def expanded(line: str, environment: Mapping[str, str]) -> str:
    """Return a line with the variables that have a value in their places."""
    return VARIABLE.sub(lambda match: environment.get(match.group(1)) or match.group(0), line)


def joined(text: str) -> Iterator[str]:
    """Yield the lines without comments, continued ones as one; lines end as pip ends them, by str.splitlines."""
    begun: list[str] = []
    for line in text.splitlines():
        comment = COMMENT.match(line) is not None
        if line.endswith("\\") and not comment:
            begun.append(line.strip("\\"))
            continue
        # A comment ends a continued line, and stays one.
        yield from _said([*begun, f" {line}" if comment else line])
        begun = []
    yield from _said(begun)


def _said(parts: list[str]) -> Iterator[str]:
    if shown := COMMENT.sub("", "".join(parts)).strip():
        yield shown


def divided(line: str) -> tuple[str, list[str]]:
    """Return the requirement of a line, and its words from the first option on."""
    words = line.split(" ")
    first = next((at for at, word in enumerate(words) if word.startswith("-")), len(words))
    rest = " ".join(words[first:])
    try:
        options = shlex.split(rest)
    except ValueError:  # a quote that is never closed: pip will say so
        options = rest.split()
    return " ".join(words[:first]), options


def named(words: list[str], *options: Option) -> Iterator[str]:
    """Yield the values of options in each of their forms: `-r x`, `-rx`, `--requirement x`, `--requirement=x`."""
    short = tuple(option.short for option in options if option.short)
    long = [name for option in options for name in option.long]
    at = 0
    while at < len(words):
        word = words[at]
        option, equals, value = word.partition("=")
        if short and word.startswith(short):
            option, value = word[:2], word[2:]
        elif len(option) < SHORTEST or not any(name.startswith(option) for name in long):
            at += 1
            continue
        elif not equals:
            value = ""
        if not value and not equals and at + 1 < len(words):
            at += 1
            value = words[at]
        if value:
            yield value
        at += 1


def beside(file: Path, name: str) -> Path:
    """Return the place that a name in `file` means; an address of another machine is no place of this one."""
    if name.lower().startswith("file:"):
        return Path(unquote(urlsplit(name).path))
    return Path(os.devnull) if ADDRESS.match(name) else file.parent / name
