"""How does a command of the operator become a request? What all commands have in common."""

from typing import Any

import click

from namaskah_deploy.options import Options, shared
from namaskah_deploy.request import Kind, Request

CONTEXT = {"help_option_names": ["-h", "--help"]}

lock_wait = click.option(
    "--lock-wait",
    type=click.IntRange(0, 86400),
    default=0,
    metavar="SECONDS",
    help="Wait so long for a lease that somebody else holds, saying who does.",
)


def carry_out(kind: Kind, env: str, options: Options, *, lease_only: bool = False, **words: Any) -> None:
    """Carry out `kind` and exit with its code; `words` are the fields of the request that only this command has."""
    from namaskah_deploy.execute import execute  # noqa: PLC0415 - half a second that a refused word need not pay
    from namaskah_deploy.surroundings import Surroundings, look  # noqa: PLC0415 - see above

    context = click.get_current_context()
    surroundings = context.find_object(Surroundings) or look()
    request = Request(
        kind=kind,
        environment=env,
        ref=options.ref,
        limit=options.limit,
        allow=options.allow,
        reason=options.reason,
        by=surroundings.by,
        **words,
    )
    context.exit(execute(request, options, surroundings, lease_only=lease_only))


def plain(name: str, kind: Kind, help_text: str, *takes: str) -> click.Command:
    """Return a command that takes an environment and the shared options, of options.CHOSEN those in `takes`."""

    @click.command(name, help=help_text, context_settings=CONTEXT)
    @click.argument("env")
    @shared(*takes)
    def command(env: str, options: Options) -> None:
        carry_out(kind, env, options)

    return command
