"""How do the records of faults read as a page? Only what was recorded is counted; what was not injected is listed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tests.support.faults.kinds import GROUPS, KINDS
from tests.support.faults.record import Injection

MADE = "<!-- Written by `make faults` from the records of the last test runs; nothing here is written by hand. -->"


def rendered(injections: Sequence[Injection]) -> str:
    """Return docs/reference/faults.md."""
    known = [one for one in injections if one.kind in KINDS]
    lines = ["# Faults injected", "", MADE, "", *_summary(known), "", *_groups(known), *_missing(known)]
    return "\n".join(lines).rstrip() + "\n"


def _summary(known: Sequence[Injection]) -> Iterator[str]:
    loaded = [one.site for one in known if one.site]
    bad = [one for one in known if not one.passed]
    days = sorted({one.at[:10] for one in known})
    yield (
        f"{len({one.kind for one in known})} kinds, {len(known)} injections into real parts, each judged by a test; "
        f"{len(bad) or 'none'} ended otherwise than it should. "
        f"Recorded {days[0]}{' to ' + days[-1] if days[1:] else ''}, commits: "
        f"{', '.join(sorted({one.commit for one in known}))}."
    )
    yield ""
    yield (
        f"A load ran during {len(loaded)} of them: {sum(one.sent for one in loaded):,} requests sent, "
        f"{sum(one.failed for one in loaded):,} failed, longest gap "
        f"{max((one.longest_gap_ms for one in loaded), default=0):,.0f} ms. "
        "Where the columns are empty no load ran, and nothing is said about the site. "
        "A gap counts while the only host under load is down as well."
    )
    yield ""
    yield (
        "How it ended: `old release` and `new release` is what serves afterwards, `refused` is before anything was "
        "begun, `returned` is switched and brought back, `found` is reported, `cleaned up` leaves nothing behind."
    )


def _groups(known: Sequence[Injection]) -> Iterator[str]:
    for title, kinds in GROUPS.items():
        rows = [line for kind in kinds if (line := _row(kind, [one for one in known if one.kind == kind]))]
        if rows:
            yield from (f"## {title}", "")
            yield "| kind | what is broken | injections | how it ended | requests | failed | longest gap | split |"
            yield "|---|---|---|---|---|---|---|---|"
            yield from (*rows, "")


def _row(kind: str, injected: Sequence[Injection]) -> str:
    if not injected:
        return ""
    sites = [one.site for one in injected if one.site]
    splits = [one.split for one in injected if one.split is not None]
    cells = [
        kind,
        KINDS[kind],
        str(len(injected)),
        _ends(injected),
        f"{sum(one.sent for one in sites):,}" if sites else "",
        f"{sum(one.failed for one in sites):,}" if sites else "",
        f"{max(one.longest_gap_ms for one in sites):,.0f} ms" if sites else "",
        f"{max(splits):.0f} s" if splits else "",
    ]
    return f"| {' | '.join(cells)} |"


def _ends(injected: Sequence[Injection]) -> str:
    """Return the ways in which it ended, with counts where they differ; a failed test says that it failed."""
    ends = [one.ended if one.passed else f"**{one.test.rpartition('::')[2]} failed**" for one in injected]
    counts = {end: ends.count(end) for end in sorted(set(ends))}
    if len(counts) == 1:
        return next(iter(counts))
    return ", ".join(f"{count} {end}" for end, count in counts.items())


def _missing(known: Sequence[Injection]) -> Iterator[str]:
    missing = sorted(set(KINDS) - {one.kind for one in known})
    if missing:
        yield from ("## Known and not injected in these runs", "", *(f"- {kind}: {KINDS[kind]}" for kind in missing))
