"""How does a report read? As plain text for a terminal, a log or a failed assertion."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.support.load.report import Failure, KindReport, Report

SHOWN_FAILURES = 10


def as_text(report: Report) -> str:
    """Return the report as lines of text, judgement last."""
    lines = [f"load on {report.target} ({report.host_header}), {report.seconds:.1f} s from {report.started_at}"]
    lines += _kinds(report)
    lines += [
        (
            f"longest gap {report.longest_gap_ms:.0f} ms at {report.gap_at:.1f} s "
            f"(own stall within it {report.own_stall_ms:.0f} ms, worst {report.worst_own_stall_ms:.0f} ms)"
        )
    ]
    lines += _connections(report)
    lines += _ledger(report)
    lines += _releases(report)
    lines += _windows(report)
    lines += [f"  {_failure(one)}" for one in report.failures[:SHOWN_FAILURES]]
    if report.silent:
        lines.append(f"nothing was sent of: {', '.join(report.silent)}")
    lines.append(f"{report.sent} requests, {report.failed} failed")
    return "\n".join(lines)


def _kinds(report: Report) -> list[str]:
    head = ("kind", "sent", "ok", "failed", "p50 ms", "p99 ms", "max ms", "gap ms")
    rows = [head, *(_row(name, kind) for name, kind in report.kinds.items())]
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    return [
        "  ".join(cell.ljust(width) if at == 0 else cell.rjust(width) for at, (cell, width) in enumerate(cells))
        for cells in (list(zip(row, widths, strict=True)) for row in rows)
    ]


def _row(name: str, kind: KindReport) -> tuple[str, ...]:
    times = (kind.p50_ms, kind.p99_ms, kind.max_ms, kind.longest_gap_ms)
    return (name, str(kind.sent), str(kind.ok), str(kind.failed), *(f"{value:.0f}" for value in times))


def _connections(report: Report) -> list[str]:
    keep, sockets = report.keepalive, report.websockets
    lines = []
    if keep.opened:
        lines.append(
            f"keep-alive: {keep.opened} connections, {keep.idle_closed} closed while idle, "
            f"{keep.reused_closed} closed under a request and asked again"
        )
    if sockets.opened:
        codes = _pairs(sockets.codes.items()) or "none"
        lines.append(
            f"websockets: {sockets.opened} opened, {sockets.closed} closed (codes: {codes}), "
            f"{sockets.share_back:.2%} back in time, slowest {sockets.slowest_back_ms:.0f} ms, "
            f"{sockets.refused_while_away} refused meanwhile, {sockets.unanswered} messages unanswered"
        )
    return lines


def _ledger(report: Report) -> list[str]:
    ledger = report.ledger
    if ledger.error:
        return [f"ledger: NOT COMPARED: {ledger.error}"]
    if not ledger.checked:
        return []
    lines = [
        (
            f"ledger: {ledger.acknowledged} acknowledged, {ledger.executed} executed, {ledger.missing} missing, "
            f"{ledger.duplicates} executed more than once, {ledger.unknown} unknown, "
            f"{ledger.unacknowledged} executed without an answer"
        )
    ]
    named = {
        "missing": ledger.missing_keys,
        "more than once": ledger.duplicate_keys,
        "unknown": ledger.unknown_keys,
        "without an answer": ledger.unacknowledged_keys,
    }
    return lines + [f"  {what}: {', '.join(keys[:5])}" for what, keys in named.items() if keys]


def _releases(report: Report) -> list[str]:
    if not report.releases:
        return []
    shown = report.releases if len(report.releases) <= 30 else report.releases[:30]
    more = f" and {len(report.releases) - 30} more switches" if len(report.releases) > 30 else ""
    return ["releases: " + ", ".join(f"{release} at {at:.1f} s" for at, release in shown) + more]


def _windows(report: Report) -> list[str]:
    if len(report.windows) < 2:
        return []
    return [
        f"  from {window.since:.1f} s {window.name}: {window.ok} ok, {window.failed} failed, "
        f"longest gap {window.longest_gap_ms:.0f} ms"
        for window in report.windows
    ]


def _failure(one: Failure) -> str:
    status = f" {one.status}" if one.status else ""
    body = f" | {one.body[:80]!r}" if one.body else ""
    return f"{one.at:8.3f} s {one.kind} {one.path}: {one.error}{status} {one.detail[:120]}{body}"


def _pairs(items: Iterable[tuple[str, int]]) -> str:
    return ", ".join(f"{name} x{count}" for name, count in sorted(items))
