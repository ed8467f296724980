"""How does a report read? Renders its JSON document as Markdown."""

from collections.abc import Mapping
from datetime import datetime
from importlib import resources
from typing import Any


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
    environment.filters.update(cell=_cell, moment=_moment)
    parts = [("Phases", document)]
    if document["recovery"]:
        parts.append(("Return", document["recovery"]))
    optional = {"ref": "", "tag": "", "reason": ""}
    return environment.from_string(template).render(**{**optional, **document}, parts=parts, meaning=meaning)


def _cell(value: Any) -> str:
    """Return `value` as it may stand in a cell of a table."""
    return " ".join(str(value).split()).replace("|", "\\|")


def _moment(text: str) -> str:
    return datetime.fromisoformat(text).strftime("%Y-%m-%d %H:%M:%S UTC")
