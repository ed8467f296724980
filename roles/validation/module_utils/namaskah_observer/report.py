"""What did the checks find? Read from the JUnit file that pytest writes, host by host."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SHOWN = 600  # characters of a reason


@dataclass(frozen=True)
class Finding:
    """One check on one host; `reason` "" = good."""

    host: str
    group: str
    check: str
    reason: str
    milliseconds: int


def read(path: Path) -> list[Finding]:
    """Return the findings of a JUnit file; a file that is missing or cut off has none.

    What belongs to no host is an error of the checks themselves, of which pytest's exit status tells.
    """
    try:
        cases = ET.parse(path).iter("testcase")  # noqa: S314 - our own child wrote it
    except (OSError, ET.ParseError):
        return []
    return [finding for finding in map(_finding, cases) if finding.host]


def _finding(case: ET.Element) -> Finding:
    properties = {item.get("name", ""): item.get("value", "") for item in case.iter("property")}
    bad = [child for child in case if child.tag in {"failure", "error", "skipped"}]
    return Finding(
        host=properties.get("host", ""),
        group=properties.get("group", ""),
        check=case.get("name", "").partition("[")[0].removeprefix("test_").replace("_", " "),
        reason=_reason(bad[0]) if bad else "",
        milliseconds=round(float(case.get("time", "0")) * 1000),
    )


def _reason(element: ET.Element) -> str:
    """Return the sentence of a failed check, without pytest's explanation of the expression below it."""
    message = (element.get("message") or element.text or element.tag).strip()
    sentence = message.partition("\nassert ")[0]
    return sentence.replace("failed on setup with ", "").strip('"').removeprefix("AssertionError: ")[:SHOWN]


def summarise(findings: Iterable[Finding], hosts: Iterable[str]) -> dict[str, Any]:
    """Return the result of the module: per host how many checks passed and failed, in which groups; all failures."""
    per_host: dict[str, dict[str, Any]] = {host: {"passed": 0, "failed": 0, "groups": []} for host in hosts}
    failures = []
    seconds: dict[str, float] = defaultdict(float)
    for finding in findings:
        entry = per_host[finding.host]
        entry["failed" if finding.reason else "passed"] += 1
        entry["groups"] = sorted({*entry["groups"], finding.group})
        seconds[finding.host] += finding.milliseconds / 1000
        if finding.reason:
            failures.append({"host": finding.host, "check": finding.check, "reason": finding.reason})
    for host, entry in per_host.items():
        entry["seconds"] = round(seconds[host], 3)
    return {
        "hosts": per_host,
        "failures": failures,
        "passed": sum(entry["passed"] for entry in per_host.values()),
        "failed": len(failures),
    }


def complaints(result: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield what speaks against the hosts, as (host, reason); nothing where all is good."""
    for failure in result["failures"]:
        yield failure["host"], f"{failure['check']}: {failure['reason']}"
    for host, entry in result["hosts"].items():
        if not entry["passed"]:
            yield host, "no check passed here"
