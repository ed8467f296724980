"""The recorded streams of events/, as typed events."""

from __future__ import annotations

import json
from typing import Any

from namaskah_deploy import events
from namaskah_deploy.events import Event
from namaskah_deploy.report import Fold, Part
from tests.support.command_line.record import EVENTS

CODES = {"ok": 0, "failed": 2, "rescued": 0, "unreachable": 4, "no_hosts": 0, "bad_argument": 2, "broken": 1}
"""The exit code with which ansible-playbook ended each stream."""


def raw(name: str) -> list[dict[str, Any]]:
    """Return the raw events of the stream `name`."""
    return [json.loads(line) for line in (EVENTS / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()]


def typed(name: str) -> list[Event]:
    """Return the events of the stream `name`."""
    return [events.parse(event) for event in raw(name)]


def part(name: str, *, expected: tuple[str, ...] = ("web1", "web2"), stopped: bool = False) -> Part:
    """Return what came of the stream `name`."""
    fold = Fold(expected)
    for event in typed(name):
        fold.add(event)
    return fold.part(code=CODES[name], stopped=stopped)
