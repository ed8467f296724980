"""Does the reference in docs say what the code does?"""

from __future__ import annotations

import subprocess
import sys

from tests.support.project import ROOT


def test_the_reference_is_that_of_the_code() -> None:
    command = [sys.executable, str(ROOT / "tools" / "reference.py"), "--check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
