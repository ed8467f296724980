"""What is the operator told at the end? The outcome in lines: what came, what failed and why, what to do next."""

from collections.abc import Iterator
from pathlib import Path

from namaskah_deploy.outcome import Code
from namaskah_deploy.report import Failed, Part, Report

_INDENT = "  "


def lines(report: Report, folder: Path | None) -> Iterator[str]:
    """Yield the lines about a run whose record is in `folder`."""
    word = {Code.DONE: "ok", Code.INTERRUPTED: "INTERRUPTED"}.get(Code(report.exit_code), "FAILED")
    yield f"{word}: {report.headline}"
    for name, value in report.facts.items():
        yield f"{_INDENT}{name}: {', '.join(map(str, value)) if isinstance(value, list) else value}"
    yield from failures(report.part)
    yield from _doubted(report)
    yield from _damaged(report)
    if report.recovery is not None:
        yield from _return(report.part, report.recovery)
    for advice in report.advice:
        first, *others = advice.splitlines()
        yield f"{_INDENT}next: {first}"
        yield from (f"{_INDENT}      {line}" for line in others)
    if folder is not None:
        yield f"{_INDENT}report: {folder / 'report.md'}"


def failures(part: Part) -> Iterator[str]:
    """Yield what failed: the same failure of several hosts once; Ansible's own words only where no task failed."""
    for group in _alike(part.failures):
        first = group[0]
        hosts = ", ".join(dict.fromkeys(failed.host for failed in group))
        yield f"{_INDENT}{first.phase}: {first.failure.what} ({hosts})"
        yield from (f"{_INDENT * 2}{line}" for line in first.failure.why.splitlines() if line.strip())
        if first.failure.where not in (first.host, ""):
            yield f"{_INDENT * 2}where: {first.failure.where}"
    if not part.failures and not part.good and not part.stopped:
        for line in _errors(part.lines):
            yield f"{_INDENT * 2}{line}"
    for problem in part.problems:
        yield f"{_INDENT}note: {problem}"


def _return(part: Part, recovery: Part) -> Iterator[str]:
    """Yield how each host was brought back; what the run did itself leaves nothing to the recovery after it."""
    within = part.by_host("namaskah_recover")
    for host, told in recovery.by_host("namaskah_recover").items():
        state = str(told.get("state"))
        if state == "nothing" and within.get(host, {}).get("state") == "returned":
            state = "returned"
        words = {
            "returned": "returned",
            "nothing": "had nothing to return from",
            "confirmed": "confirmed, as other hosts had",
        }
        said = words.get(state, f"NOT returned ({told.get('why', 'no reason was given')})")
        yield f"{_INDENT}{host}: {said}; serves {told.get('serving') or 'nothing'}"
    yield from failures(recovery)


def _damaged(report: Report) -> Iterator[str]:
    """Yield which records of a host were found damaged by its recovery, and what became of them."""
    for part in (report.part, report.recovery):
        for host, told in part.by_host("namaskah_recover").items() if part else ():
            yield from (f"{_INDENT}{host}: {note}" for note in told.get("notes") or [])


def _doubted(report: Report) -> Iterator[str]:
    """Yield whose word for the end of a switch was not believed, where hosts were recovered."""
    for part in (report.part, report.recovery):
        recovered = part.by_host("namaskah_recover") if part else {}
        for host, told in part.by_host("namaskah_status").items() if part and recovered else ():
            if told.get("confirmed_doubt"):
                yield f"{_INDENT}{host}: no other host follows its confirmation: {told['confirmed_doubt']}"


def _alike(found: tuple[Failed, ...]) -> list[list[Failed]]:
    groups: dict[tuple[str, str, str], list[Failed]] = {}
    for failed in found:
        groups.setdefault((failed.phase, failed.failure.what, failed.failure.why), []).append(failed)
    return list(groups.values())


def _errors(written: tuple[str, ...]) -> list[str]:
    """Return Ansible's lines from its first error on; all of them where it marked none."""
    start = next((index for index, line in enumerate(written) if line.startswith(("[ERROR]", "ERROR!"))), 0)
    return [line for line in written[start:] if line.strip() and not line.startswith("[WARNING]")]
