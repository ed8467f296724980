"""Which run is unfinished, and how does it go on? Read from what the hosts told; pure."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from namaskah_deploy.errors import Refused
from namaskah_deploy.request import Kind, Request, Resumed

Hosts = Mapping[str, Mapping[str, Any]]
_GOES_ON = (Kind.DEPLOY, Kind.ROLLBACK)


def unfinished(hosts: Hosts) -> dict[str, dict[str, Mapping[str, Any]]]:
    """Return, for each unfinished run, what each host knows of it."""
    runs: dict[str, dict[str, Mapping[str, Any]]] = {}
    for host, state in sorted(hosts.items()):
        found = state.get("unfinished")
        if found:
            runs.setdefault(str(found.get("run") or "?"), {})[host] = found
    return runs


def request(environment: str, hosts: Hosts, run: str, by: str) -> Request:
    """Return the request that finishes `run` ("" = the only one); raises Refused where that cannot be."""
    runs = unfinished(hosts)
    if not runs or (run and run not in runs):
        raise Refused(
            f"there is no unfinished run{f' {run}' if run else ''} in {environment}",
            f"unfinished: {', '.join(runs)}" if runs else "every host that answered is in a final state",
            next_step=f"see `namaskah-deploy status {environment}`, or start the release again",
        )
    if len(runs) > 1 and not run:
        raise Refused(
            f"more than one run is unfinished in {environment}",
            ", ".join(runs),
            next_step=f"name one with --run, or give up all: namaskah-deploy abort {environment}",
        )
    name = run or next(iter(runs))
    _refuse_two_stories(environment, name, runs[name])
    known = _plan(runs[name])
    kind = str(known.get("kind"))
    if kind not in _GOES_ON or not known.get("commit"):
        raise Refused(
            f"run {name} cannot go on",
            f"its kind is {kind or 'not recorded'}, and only a deploy or a rollback that has a commit goes on",
            next_step=f"bring the hosts to a final state: namaskah-deploy abort {environment}",
        )
    words = {field: str(known.get(field) or "") for field in ("commit", "tag", "release")}
    rollback = kind == Kind.ROLLBACK
    return Request(
        kind=Kind(kind),
        environment=environment,
        ref="" if rollback else str(known.get("ref") or ""),
        tag=str(known.get("ref") or "") if rollback else "",
        limit=tuple(word for word in str(known.get("limit") or "").split(",") if word),
        allow=tuple(known.get("allow") or ()),
        reverse_migrations=rollback and bool(known.get("reverse")),
        reason=str(known.get("reason") or ""),
        by=by,
        resumes=Resumed(run=name, **words),
    )


def _refuse_two_stories(environment: str, run: str, found: Mapping[str, Mapping[str, Any]]) -> None:
    """Refuse a release of which hosts tell different things: one that lies must not choose the others' commit."""
    told = {host: f"{known.get('kind')} of {known['commit']}" for host, known in found.items() if known.get("commit")}
    released = any(known.get("kind") == Kind.DEPLOY for known in found.values())
    if released and len(set(told.values())) > 1:
        raise Refused(
            f"run {run} cannot go on: its hosts tell different things of it",
            ", ".join(f"{host}: {what}" for host, what in told.items()),
            next_step=f"look at these hosts, and give the run up: namaskah-deploy abort {environment}",
        )


def _plan(found: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Any]:
    """Return what the hosts know of the plan: some may have lost the run before it was told them."""
    return max(found.values(), key=lambda known: (bool(known.get("commit")), bool(known.get("release"))))


def lines(environment: str, hosts: Hosts) -> Iterator[str]:
    """Yield what an operator needs to know of each unfinished run, and the commands that end it."""
    for run, found in unfinished(hosts).items():
        known = _plan(found)
        what = f"{known.get('kind') or 'a run'} of {known.get('tag') or str(known.get('commit') or '')[:12]}".rstrip()
        yield f"unfinished: run {run}, {what}, by {known.get('by')} since {known.get('since')}"
        yield from (f"  {host}: {_of_host(state)}" for host, state in found.items())
        yield from _commands(environment, run, known, found.values())


def _of_host(state: Mapping[str, Any]) -> str:
    parts = [f"{state.get('phase') or 'lease taken'}: {state.get('state')}"]
    if state.get("switch"):
        parts.append(f"the switch is {state['switch']} and returns by itself in {state.get('returns_in')} s")
    if state.get("workers"):
        parts.append(
            "at work: " + ", ".join(f"{one.get('program')} (pid {one.get('pid')})" for one in state["workers"])
        )
    if state.get("silent") is not None:
        parts.append(f"last sign {state['silent']} s ago, its lease ends in {state.get('expires_in')} s")
    return "; ".join(parts)


def _commands(environment: str, run: str, known: Mapping[str, Any], found: Iterable[Any]) -> Iterator[str]:
    if any(state.get("workers") for state in found):
        yield "  it may be at work: only a run whose controller is dead, or whose lease is over, can be ended or go on"
    if known.get("kind") in _GOES_ON and known.get("commit"):
        yield f"  finish it:  namaskah-deploy resume {environment} --run {run} --yes"
    yield f"  give it up: namaskah-deploy abort {environment} --yes   (every unconfirmed switch returns)"
