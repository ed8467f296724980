"""What exactly will be started? Turns a request into a value that says it all; pure, nothing is read or run.

Python passes only what Ansible cannot know: what the operator said, who said it, and the name of the run.
"""

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from namaskah_deploy import passing
from namaskah_deploy.content import Content
from namaskah_deploy.environments import Environment, limited
from namaskah_deploy.errors import Refused
from namaskah_deploy.request import REPLACING, SWITCHING, Kind, Request

Value = str | tuple[str, ...]

_GROUPS: Mapping[Kind, tuple[str, ...]] = {
    Kind.DEPLOY: ("app", "database"),
    Kind.ROLLBACK: ("app",),
    Kind.RECOVER: ("app",),
    Kind.BACKUP: ("database", "files"),
    Kind.VERIFY: ("app",),
    Kind.PROVISION: ("app", "database", "balancer"),
    Kind.STATUS: ("app",),
    Kind.RELEASES: ("app",),
    Kind.BACKUPS: ("database", "files"),
    Kind.BACKUPS_SHOW: ("database", "files"),
    Kind.BACKUPS_VERIFY: ("database", "files"),
    Kind.BACKUPS_KEEP: ("database", "files"),
    Kind.BACKUPS_UNKEEP: ("database", "files"),
    Kind.BACKUPS_COPY: ("database", "files"),
    Kind.BACKUPS_EXTRACT: ("database", "files"),
    Kind.BACKUPS_PREVIEW: ("app", "database", "files"),
    Kind.BACKUPS_PRUNE: ("app", "database", "files"),
    Kind.PLAN: ("app",),
    Kind.HOLD: ("app",),
    Kind.LET_GO: ("app",),
    Kind.OUTLOOK: ("app",),
    Kind.RESTORE: ("database",),
    Kind.RESTORE_PREVIEW: ("database",),
    Kind.SWAP_BACK: ("database",),
}
"""The groups whose hosts must all have taken part before a run of that kind may be called good."""
_ACTED_ON: Mapping[Kind, tuple[str, ...]] = {
    Kind.DEPLOY: ("app",),
    Kind.BACKUPS_PREVIEW: ("database", "files"),
    Kind.BACKUPS_PRUNE: ("database", "files"),
}
"""The groups that a kind is about, where others take part as well."""

_BACKUP_ACTS: Mapping[Kind, str] = {
    Kind.BACKUPS: "listed",
    Kind.BACKUPS_SHOW: "shown",
    Kind.BACKUPS_VERIFY: "verified",
    Kind.BACKUPS_KEEP: "kept",
    Kind.BACKUPS_UNKEEP: "unkept",
}
_PRUNING: Mapping[Kind, str] = {Kind.BACKUPS_PREVIEW: "preview", Kind.BACKUPS_PRUNE: "pruned"}
"""What the role is told to do with backups that there are."""

_PLAYBOOK = {
    **{kind: kind.value for kind in Kind},
    Kind.RELEASES: "status",
    Kind.LET_GO: "let_go",
    **dict.fromkeys(_BACKUP_ACTS, "backups"),
    **dict.fromkeys(_PRUNING, "prune"),
    Kind.BACKUPS_EXTRACT: "extract",
    Kind.BACKUPS_COPY: "copy",
    Kind.RESTORE: "restore",
    Kind.RESTORE_PREVIEW: "restore",
    Kind.SWAP_BACK: "swap_back",
}
_WITH_BACKUP = frozenset({Kind.DEPLOY})
_WITH_TARGET = SWITCHING | {Kind.OUTLOOK}


@dataclass(frozen=True, kw_only=True)
class LaunchPlan:
    """One run of a playbook.

    `variables` become extra variables, `environment` is the child's whole environment, `limit` the hosts to act on
    (empty = all), `expected` those that have to take part, `folder` the working folder.
    """

    playbook: Path
    inventory: Path
    variables: Mapping[str, Value]
    environment: Mapping[str, str]
    limit: tuple[str, ...]
    expected: tuple[str, ...]
    folder: Path


def make(
    request: Request,
    environment: Environment,
    content: Content,
    *,
    run_id: str,
    environ: Mapping[str, str],
    programs: Path,
    folder: Path,
) -> LaunchPlan:
    """Return what is started for `request`.

    `environ` is the operator's environment, `programs` the folder of this Python's commands, `folder` where the
    operator stands. Raises Refused when --limit leaves no host that the request is about, or when the environment holds
    what no run can use.
    """
    _refuse_nothing(request, environment)
    limit = _limit(request, environment)
    members = environment.members(*_GROUPS[request.kind], *(("database",) if request.restore_database else ()))
    return LaunchPlan(
        playbook=content.playbook("rollback_database" if request.restore_database else _PLAYBOOK[request.kind]),
        inventory=environment.hosts,
        variables=variables(request, run_id),
        environment=passing.environment(
            environ, environment.passes, programs=programs, configuration=content.configuration, folder=folder
        ),
        limit=limit,
        expected=tuple(host for host in members if not limit or host in limit),
        folder=folder,
    )


def _refuse_nothing(request: Request, environment: Environment) -> None:
    """Refuse a --limit without a host that the request is about: it would do nothing, and end well. Raises Refused."""
    about = environment.members(*_ACTED_ON.get(request.kind, _GROUPS[request.kind]))
    if request.limit and about and not set(about) & set(limited(environment, request.limit)):
        raise Refused(
            f"--limit leaves out every host that {request.kind} is about",
            f"in {environment.name} that is {', '.join(about)}",
            next_step=f"add one, as in --limit {','.join([*request.limit, about[0]])}, or leave --limit out",
        )


def _limit(request: Request, environment: Environment) -> tuple[str, ...]:
    """Return the hosts that --limit means, and those without which its hosts cannot be acted on.

    A release of some hosts needs the host that backs up; while a database is replaced no host may be released to, so
    the lease of all of them is held.
    """
    if not request.limit:
        return ()
    chosen = limited(environment, request.limit)
    if request.kind in REPLACING:
        return tuple(dict.fromkeys([*chosen, *environment.members("app")]))
    backing_up = environment.members("database")
    if request.kind not in _WITH_BACKUP or not backing_up:
        return chosen
    # A host that only backs up gets no code, so adding it releases nothing further.
    added = tuple(host for host in backing_up if host not in environment.members("app") and host not in chosen)
    if not set(backing_up) & {*chosen, *added}:
        raise Refused(
            "--limit leaves out the host that backs up",
            f"{', '.join(backing_up)} takes the backup of {environment.name} and is an application host as well",
            next_step=f"add it: --limit {','.join([*request.limit, *backing_up])}",
        )
    return (*chosen, *added)


def recovery(plan: LaunchPlan, environment: Environment, content: Content, *, why: str, bad: bool) -> LaunchPlan:
    """Return the run that brings a fleet back after `plan` ended badly: same run, every application host of it.

    `why` goes into the hosts' records, `bad` says that the release itself is to blame.
    """
    carried = ("namaskah_run_id", "namaskah_by", "namaskah_reason")
    return replace(
        plan,
        playbook=content.playbook(Kind.RECOVER.value),
        variables={
            **{name: plan.variables[name] for name in carried if name in plan.variables},
            "recovery_why": why,
            "recovery_bad": "true" if bad else "false",
        },
        expected=application_hosts(plan, environment),
    )


def application_hosts(plan: LaunchPlan, environment: Environment) -> tuple[str, ...]:
    """Return the hosts of `plan` that serve the application: those that may have been switched."""
    members = environment.members(*_GROUPS[Kind.RECOVER])
    return tuple(host for host in members if not plan.limit or host in plan.limit)


def variables(request: Request, run_id: str) -> dict[str, Value]:
    """Return the extra variables of a run; what the operator left out stays the inventory's to say."""
    restores = request.restore_database or request.kind in (Kind.RESTORE, Kind.RESTORE_PREVIEW)
    said: dict[str, Value] = {
        "namaskah_run_id": run_id,
        "namaskah_by": request.by,
        "namaskah_reason": request.reason,
        "namaskah_ref": request.ref,
        "namaskah_target_tag": request.tag if request.kind in _WITH_TARGET else "",
        "plan_prepare": "true" if request.prepare else "",
        "namaskah_reverse_migrations": "true" if request.reverse_migrations else "",
        "namaskah_allow": request.allow,
        "backup_list_state": _BACKUP_ACTS.get(request.kind, ""),
        "backup_list_id": "" if restores else request.backup,
        "restore_backup": request.backup if restores else "",
        "restore_commit": request.commit,
        "restore_preview": "true" if request.kind is Kind.RESTORE_PREVIEW else "",
        "backup_prune_state": _PRUNING.get(request.kind, ""),
        "namaskah_lock_wait": str(request.lock_wait or ""),
        "lock_seconds": str(request.seconds or ""),
        "status_releases": "true" if request.kind is Kind.RELEASES else "",
    }
    return {name: value for name, value in (said | _resumed(request)).items() if value}


def _resumed(request: Request) -> dict[str, Value]:
    """Return the variables with which a run goes on: what it had resolved is not asked again."""
    if request.resumes is None:
        return {}
    known = request.resumes
    return {
        "namaskah_resume": "true",
        "resolve_commit": known.commit,
        "resolve_tag": known.tag,
        "resolve_release": known.release if request.kind is Kind.DEPLOY else "",
    }


def extra_variables(plan: LaunchPlan) -> str:
    """Return the variables as YAML whose every text is `!unsafe`: Ansible never evaluates what an operator typed.

    JSON strings are YAML's double-quoted ones; control characters cannot occur, the words were checked.
    """
    return "".join(f"{name}: {_unsafe(value)}\n" for name, value in sorted(plan.variables.items()))


def _unsafe(value: Value) -> str:
    if isinstance(value, str):
        return "!unsafe " + json.dumps(value, ensure_ascii=False)
    return "[" + ", ".join(_unsafe(item) for item in value) + "]"


def plain_command(plan: LaunchPlan) -> str:
    """Return the shell line that does the same by plain ansible-playbook."""
    words = ["ansible-playbook", "-i", str(plan.inventory)]
    if plan.limit:
        words += ["--limit", ",".join(plan.limit)]
    words += ["--extra-vars", json.dumps(plan.variables, ensure_ascii=False), str(plan.playbook)]
    return f"ANSIBLE_CONFIG={shlex.quote(plan.environment['ANSIBLE_CONFIG'])} {shlex.join(words)}"
