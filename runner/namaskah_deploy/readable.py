"""How does a report read? Renders its JSON document as Markdown, in which no text of others is markup."""

import json
import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from importlib import resources
from typing import Any

from namaskah_deploy.foreign import visible

_MARKUP = re.compile(r"[`*\[\]|]|~(?=~)|(?<![0-9A-Za-z])_|_(?![0-9A-Za-z])|\\(?=[!-/:-@\[-`{-~]|$)", re.MULTILINE)
"""What begins emphasis, code, links, cells and escapes; an underscore within a name begins nothing (CommonMark 6.2)."""
_COMMAND = re.compile(r"(`[^`<&|\n]+`)")
"""A command between backticks, as our own advice has them: nothing in it is markup, so it may stay."""
_OPENING = re.compile(r"^(\s*)([-+#=>]|\d+(?=[.)]))", re.MULTILINE)
"""What makes a line a heading, a list, a quotation or a fence."""


def markdown(document: Mapping[str, Any], meaning: str) -> str:
    """Return `document` for readers; `meaning` explains its exit code."""
    import jinja2  # noqa: PLC0415 - only a run that happened is rendered

    template = resources.files(__package__ or __name__).joinpath("templates/report.md.j2").read_text(encoding="utf-8")
    environment = jinja2.Environment(
        autoescape=False,  # noqa: S701 - Markdown, read as text
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters.update(line=_line, text=_text, code=_code, block=_block, values=_values, moment=_moment)
    parts = [("Phases", document)]
    if document["recovery"]:
        parts.append(("Return", document["recovery"]))
    optional = {"ref": "", "tag": "", "reason": ""}
    return environment.from_string(template).render(**{**optional, **document}, parts=parts, meaning=meaning)


def _text(value: Any) -> str:
    """Return `value` as text that may have lines, with every mark of Markdown and HTML escaped."""
    parts = _COMMAND.split(visible(str(value)).strip())
    return _OPENING.sub(_escaped, "".join(part if _COMMAND.fullmatch(part) else _plain(part) for part in parts))


def _plain(text: str) -> str:
    shown = _MARKUP.sub(r"\\\g<0>", text)
    return re.sub(r"&(?=#|\w)", "&amp;", shown).replace("<", "&lt;")


def _escaped(match: re.Match[str]) -> str:
    space, mark = match.groups()
    return f"{space}{mark}\\" if mark.isdigit() else f"{space}\\{mark}"


def _line(value: Any) -> str:
    """Return `value` as text in one line, as a heading or a cell of a table wants it."""
    return " ".join(_text(value).split())


def _code(value: Any) -> str:
    """Return `value` as what stands between backticks."""
    return " ".join(visible(str(value)).split()).replace("`", "'") or " "


def _values(value: Any) -> str:
    """Return `value` as JSON between backticks: a backtick in it is an escape of JSON."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return visible(text).replace("<", "\\u003c").replace("`", "\\u0060")


def _block(lines: Iterable[str]) -> str:
    """Return the lines as a block of code whose fence is longer than any in it."""
    text = visible("\n".join(lines))
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", text)), default=0))
    return f"{fence}text\n{text}\n{fence}"


def _moment(text: str) -> str:
    return datetime.fromisoformat(text).strftime("%Y-%m-%d %H:%M:%S UTC")
