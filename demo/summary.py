"""What came of the demo, for a person to read? Markdown that also reads well on a terminal."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the story imports this module
    from demo.command import CommandLine, Done
    from demo.places import Places
    from demo.story import Story
    from tests.support.load import Report


def good(story: Story) -> bool:
    """Whether every step was taken and no request failed."""
    return bool(story.reports) and not any(report.failed for report in story.reports)


def text(story: Story, places: Places, line: CommandLine) -> str:
    """The whole summary."""
    parts = [
        "\n# What happened\n",
        "\n".join(step(title, done) for title, done in story.steps) or "Nothing was released.",
        "\n## What the clients saw\n",
        clients(story.reports),
        "\n## What stood in for what\n",
        f"- database: {story.database or 'none was started'}",
        "- systemd: supervisor, one for each host; a detached process in place of the return's unit",
        "- nginx: a small forwarder that connects through `current` for each connection, as nginx would",
        "- ssh: local connections",
        f"\nReports of the runs: {line.records}",
        f"Logs: {places.logs}",
        f"This summary: {places.summary}\n",
    ]
    return "\n".join(parts)


def step(title: str, done: Done) -> str:
    """One release in a few lines."""
    return f"- **{title}** ({done.seconds:.0f} s): `{done.shown}`\n  {done.headline} (exit code {done.code})"


def clients(reports: list[Report]) -> str:
    """What was sent, what failed, and how long the longest pause was."""
    if not reports:
        return "No load was put on the hosts."
    sent = sum(report.sent for report in reports)
    failed = sum(report.failed for report in reports)
    gap = max(report.longest_gap_ms for report in reports)
    payments = sum(report.ledger.acknowledged for report in reports)
    lines = [
        f"- requests and messages sent: {sent}, failed: {failed}",
        f"- longest gap between two answers: {gap:.0f} ms",
        (
            f"- payments acknowledged: {payments}, executed twice: {sum(r.ledger.duplicates for r in reports)}, "
            f"lost: {sum(r.ledger.missing for r in reports)}"
        ),
        (
            f"- WebSockets closed by a switch: {sum(r.websockets.closed for r in reports)}, "
            f"back in time: {sum(r.websockets.back_in_time for r in reports)}"
        ),
    ]
    return "\n".join([*lines, *failures(reports)])


def failures(reports: list[Report]) -> list[str]:
    """What failed, each kind once with its count."""
    counted: Counter[str] = Counter()
    for report in reports:
        for kind, found in report.kinds.items():
            counted.update({f"{kind}: {error}": count for error, count in found.errors.items()})
    return [f"- FAILED {count} times: {what}" for what, count in counted.most_common()]
