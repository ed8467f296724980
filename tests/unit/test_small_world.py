"""Does the small world of the command line's tests have the names of the real one?"""

from __future__ import annotations

from pathlib import Path

import pytest

from namaskah_deploy.outcome import AFTER_SWITCH
from tests.support.command_line.record import STREAMS
from tests.support.command_line.small import CONTENT
from tests.support.command_line.streams import CODES, typed
from tests.support.project import ROOT

OWN = {"echo", "nobody", "rescued", "spec"}
"""Playbooks that stand for none of ours: what they do, no command of ours asks for."""
FAKES = sorted((CONTENT / "playbooks").glob("*.yml"))


@pytest.mark.parametrize("name", [path.name for path in sorted((CONTENT / "playbooks" / "roles").iterdir())])
def test_a_role_has_the_name_of_a_real_one(name: str) -> None:
    assert (ROOT / "roles" / name).is_dir()


@pytest.mark.parametrize("path", FAKES, ids=lambda path: str(path.stem))
def test_a_playbook_stands_for_a_real_one(path: Path) -> None:
    name = path.stem
    assert (ROOT / "playbooks" / f"{name}.yml").exists() is (name not in OWN)


@pytest.mark.parametrize("module", [path.name for path in sorted(CONTENT.glob("playbooks/roles/*/library/*.py"))])
def test_a_module_has_the_name_of_a_real_one(module: str) -> None:
    assert len(list(ROOT.glob(f"roles/*/library/{module}"))) == 1


@pytest.mark.parametrize("name", STREAMS)
def test_every_phase_of_a_recorded_stream_is_a_role(name: str) -> None:
    phases = {phase for event in typed(name) if (phase := getattr(event, "phase", "")) and phase[0].islower()}
    assert {phase for phase in phases if not (ROOT / "roles" / phase).is_dir()} == set()


def test_what_the_runner_knows_of_phases_is_there() -> None:
    assert all((CONTENT / "playbooks" / "roles" / phase).is_dir() for phase in AFTER_SWITCH)
    assert set(CODES) == set(STREAMS)
