"""Which options do commands share? Declared once, so that their place and meaning never differ.

Four of them have a meaning for some commands only. Such a command names those that it takes; the others are refused
there, never passed over: who gives an option counts on what it says.
"""

import functools
import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from namaskah_deploy.errors import Refused

CHOSEN = ("ref", "limit", "reason", "allow")
"""The options that a command has to name to take them."""
_WHY: Mapping[str, str] = {
    "ref": "it releases nothing, so that no ref is resolved",
    "limit": "it is about the whole fleet",
    "reason": "no host would keep it",
    "allow": "it refuses nothing that could be overridden",
}
_PRINTS = ("json", "events", "print_command")
"""Options of which each decides alone what stands on standard output."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """The options that commands share; one that the command does not take is empty."""

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


def _option(*names: str, **words: Any) -> Callable[..., Callable[[Callable[..., Any]], Callable[..., Any]]]:
    """Return how a command is given the option, which its help may leave out."""
    return functools.partial(click.option, *names, **words)


_SHARED = {
    "ref": _option("--ref", metavar="REF", default="", help="Branch, tag or commit to release; else the inventory's."),
    "yes": _option("--yes", "-y", is_flag=True, help="Do not ask. Needed for a change where nobody can be asked."),
    "limit": _option(
        "--limit",
        metavar="HOSTS",
        default="",
        callback=_words,
        help="Only these hosts or groups, with commas; ! leaves out.",
    ),
    "reason": _option(
        "--reason", "-m", metavar="TEXT", default="", help="Why; kept in the hosts' journal and the report."
    ),
    "allow": _option(
        "--allow", metavar="NAME", multiple=True, help="Override the refusal of that name; may be repeated."
    ),
    "json": _option("--json", is_flag=True, help="Print one JSON document; everything else goes to standard error."),
    "events": _option("--events", is_flag=True, help="Print each event as a line of JSON while it happens."),
    "verbose": _option("--verbose", "-v", count=True, help="Show every task."),
    "no_color": _option("--no-color", is_flag=True, help="No colours. NO_COLOR and TERM=dumb mean the same."),
    "inventory": _option(
        "--inventory",
        type=click.Path(file_okay=False, path_type=Path),
        default=Path("inventory"),
        envvar="NAMASKAH_INVENTORY",
        show_default=True,
        show_envvar=True,
        metavar="DIR",
        help="Folder of the environments.",
    ),
    "print_command": _option(
        "--print-command", is_flag=True, help="Print the equivalent ansible-playbook command and stop."
    ),
}


def shared(
    *takes: str, why: str = "", called: Mapping[str, str] | None = None
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Give a command the shared options, and hand them to it as one value, `options`.

    Of CHOSEN it takes those in `takes` and raises Refused for any other that is given, for the reason `why` where one
    is said here. `called` names the options of the command by which it means what another command's option says.
    """
    names = Options.__dataclass_fields__
    refused = tuple(name for name in CHOSEN if name not in takes)

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(command)
        def gathered(**values: Any) -> Any:
            context = click.get_current_context()
            _refuse(context, [name for name in refused if _given(context, name)], why, called or {})
            _refuse_two_outputs([name for name in _PRINTS if values[name]])
            own = {name: value for name, value in values.items() if name not in names}
            return command(options=Options(**{name: values[name] for name in names}), **own)

        given: Callable[..., Any] = gathered
        for name, option in reversed(_SHARED.items()):
            given = option(hidden=name in refused)(given)
        return given

    return decorate


def _given(context: click.Context, name: str) -> bool:
    return context.get_parameter_source(name) is ParameterSource.COMMANDLINE


def _refuse(context: click.Context, names: list[str], why: str, called: Mapping[str, str]) -> None:
    """Refuse the options `names`, with the command that says the same without them. Raises Refused."""
    if not names:
        return
    instead = {called[name]: context.params[name] for name in names if name in called}
    instead = {name: value for name, value in instead.items() if not _given(context, name)}
    words = list(context.command_path.split())
    for parameter in context.command.params:
        if parameter.name in instead:
            words += [_longest(parameter), str(instead[parameter.name])]
        elif parameter.name not in names and _given(context, str(parameter.name)):
            words += _typed(parameter, context.params[str(parameter.name)])
    options = ", ".join(_longest(one) for one in context.command.params if one.name in names)
    raise Refused(
        f"`{' '.join(context.command_path.split()[1:])}` takes no {options}",
        why or "; ".join(_WHY[name] for name in names),
        next_step=f"{'write' if instead else 'leave it out'}: {shlex.join(words)}",
    )


def _longest(parameter: click.Parameter) -> str:
    return max(parameter.opts, key=len)


def _typed(parameter: click.Parameter, value: Any) -> Iterator[str]:
    """Yield the words that gave `parameter` its value."""
    if isinstance(parameter, click.Argument):
        yield str(value)
    elif isinstance(parameter, click.Option) and (parameter.is_flag or parameter.count):
        yield from [_longest(parameter)] * int(value)
    elif parameter.multiple:
        for one in value:
            yield from (_longest(parameter), str(one))
    else:
        yield from (_longest(parameter), ",".join(value) if isinstance(value, tuple) else str(value))


def _refuse_two_outputs(names: list[str]) -> None:
    """Standard output is one document, or lines, or a command: never two of them. Raises Refused."""
    if len(names) > 1:
        options = [f"--{name.replace('_', '-')}" for name in names]
        raise Refused(
            f"{' and '.join(options)} do not go together",
            "each of them decides alone what is printed",
            next_step=f"leave all but one out, such as {options[0]} alone",
        )
