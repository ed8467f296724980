"""Which files does a requirements file include? Read as pip reads it, for each of them changes what is installed.

Source: pip, requirements file format, and its module req_file: encoding, continued lines, comments, variables, options.
"""

from __future__ import annotations

import codecs
import locale
import os
import re
import shlex
from collections.abc import Iterator
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
SHORT = ("-r", "-c")
LONG = ("--requirement", "--constraint")
UNIQUE = 5  # characters from which pip takes the beginning of a long option for the whole
ADDRESS = re.compile(r"(http|https|file):", re.IGNORECASE)


def with_includes(files: list[Path]) -> list[Path]:
    """Return the files and every file that they include, each once; what is not there is pip's to complain of."""
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
        waiting += [beside(file, name) for name in included(decoded(file.read_bytes()))]
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


def included(text: str) -> Iterator[str]:
    """Yield the names of the files that a text includes, as they are written there."""
    for line in joined(text):
        shown = VARIABLE.sub(lambda match: os.environ.get(match.group(1)) or match.group(0), line)
        yield from _named(_options(shown))


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


def _options(line: str) -> list[str]:
    """Return the words of a line from its first option on."""
    words = line.split(" ")
    first = next((at for at, word in enumerate(words) if word.startswith("-")), len(words))
    rest = " ".join(words[first:])
    try:
        return shlex.split(rest)
    except ValueError:  # a quote that is never closed: pip will say so
        return rest.split()


def _named(words: list[str]) -> Iterator[str]:
    """Yield the values of -r and -c in each of their forms: `-r x`, `-rx`, `--requirement x`, `--requirement=x`."""
    at = 0
    while at < len(words):
        word = words[at]
        option, equals, value = word.partition("=")
        if word.startswith(SHORT):
            option, value = word[:2], word[2:]
        elif len(option) < UNIQUE or not any(name.startswith(option) for name in LONG):
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
