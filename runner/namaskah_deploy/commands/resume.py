"""The command `resume`: a run that died goes on."""

import click

from namaskah_deploy.commands.common import CONTEXT
from namaskah_deploy.options import Options, shared


@click.command("resume", context_settings=CONTEXT)
@click.argument("env")
@click.option("--run", "run_id", metavar="ID", default="", help="Which one; else the only unfinished run.")
@shared(why="the run goes on with its own ref, hosts, reason and overrides; the hosts have kept them")
def resume(env: str, run_id: str, options: Options) -> None:
    """Finish a release or a rollback whose run died: what was done is kept, what returned is done again.

    The hosts say what it was about. It goes on under its own name, with its own commit, release and backup; a run that
    lives is refused. `abort` gives it up instead.
    """
    from namaskah_deploy.execute import resume as go_on  # noqa: PLC0415 - half a second that `-h` need not pay
    from namaskah_deploy.surroundings import Surroundings, look  # noqa: PLC0415 - see above

    context = click.get_current_context()
    surroundings = context.find_object(Surroundings) or look()
    context.exit(go_on(env, run_id, options, surroundings))
