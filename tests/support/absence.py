"""What happens where a machine cannot run a test: skipped with the reason for a person, a failure in CI."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest


def report_absence(reason: str) -> NoReturn:
    """Fail under CI=true, skip elsewhere: a run without its hardest tests must not look green in CI."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"CI needs what this machine lacks: {reason}", pytrace=False)
    pytest.skip(reason)
