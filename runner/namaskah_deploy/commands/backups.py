"""The group `backups`: what there is to go back to, whether it is whole, and what may go."""

from typing import Any

import click

from namaskah_deploy import words
from namaskah_deploy.commands.common import CONTEXT, carry_out
from namaskah_deploy.errors import Refused
from namaskah_deploy.options import Options, shared
from namaskah_deploy.request import Kind


class _Backups(click.Group):
    """The commands, and the shorthand: `backups ENV` is `backups list ENV`.

    A word that is a command is always that command, so an environment of such a name is listed by `backups list NAME`.
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take words that begin with no command for those of `list`; raises Refused for a misspelt command."""
        if args and args[0] not in self.commands and args[0] not in ctx.help_option_names:
            self._refuse_misspelt(args)
            args = ["list", *args]
        return super().parse_args(ctx, args)

    def _refuse_misspelt(self, args: list[str]) -> None:
        """An environment stands alone before its options: a second word belongs to a command that is not there."""
        if args[0].startswith("-") or len(args) == 1 or args[1].startswith("-"):
            return
        close = words.nearest(args[0], self.commands)
        raise Refused(
            f"{args[0]!r} is no command of `backups`",
            f"its commands: {', '.join(self.commands)}",
            next_step=f"did you mean {close!r}?" if close else "namaskah-deploy backups -h explains them",
        )

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's form
        """Return the names in the order in which they were added, not of the alphabet."""
        return list(self.commands)


@click.group("backups", cls=_Backups, context_settings=CONTEXT)
def backups() -> None:
    """List, check, pin and remove backups. `backups ENV` is short for `backups list ENV`."""


@backups.command("list", context_settings=CONTEXT)
@click.argument("env")
@shared("limit")
def _list(env: str, options: Options) -> None:
    """List the backups of ENV, oldest first: of which release, proved or not, pinned, copied."""
    carry_out(Kind.BACKUPS, env, options)


def _of_one(name: str, kind: Kind, help_text: str, *takes: str) -> None:
    """Add a command about one backup."""

    @backups.command(name, help=help_text, context_settings=CONTEXT)
    @click.argument("env")
    @click.argument("backup")
    @shared("limit", *takes)
    def command(env: str, backup: str, options: Options) -> None:
        carry_out(kind, env, options, backup=backup)


def _restoring(command: Any) -> Any:
    """Give a command that takes rows away its confirmation."""
    return click.option(
        "--confirm", metavar="ENV", default="", help="The environment's name again; needed where nobody can be asked."
    )(command)


@backups.command("restore", context_settings=CONTEXT)
@click.argument("env")
@click.argument("backup")
@_restoring
@shared("limit", "reason", "allow")
def _restore(env: str, backup: str, confirm: str, options: Options) -> None:
    """Restore a backup into a new database, prove it there, and swap it in; the code stays.

    Rows written since are counted for each table and kept as files first; the replaced database is kept. To go back to
    an earlier release as well: `rollback --restore-database`.
    """
    carry_out(Kind.RESTORE, env, options, backup=backup, confirmed=confirm)


@backups.command("swap-back", context_settings=CONTEXT)
@click.argument("env")
@_restoring
@shared("limit", "reason", "allow")
def _swap_back(env: str, confirm: str, options: Options) -> None:
    """Give the live name back to the database that the newest restore replaced; the restored one is kept aside."""
    carry_out(Kind.SWAP_BACK, env, options, confirmed=confirm)


_of_one("show", Kind.BACKUPS_SHOW, "Show what the manifest says of a backup, and what its proof found.")


@backups.command("verify", context_settings=CONTEXT)
@click.argument("env")
@click.argument("backup", default="")
@shared("limit")
def _verify(env: str, backup: str, options: Options) -> None:
    """Read every byte of the backups of ENV (or of one) again and compare it with the manifests and their chain."""
    carry_out(Kind.BACKUPS_VERIFY, env, options, backup=backup)


_of_one("keep", Kind.BACKUPS_KEEP, "Pin a backup: no retention removes it. --reason is kept with the pin.", "reason")
_of_one("unkeep", Kind.BACKUPS_UNKEEP, "Take the pin off a backup again.")
_of_one("copy", Kind.BACKUPS_COPY, "Copy a backup to every target of backup_copies that has no verified copy of it.")
_of_one("extract", Kind.BACKUPS_EXTRACT, "Unpack the files of a backup into a new folder; nothing live is touched.")


@backups.command("prune", context_settings=CONTEXT)
@click.argument("env")
@click.option("--dry-run", is_flag=True, help="Only show what would go and why the others stay.")
@shared("limit")
def _prune(env: str, options: Options, *, dry_run: bool) -> None:
    """Remove the backups of ENV that retention lets go; at a terminal they are shown before the question.

    Pinned ones, the last proved one and those that a kept release needs always stay.
    """
    kind: Any = Kind.BACKUPS_PREVIEW if dry_run else Kind.BACKUPS_PRUNE
    carry_out(kind, env, options)
