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
    """Return the commit of the release that every host would go back to; "" where none is kept or they differ."""
    kept = [state.get("releases") or [] for state in hosts.values()]
    found = {_commit(releases, tag) for releases in kept}
    return found.pop() if len(found) == 1 else ""


def _commit(releases: list[Release], tag: str) -> str:
    target = _tagged(releases, tag) if tag else _last_good(releases)
    return str(target["commit"]) if target else ""


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
