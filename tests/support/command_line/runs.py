"""Runs of ansible-playbook that a test hears, and runs that were recorded before and happen again without it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from namaskah_deploy import events, launch
from namaskah_deploy.events import Event
from namaskah_deploy.launch import End
from namaskah_deploy.plan import LaunchPlan
from tests.support.command_line.record import keeping
from tests.support.command_line.streams import CODES, raw


@dataclass(frozen=True)
class Heard:
    """A run that a test has heard: which playbook it was, all that was said, and how it ended."""

    playbook: str
    raw: list[dict[str, Any]]
    end: End


def hear(monkeypatch: pytest.MonkeyPatch, folder: Path) -> list[Heard]:
    """Return a list to which each run of ansible-playbook in the world `folder` is added when it has ended."""
    heard: list[Heard] = []
    real = launch.run

    def run(plan: LaunchPlan, listen: Callable[[Event], None], *, redact: Callable[[Any], Any], **more: Any) -> End:
        lines: list[str] = []
        end = real(plan, listen, redact=keeping(lines, str(folder), redact), **more)
        heard.append(Heard(plan.playbook.stem, [json.loads(line) for line in lines], end))
        return end

    monkeypatch.setattr(launch, "run", run)
    return heard


def replay(monkeypatch: pytest.MonkeyPatch, runs: Iterable[Heard]) -> None:
    """Let the next runs be these, event by event; each has to be one of the same playbook, and no further may come."""
    left = list(runs)

    def run(plan: LaunchPlan, listen: Callable[[Event], None], *, redact: Callable[[Any], Any], **_: Any) -> End:
        again = left.pop(0)
        assert plan.playbook.stem == again.playbook
        for event in again.raw:
            listen(events.parse(redact(event)))
        return again.end

    monkeypatch.setattr(launch, "run", run)


def recorded(name: str, playbook: str = "deploy") -> Heard:
    """Return the recorded stream `name` as a run of `playbook`."""
    return Heard(playbook, raw(name), End(CODES[name]))
