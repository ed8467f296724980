"""Writes docs/reference anew from the code: `make docs`. With --check it only says which page is out of date.

The pages follow the commands themselves and the argument specs of the roles, so they cannot tell another story.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import yaml

ROOT = Path(__file__).resolve().parents[1]
PAGES = ROOT / "docs" / "reference"
sys.path.insert(0, str(ROOT / "runner"))

from namaskah_deploy import commands, options  # noqa: E402 - found by the line above
from namaskah_deploy.outcome import MEANING  # noqa: E402 - found by the line above
from namaskah_deploy.overrides import OVERRIDES  # noqa: E402 - found by the line above

MADE = "<!-- Written by `make docs`; change the code, not this page. -->\n"


def command_line() -> str:
    """Return the page about the command line."""
    lines = [
        "# Command line",
        "",
        MADE,
        "`namaskah-deploy ENV` is short for `namaskah-deploy deploy ENV`, for declared environments only: the folders",
        "of `inventory/` with a `hosts.yml`. Options stand after the command.",
        "",
        "## Commands",
        "",
    ]
    for command in commands.ALL:
        lines += _command(command, f"namaskah-deploy {command.name}")
    lines += ["## Options of every command", "", *_options(_shared()), "", "## Exit codes", ""]
    lines += ["| code | meaning |", "|---|---|", *(f"| {code.value} | {text} |" for code, text in MEANING.items())]
    lines += ["", "## Refusals that `--allow NAME` overrides", "", *_overrides()]
    return "\n".join(lines) + "\n"


def variables() -> str:
    """Return the page about the variables of the roles."""
    lines = ["# Variables of the roles", "", MADE]
    for path in sorted(ROOT.glob("roles/*/meta/*_specs.yml"), key=lambda path: path.parts[-3] != "application"):
        specs = yaml.safe_load(path.read_text(encoding="utf-8"))["argument_specs"]
        for entry, spec in specs.items():
            name = path.parts[-3] if entry in ("main", "settle") else f"{path.parts[-3]}, {entry}"
            lines += [f"## {name}", "", _sentence(spec.get("short_description", "")), ""]
            lines += _variables(spec.get("options") or {})
    return "\n".join(lines).rstrip() + "\n"


def _command(command: click.Command, words: str) -> Iterator[str]:
    if isinstance(command, click.Group):
        for child in command.commands.values():
            yield from _command(child, f"{words} {child.name}")
        return
    arguments = [one for one in command.params if isinstance(one, click.Argument)]
    usage = " ".join(
        f"{one.human_readable_name}" if one.required else f"[{one.human_readable_name}]" for one in arguments
    )
    yield from (f"### `{words} {usage} [OPTIONS]`", "", " ".join((command.help or "").split()), "")
    own = [
        one
        for one in command.params
        if isinstance(one, click.Option) and not one.hidden and one.name not in _shared_names()
    ]
    if own:
        yield from (*_options(own), "")


def _shared_names() -> set[str]:
    return set(options.Options.__dataclass_fields__) - set(options.CHOSEN)


def _shared() -> list[click.Option]:
    deploy = commands.ALL[0]
    return [one for one in deploy.params if isinstance(one, click.Option) and one.name in _shared_names()]


def _options(found: list[click.Option]) -> Iterator[str]:
    yield from ("| option | meaning |", "|---|---|")
    for option in found:
        names = ", ".join(f"`{name}`" for name in sorted(option.opts, key=len, reverse=True))
        value = f" {option.metavar}" if option.metavar else ""
        yield f"| {names}{value} | {option.help} |"


def _overrides() -> Iterator[str]:
    yield from ("| name | what one takes upon oneself |", "|---|---|")
    yield from (f"| `{name}` | {meaning} |" for name, meaning in OVERRIDES.items())


def _variables(found: dict[str, Any]) -> Iterator[str]:
    if not found:
        yield from ("It has none.", "")
        return
    yield from ("| variable | type | default | meaning |", "|---|---|---|---|")
    for name, spec in found.items():
        default = "required" if spec.get("required") else f"`{_cell(spec.get('default'))}`" if "default" in spec else ""
        text = spec.get("description", "")
        meaning = _sentence(" ".join(text) if isinstance(text, list) else text)
        choices = f" One of {', '.join(f'`{one}`' for one in spec['choices'])}." if spec.get("choices") else ""
        yield f"| `{name}` | {spec.get('type', 'str')} | {default} | {_cell(meaning)}{choices} |"
    yield ""


def _cell(value: Any) -> str:
    text = value if isinstance(value, str) else yaml.safe_dump(value, default_flow_style=True, width=1000)
    return " ".join(text.removesuffix("...\n").split()).replace("|", "\\|") or '""'


def _sentence(text: str) -> str:
    text = " ".join(text.split())
    return text if not text or text[-1] in ".:?" else f"{text}."


def main() -> int:
    """Write the pages, or with --check compare them; returns 1 when one differs."""
    stale = []
    for name, text in {"cli.md": command_line(), "variables.md": variables()}.items():
        page = PAGES / name
        if page.is_file() and page.read_text(encoding="utf-8") == text:
            continue
        stale.append(name)
        if "--check" not in sys.argv:
            PAGES.mkdir(parents=True, exist_ok=True)
            page.write_text(text, encoding="utf-8")
    for name in stale:
        print(f"docs/reference/{name} {'is out of date: make docs' if '--check' in sys.argv else 'was written'}")
    return int(bool(stale) and "--check" in sys.argv)


if __name__ == "__main__":
    sys.exit(main())
