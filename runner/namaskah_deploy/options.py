"""Which options does every command understand? Declared once, so that their place and meaning never differ."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click


@dataclass(frozen=True, kw_only=True)
class Options:
    """The options that all commands share."""

    ref: str
    yes: bool
    limit: tuple[str, ...]
    json: bool
    events: bool
    verbose: int
    inventory: Path
    no_color: bool
    allow: tuple[str, ...]
    reason: str
    print_command: bool


def _words(_context: click.Context, _parameter: click.Parameter, value: str) -> tuple[str, ...]:
    return tuple(word for word in value.split(",") if word)


_SHARED: tuple[Callable[[Callable[..., Any]], Callable[..., Any]], ...] = (
    click.option("--ref", metavar="REF", default="", help="Branch, tag or commit to release; else the inventory's."),
    click.option("--yes", "-y", is_flag=True, help="Do not ask. Needed for a change where nobody can be asked."),
    click.option(
        "--limit",
        metavar="HOSTS",
        default="",
        callback=_words,
        help="Only these hosts or groups, with commas; ! leaves out.",
    ),
    click.option("--reason", "-m", metavar="TEXT", default="", help="Why; kept in the hosts' journal and the report."),
    click.option("--allow", metavar="NAME", multiple=True, help="Override the refusal of that name; may be repeated."),
    click.option("--json", is_flag=True, help="Print one JSON document; everything else goes to standard error."),
    click.option("--events", is_flag=True, help="Print each event as a line of JSON while it happens."),
    click.option("--verbose", "-v", count=True, help="Show every task."),
    click.option("--no-color", is_flag=True, help="No colours. NO_COLOR and TERM=dumb mean the same."),
    click.option(
        "--inventory",
        type=click.Path(file_okay=False, path_type=Path),
        default=Path("inventory"),
        envvar="NAMASKAH_INVENTORY",
        show_default=True,
        show_envvar=True,
        metavar="DIR",
        help="Folder of the environments.",
    ),
    click.option("--print-command", is_flag=True, help="Print the equivalent ansible-playbook command and stop."),
)


def shared(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give `command` the shared options, and hand them to it as one value, `options`."""
    names = Options.__dataclass_fields__

    @functools.wraps(command)
    def gathered(**values: Any) -> Any:
        own = {name: value for name, value in values.items() if name not in names}
        return command(options=Options(**{name: values[name] for name in names}), **own)

    for option in reversed(_SHARED):
        gathered = option(gathered)
    return gathered
