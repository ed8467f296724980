"""Where would a rollback lead? Reads the releases that hosts told, before anybody is asked to confirm."""

from collections.abc import Iterator, Mapping
from typing import Any

Release = Mapping[str, Any]


def lines(hosts: Mapping[str, Mapping[str, Any]], tag: str) -> Iterator[str]:
    """Yield a line for each host: what is live, and what it would go back to (`tag`, else the last good release)."""
    for host, state in sorted(hosts.items()):
        releases = state.get("releases") or []
        live = next((release for release in releases if release.get("live")), None)
        target = _tagged(releases, tag) if tag else _last_good(releases)
        missing = (
            f"{tag} is not kept and is prepared again" if tag else "no good release before it is kept: name a --tag"
        )
        now, then = _described(live) if live else "nothing is live", _described(target) if target else missing
        yield f"{host}: {now} -> {then}"


def target_commit(hosts: Mapping[str, Mapping[str, Any]], tag: str) -> str:
    """Return the commit of the release that every host would go back to; "" where one keeps none, or they differ."""
    kept = [state.get("releases") or [] for state in hosts.values()]
    targets = [_tagged(releases, tag) if tag else _last_good(releases) for releases in kept]
    found = {str(target.get("commit") or "") if target else "" for target in targets}
    return found.pop() if len(found) == 1 else ""


def schema_lines(told: Mapping[str, Any], *, reverse: bool) -> Iterator[str]:
    """Yield what the rollback means for the database: which migrations stay or go back, and what fails on them."""
    yield f"database: {told.get('schema') or 'unknown: no host has told'}"
    for migration in told.get("ahead") or []:
        name = migration.get("name") or "a migration without a name"
        yield f"  {name}"
        yield from (f"    {one['sql']}" for one in migration.get("statements") or [] if one.get("sql"))
        yield from (f"    older code FAILS: {change}" for change in migration.get("older_code_fails_on") or [])
        if name in (told.get("unseen") or []):
            yield "    nobody can tell all that it does from its SQL"
    if reverse:
        for step in told.get("reversal") or []:
            why = step.get("impossible")
            way = "is reversed first" if why == "" else f"does NOT go back: {why or 'nobody told whether it does'}"
            yield f"  {step.get('name')} {way}"
    elif told.get("breaking"):
        yield "  it will be refused: see --reverse-migrations, --restore-database, or --allow schema-ahead"


def with_migrations(
    plans: Mapping[str, Mapping[str, Any]], looked: Mapping[str, Mapping[str, Any]]
) -> dict[str, Mapping[str, Any]]:
    """Return the plan of each host, with what the prepared release said of its migrations where it was asked."""
    seen = next(iter(looked.values()), None)
    if seen is None:
        return dict(plans)
    shown = {"pending migrations": seen.get("shown"), "schema": seen.get("schema")}
    return {host: {**plan, **shown} for host, plan in plans.items()}


def _tagged(releases: list[Release], tag: str) -> Release | None:
    """Return the newest release with that tag; hosts tell the newest first."""
    return next((release for release in releases if release.get("tag") == tag), None)


def _last_good(releases: list[Release]) -> Release | None:
    """Return the release that was live last before the present one, by the records, as the hosts choose it."""
    good = [release for release in releases if release.get("state") == "superseded" and not release.get("live")]
    return max(good, key=lambda release: str(release.get("confirmed", "")), default=None)


def _described(release: Release) -> str:
    known = (release.get("tag"), release.get("state"), release.get("by"), release.get("confirmed"))
    return f"{release.get('id')} ({', '.join(str(word) for word in known if word)})"
