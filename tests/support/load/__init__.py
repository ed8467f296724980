"""Continuous, bounded load on one front address while releases are switched, and the judgement of it.

As a program: `python -m tests.support.load --help`. As a library, in a process of its own:

    target = resolve_target("http://10.213.0.11", "app.example", allow=("10.213.0.0/16",))
    with Load(Settings(target=target, profile=DASHBOARD, token=token)) as load:
        load.mark("deploy 1")
        ...
    assert load.report.failed == 0, str(load.report)

`await run_load(settings, stop)` does the same in the caller's event loop. `report.failed == 0` is the judgement: failed
requests of every kind, WebSockets that did not come back in time, payments that the ledger contradicts, and kinds of
which nothing was sent. Gaps are apart: `report.longest_gap_ms`, and a gap for each window between two marks.
"""

from tests.support.load.engine import run_load
from tests.support.load.process import Load, LoadError
from tests.support.load.profiles import DASHBOARD, PLAIN, PROFILES, Profile, StaticFile
from tests.support.load.report import Report
from tests.support.load.settings import Rates, Settings, SettingsError
from tests.support.load.target import Target, TargetError, resolve_target

__all__ = [
    "DASHBOARD",
    "PLAIN",
    "PROFILES",
    "Load",
    "LoadError",
    "Profile",
    "Rates",
    "Report",
    "Settings",
    "SettingsError",
    "StaticFile",
    "Target",
    "TargetError",
    "resolve_target",
    "run_load",
]
