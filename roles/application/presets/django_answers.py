"""What does a Django project know of its migrations? Runs with the project's interpreter, started as its manage.py is.

`answer` follows `showmigrations --plan`, `migrate` and `sqlmigrate`; it changes nothing in the database.
"""

import argparse
import contextlib
import importlib
import os
import re
import runpy
import sys

SETTINGS = "DJANGO_SETTINGS_MODULE"
# As servers are told what to serve; the first words are those of a socket and of gunicorn's own configuration.
TARGET = re.compile(r"(?!unix:|python:)[A-Za-z_][\w.]*(:[A-Za-z_][\w.]*(\(\))?|\.[aw]sgi)$")


def answer(request):
    """Return the document described in namaskah_schema/answers.py; the command line has the path of manage.py."""
    from django.core import management

    manage, *options = sys.argv[1:] or ["manage.py"]
    said = {}
    sys.path[0] = os.path.dirname(os.path.abspath(manage))
    if request.get("databases"):
        return _of_service(request, manage, options)
    # Whatever a manage.py does before (paths, environment files, configurations), it comes to this in the end.
    management.ManagementUtility.execute = lambda _: said.update(_of_project(request, options))
    _run(manage, "migrate", options)
    if not said:
        raise RuntimeError(f"{manage} hands no command to Django")
    return said


def _run(manage, command, options):
    sys.argv = [manage, command, *options]
    runpy.run_path(manage, run_name="__main__")


def _chosen(options):
    parser = argparse.ArgumentParser(add_help=False)
    for option, default in (("--settings", None), ("--pythonpath", None), ("--database", "default")):
        parser.add_argument(option, default=default)
    return parser.parse_known_args(options)[0]


def _of_service(request, manage, options):
    """Return which databases the services use: by the settings that their own module names, else by manage.py's."""
    from django.conf import settings
    from django.core import management

    given, found = os.environ.get(SETTINGS), {}
    note = _start(request.get("services", ()))
    own = os.environ.get(SETTINGS, "") if settings.configured else ""
    if own:
        found = _databases(request["databases"], options)
        os.environ.pop(SETTINGS)
        os.environ.update({SETTINGS: given} if given else {})

    def asked(_):
        named = _chosen(options).settings or os.environ.get(SETTINGS, "")
        if not own:
            _set_up(options)
            found.update(_databases(request["databases"], options))
        elif named != own:
            found["databases"][0]["note"] = f"the services use the settings {own}, and {manage} those of {named}"

    management.ManagementUtility.execute = asked
    with contextlib.suppress(Exception if own else ()):
        _run(manage, "check", options)  # no word of migrations: settings may look for one
    if not found:
        raise RuntimeError(f"{manage} hands no command to Django")
    found["databases"][0].setdefault("note", note)
    return found


def _start(services):
    """Import the module that serves with Django, as its server does; return why that cannot be done, else nothing."""
    from django.conf import settings

    sys.argv, note = ["service"], ""
    sys.path.insert(1, os.getcwd())
    for words in services:
        name = next((word.partition(":")[0] for word in words if TARGET.match(word)), "")
        if name and not settings.configured:
            os.environ.update(word.split("=", 1) for word in words if word.startswith(f"{SETTINGS}="))
            try:
                importlib.import_module(name)
            except (Exception, SystemExit) as error:
                note = f"which settings the services use is unknown, for {name} cannot be imported: {error}"
    return "" if settings.configured else note


def _databases(question, options):
    from django.db import connections

    first = _chosen(options).database
    others = [name for name in sorted(connections) if name != first]
    beside = [_used_beside(connections[name], question) for name in others]
    return {"databases": [_used(connections[first], question), *beside]}


def _set_up(options):
    import django
    from django.core.management.base import handle_default_options

    handle_default_options(_chosen(options))
    django.setup()


def _of_project(request, options):
    from django.db import connections
    from django.db.migrations.loader import MigrationLoader

    chosen = _chosen(options)
    _set_up(options)
    connection = connections[chosen.database]
    loader = MigrationLoader(connection)
    _refuse_ignored(loader)
    graph, applied = loader.graph, set(loader.applied_migrations)
    order = list(dict.fromkeys(key for leaf in graph.leaf_nodes() for key in graph.forwards_plan(leaf)))
    beside = _beside(graph, order, chosen.database)
    missing = _missing(graph, beside)
    pending = [key for key in order if key not in applied or key in missing]
    wanted = {_key(name) for name in request.get("sql", ())} | set(pending if request.get("pending_sql") else ())
    backwards = {_key(name) for name in request.get("reverse", ())}
    known = [{**_described(graph, key, applied), "beside": beside.get(key, [])} for key in order]
    sql, reverse = _texts(connection, loader, order, wanted, backwards)
    for key, names in beside.items():
        for texts in (sql, reverse):
            if _name(key) in texts and not texts[_name(key)][1]:
                texts[_name(key)][1] = f"a router gives a part of it to another database: {', '.join(names)}"
    names = [_name(key) for key in pending]
    session = _session(connection, request.get("session"))
    return {"known": known, "pending": names, "unsure": "", "sql": sql, "reverse": reverse, "session": session}


def _session(connection, question):
    """Return what the server says of the connection with which the project migrates."""
    if connection.vendor != "postgresql" or not question:
        return []
    with connection.cursor() as cursor:
        cursor.execute(question)
        return list(cursor.fetchone())


def _used(connection, question):
    """Return which database a connection leads to: the server's own answer to `question`, where it is PostgreSQL."""
    identity, standby = [], False
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(question)
            *parts, standby = cursor.fetchone()
            identity = [str(part) for part in parts]
    return {
        "name": connection.alias,
        "kind": connection.vendor,
        "place": str(connection.settings_dict.get("NAME") or ""),
        "identity": identity,
        "standby": bool(standby),
    }


def _used_beside(connection, question):
    """The same for a database without these migrations: one that cannot be reached now stops no release."""
    try:
        return _used(connection, question)
    except Exception:
        place = str(connection.settings_dict.get("NAME") or "")
        return {"name": connection.alias, "kind": connection.vendor, "place": place, "identity": [], "standby": False}


def _refuse_ignored(loader):
    """Refuse migrations that Django passes over without a word, for their folder is no package."""
    from django.apps import apps
    from django.conf import settings

    for label in loader.unmigrated_apps:
        folder = os.path.join(apps.get_app_config(label).path, "migrations")
        if label in settings.MIGRATION_MODULES or not os.path.isdir(folder):
            continue
        names = os.listdir(folder)
        found = sorted(name for name in names if name.endswith(".py") and name[0] not in "_~")
        if found and "__init__.py" not in names:
            raise RuntimeError(f"Django passes over {found[0]}: there is no __init__.py in {folder}")


def _beside(graph, order, asked):
    """Return for each migration the databases to which routers give a part of it that they keep from the one asked."""
    from django.db import connections, router

    others = [alias for alias in sorted(connections) if alias != asked] if router.routers else []
    found = {}
    for key in order if others else ():
        kept = [one for one in _each(graph.nodes[key].operations) if not _let_through(asked, key[0], one)]
        aliases = [alias for alias in others if any(_let_through(alias, key[0], one) for one in kept)]
        if aliases:
            found[key] = aliases
    return found


def _missing(graph, beside):
    """Return the migrations that such a database does not have."""
    from django.db import connections
    from django.db.migrations.recorder import MigrationRecorder

    found = set()
    for alias in sorted({alias for aliases in beside.values() for alias in aliases}):
        applied = set(MigrationRecorder(connections[alias]).applied_migrations())
        for key in (key for key, aliases in beside.items() if alias in aliases):
            replaced = set(graph.nodes[key].replaces)
            if key not in applied and not (replaced and replaced <= applied):
                found.add(key)
    return found


def _each(operations):
    for operation in operations:
        if hasattr(operation, "database_operations"):
            yield from _each(operation.database_operations)
        else:
            yield operation


def _let_through(alias, label, operation):
    """Whether routers let an operation change a database: asked as the operation itself asks them."""
    from django.apps import apps
    from django.db import router
    from django.db.migrations.operations.models import ModelOperation

    hints = dict(getattr(operation, "hints", None) or {})
    name = getattr(operation, "model_name", None)
    name = name or (operation.name if isinstance(operation, ModelOperation) else None)
    if name:
        hints["model_name"] = name.lower()
        with contextlib.suppress(LookupError):  # the code may have it no more, and most routers go by the names
            hints["model"] = apps.get_model(label, name)
    return router.allow_migrate(alias, label, **hints)


def _key(name):
    return tuple(name.split(".", 1))


def _name(key):
    return ".".join(key)


def _described(graph, key, applied):
    """Return what is known of a migration. Its reversal, `migrate app X`, takes back all that stands on X."""
    app, name = key
    parents = sorted(one.key for one in graph.node_map[key].parents if one.key[0] == app)
    own = _upwards(graph, [key])
    choices = []
    for target in parents or [(app, "zero")]:
        children = graph.node_map[target].children if parents else graph.node_map.values()
        taken = _upwards(graph, [one.key for one in children if one.key[0] == app])
        choices.append((sorted((taken - own) & applied), target[1]))
    also, before = min(choices, key=lambda choice: len(choice[0]))
    return {
        "name": _name(key),
        "places": {"migration": _name(key), "app": app, "name": name, "before": before},
        "also": [_name(one) for one in also],
        "replaces": [_name(one) for one in graph.nodes[key].replaces],
    }


def _upwards(graph, keys):
    """Return these migrations and all that stand on one of them."""
    found = set()
    while keys:
        key = keys.pop()
        if key not in found:
            found.add(key)
            keys += [one.key for one in graph.node_map[key].children]
    return found


def _texts(connection, loader, order, wanted, backwards):
    """Return the statements of migrations and of reversals, each with why they are not all; in one walk over all."""
    from django.db.migrations.state import ProjectState

    sql, reverse = {}, {}
    state = ProjectState(real_apps=loader.unmigrated_apps)
    last = max((place for place, key in enumerate(order) if key in wanted | backwards), default=-1)
    for key in order[: last + 1]:
        migration = loader.graph.nodes[key]
        for into, chosen, collect in ((reverse, backwards, _backwards), (sql, wanted, _forwards)):
            if key in chosen:
                into[_name(key)] = _collected(connection, migration, state.clone(), collect)
        state = migration.mutate_state(state, preserve=False)
    return sql, reverse


def _collected(connection, migration, state, collect):
    from django.db import transaction

    statements, why = [], ""
    try:
        with contextlib.ExitStack() as stack:
            # What an operation of somebody's own does to the database itself, instead of printing it, is taken back.
            taken_back = migration.atomic and connection.vendor == "postgresql"
            if taken_back:
                stack.enter_context(transaction.atomic(using=connection.alias))
            with connection.schema_editor(collect_sql=True, atomic=migration.atomic) as editor:
                statements = editor.collected_sql
                why = collect(migration, editor, state)
            if taken_back:
                transaction.set_rollback(True, using=connection.alias)
    except Exception as error:
        why = f"its SQL cannot be printed: {type(error).__name__}: {error}"
    # A comment ends with its line, and a statement before the next one.
    return ["\n;\n".join(statements), why]


def _forwards(migration, editor, state):
    why = ""
    for operation in migration.operations:
        before = state.clone()
        operation.state_forwards(migration.app_label, state)
        if _runs_code(operation):
            why = "it runs code of the application, which no SQL shows"
        else:
            operation.database_forwards(migration.app_label, editor, before, state)
    return why


def _backwards(migration, editor, state):
    steps = []
    for operation in migration.operations:
        if not operation.reversible:
            raise ValueError(f"{operation.describe()} is not reversible")
        before, state = state, state.clone()
        operation.state_forwards(migration.app_label, state)
        steps.insert(0, (operation, before, state))
    for operation, before, after in steps:
        if not _runs_code(operation):
            operation.database_backwards(migration.app_label, editor, after, before)
    return ""


def _runs_code(operation):
    # One that holds others says of itself that it can be written as SQL, and would run their code here.
    within = getattr(operation, "database_operations", ())
    return not operation.reduces_to_sql or any(_runs_code(one) for one in within)
