"""What did the operator type? Finds the command, prints a refusal, and exits with the documented code."""

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Never

import click

from namaskah_deploy import __version__, commands, environments, words
from namaskah_deploy.errors import Refused
from namaskah_deploy.foreign import inert, visible

if TYPE_CHECKING:
    from namaskah_deploy.surroundings import Surroundings

_REFUSED = 2


class _Root(click.Group):
    """The commands, and the closed shorthand: `namaskah-deploy ENV` is `namaskah-deploy deploy ENV`.

    Only a declared environment is taken for one, so a misspelt command never becomes a release.
    """

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that the words mean; raises Refused with the nearest name when they mean none."""
        word = args[0]
        if word in self.commands:
            return super().resolve_command(ctx, args)
        declared = environments.declared(_inventory(args))
        if word in declared:
            return super().resolve_command(ctx, ["deploy", *args])
        close = words.nearest(word, [*self.commands, *declared])
        raise Refused(
            f"{word!r} is neither a command nor a declared environment",
            f"environments: {', '.join(declared) or 'none in ' + str(_inventory(args).absolute())}",
            next_step=f"did you mean {close!r}?" if close else "namaskah-deploy -h lists both",
        )

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands in the order of use, and the environments after them."""
        super().format_commands(ctx, formatter)
        declared = environments.declared(_inventory([]))
        with formatter.section("Environments"):
            formatter.write_text(", ".join(declared) or "none here; see --inventory")

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's form
        """Return the names in the order in which they were added, not of the alphabet."""
        return list(self.commands)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[Any]:
        """Offer the environments beside the commands."""
        from click.shell_completion import CompletionItem  # noqa: PLC0415 - only a completing shell needs it

        names = [name for name in environments.declared(_inventory([])) if name.startswith(incomplete)]
        return [*super().shell_complete(ctx, incomplete), *(CompletionItem(name) for name in names)]


@click.group(cls=_Root, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, "--version", message="%(prog)s %(version)s")
def _root() -> None:
    """Release a Python web application to your own hosts, and come back by itself when a release fails.

    `namaskah-deploy ENV` is short for `namaskah-deploy deploy ENV`.
    """


commands.add_all(_root.add_command)


def main(arguments: Sequence[str] | None = None, surroundings: "Surroundings | None" = None) -> Never:
    """Run the command line with `arguments` (default: this process's) and exit with its code."""
    raise SystemExit(run(arguments, surroundings))


def run(arguments: Sequence[str] | None = None, surroundings: "Surroundings | None" = None) -> int:
    """Run the command line and return the exit code."""
    words_given = list(arguments) if arguments is not None else sys.argv[1:]
    try:
        code = _root.main(
            args=words_given,
            prog_name="namaskah-deploy",
            standalone_mode=False,
            obj=surroundings,
        )
    except Refused as refusal:
        click.echo(visible(str(refusal)), err=True)
        if "--json" in words_given:
            click.echo(json.dumps(inert(_document(refusal)), indent=2, ensure_ascii=False))
        return _REFUSED
    except click.ClickException as error:
        error.show()
        return _REFUSED
    except (click.Abort, KeyboardInterrupt):
        click.echo("stopped before anything was started", err=True)
        return _REFUSED
    return int(code or 0)


def _document(refusal: Refused) -> dict[str, Any]:
    return {
        "exit_code": _REFUSED,
        "headline": refusal.what,
        "why": refusal.why,
        "advice": [refusal.next_step] if refusal.next_step else [],
    }


def _inventory(args: Sequence[str]) -> Path:
    """Return the inventory folder that the words name, before click has parsed them."""
    for index, word in enumerate(args):
        if word == "--inventory" and index + 1 < len(args):
            return Path(args[index + 1])
        if word.startswith("--inventory="):
            return Path(word.partition("=")[2])
    return Path(os.environ.get("NAMASKAH_INVENTORY") or "inventory")
