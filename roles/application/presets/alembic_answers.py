"""What does an application know of its Alembic migrations? Runs with its interpreter, with the words of its alembic.

`answer` follows `alembic current`, `upgrade --sql` and `downgrade --sql`; it changes nothing in the database.
"""

import io
import os
import sys
import warnings

ALONE = (
    "which database the application uses was asked of env.py alone; name namaskah_database_command to have the "
    "application itself asked"
)


class BeyondError(Exception):
    """The database stands at what the code does not have."""


def answer(request):
    """Return the document described in namaskah_schema/answers.py; the command line has alembic's options."""
    from alembic.config import CommandLine

    said = {}

    class Asked(CommandLine):
        def run_cmd(self, config, options):
            del options
            said.update(_of_scripts(config, request))

    options = sys.argv[1:]
    program = os.path.join(sys.prefix, "bin", "alembic")
    sys.path[0] = os.path.dirname(program)
    sys.argv = [program, *options, "current"]
    # Of two files with the same id Alembic takes one, and warns.
    warnings.filterwarnings("error", message=".*present more than once")
    Asked(prog="alembic").main(argv=sys.argv[1:])
    if not said:
        raise RuntimeError("alembic came to no command")
    return said


def _of_scripts(config, request):
    from alembic.script import ScriptDirectory

    script = ScriptDirectory.from_config(config)
    if request.get("databases"):
        return {"databases": _used(config, script, request["databases"])}
    order = [step.revision for step in script._upgrade_revs("heads", ())]
    session = []
    try:
        applied, unsure = _applied(config, script, session, request.get("session")), ""
    except BeyondError as error:
        applied, unsure = {one.revision for one in order}, str(error)
    pending = [one.revision for one in order if one.revision not in applied]
    wanted = {*request.get("sql", ()), *(pending if request.get("pending_sql") else ())}
    forwards = [one for one in order if one.revision in wanted]
    backwards = [one for one in order if one.revision in request.get("reverse", ())][::-1]
    roots = [one for one in order if not _tuple(one.down_revision)]
    return {
        "known": [_described(script, one, roots) for one in order],
        "pending": pending,
        "unsure": unsure,
        "sql": _texts(config, script, forwards) if forwards else {},
        "reverse": _texts(config, script, backwards, backwards=True) if backwards else {},
        "session": session,
    }


def _used(config, script, question):
    """Return which databases env.py goes to: the server's own answer to `question`, where one is PostgreSQL."""
    from alembic.runtime.environment import EnvironmentContext

    found = []

    def note(_heads, context):
        connection, identity, standby = context.connection, [], False
        if connection.dialect.name == "postgresql":
            *parts, standby = connection.exec_driver_sql(question).fetchone()
            identity = [str(part) for part in parts]
        place = str(connection.engine.url.database or "")
        found.append({
            "name": f"database {len(found) + 1} of env.py" if found else "env.py",
            "kind": connection.dialect.name, "place": place, "identity": identity, "standby": bool(standby),
            "note": "" if found else ALONE,
        })  # fmt: skip
        return []

    with EnvironmentContext(config, script, fn=note, dont_mutate=True):
        script.run_env()
    if not found:
        raise RuntimeError("env.py ended without context.run_migrations(): which database it goes to is unknown")
    return found


def _tuple(value):
    return (value,) if isinstance(value, str) else tuple(value or ())


def _applied(config, script, session, question):
    """Return what is applied in every database that env.py goes to: the revisions there, and all that they stand on.

    Into `session` comes what the server says of the connection.
    """
    from alembic.runtime.environment import EnvironmentContext

    found = []

    def note(heads, context):
        found.append(_standing_on(script, _tuple(heads)))
        if question and context.connection.dialect.name == "postgresql":
            session[:] = context.connection.exec_driver_sql(question).fetchone()
        return []

    with EnvironmentContext(config, script, fn=note, dont_mutate=True):
        script.run_env()
    if not found:
        raise RuntimeError("env.py ended without context.run_migrations(): which revisions are applied is unknown")
    return set.intersection(*found)


def _standing_on(script, heads):
    seen, ahead = set(), []
    for head in heads:
        try:
            ahead.append(script.get_revision(head))
        except Exception:
            raise BeyondError(
                f"the database stands at revision {head!r}, which this release does not have: release code that has it"
            ) from None
    while ahead:
        revision = ahead.pop()
        if revision.revision not in seen:
            seen.add(revision.revision)
            # `depends_on` may name a label of a branch, or the beginning of an id.
            below = (*_tuple(revision.down_revision), *_tuple(revision.dependencies))
            ahead += [script.get_revision(name) for name in below]
    return seen


def _described(script, revision, roots):
    """Return what is known of a revision. `X@before` takes back X alone where more than one stand on `before`."""
    down = _tuple(revision.down_revision)
    # Of several the last one: what stands on that leads to this revision alone.
    last = [one for one in down if not any(one in _standing_on(script, [other]) for other in down if other != one)]
    before = last[0] if last else "base"
    beside = len(script.get_revision(before).nextrev) if last else len(roots)
    return {
        "name": revision.revision,
        "places": {
            "migration": revision.revision,
            "before": before if beside == 1 else f"{revision.revision}@{before}",
        },
        "also": [],
        "replaces": [],
        "newest": revision._is_real_head,
    }


def _texts(config, script, revisions, *, backwards=False):
    """Return the statements of revisions, or of their reversals, each with why they are not all: one run of env.py."""
    from alembic.runtime.environment import EnvironmentContext

    found, why = {}, ""

    def steps(_heads, context):
        return [_apart(script, one, context, found, backwards) for one in revisions]

    config.output_buffer = io.StringIO()  # what surrounds the migrations themselves
    try:
        with EnvironmentContext(config, script, fn=steps, as_sql=True):
            script.run_env()
    except (Exception, SystemExit) as error:
        why = f"its SQL cannot be printed: {type(error).__name__}: {error}"
    names = [one.revision for one in revisions]
    return {name: found.get(name) or ["", why or "env.py printed nothing of it"] for name in names}


def _apart(script, revision, context, found, backwards):
    """Return a step of which Alembic keeps no account: where branches are does not matter for what it prints."""
    from alembic.runtime.migration import RevisionStep

    class Apart(RevisionStep):
        insert_version_num = revision.revision
        should_delete_branch = staticmethod(lambda _heads: False)
        should_create_branch = staticmethod(lambda _heads: True)

    step = Apart(script.revision_map, revision, not backwards)
    step.migration_fn = _collecting(step.migration_fn, revision.revision, context, found)
    return step


def _collecting(function, name, context, found):
    """Return the function, but for what it prints and raises: that is kept in `found`."""

    def collect(**given):
        statements, printed, why = [], context.impl.static_output, ""
        context.impl.static_output = statements.append
        try:
            function(**given)
        except Exception as error:
            why = f"its SQL cannot be printed: {type(error).__name__}: {error}"
        finally:
            context.impl.static_output = printed
        why = why or _hidden(function, statements)
        before = found.get(name, ["", ""])  # of another database
        # A comment ends with its line, and a statement before the next one.
        found[name] = ["\n;\n".join(filter(None, [before[0], *statements])), before[1] or why]

    return collect


def _hidden(function, statements):
    names = getattr(getattr(function, "__code__", None), "co_names", ("anything",))
    if {"is_offline_mode", "as_sql"} & set(names):
        return "it asks whether it only prints: what it does then is not what it does to the database"
    return "it calls something, and prints no SQL" if names and not statements else ""
