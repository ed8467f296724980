"""Continuous, bounded load on one front address while releases are switched, and the judgement of it.

As a program: `python -m tests.load --help`. As a library: `with Load(settings) as load: ...` (a process of its own)
or `await run_load(settings, stop)` in the caller's event loop. `report.failed == 0` is the judgement.
"""

from .engine import run_load
from .process import Load, LoadError
from .profiles import DASHBOARD, PLAIN, PROFILES, Profile, StaticFile
from .report import Report
from .settings import Rates, Settings, SettingsError
from .target import Target, TargetError, resolve_target

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
