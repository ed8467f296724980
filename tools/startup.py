"""How long until the command answers? `python tools/startup.py` prints medians of real starts, wall and processor time.

`-h` should answer in under 0.15 s on a quiet machine; the bare interpreter is shown beside it, for it is not ours.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TIMES = 15
COMMANDS = {
    "python -c pass": ["-c", "pass"],
    "import click": ["-c", "import click"],
    "namaskah-deploy -h": ["-m", "namaskah_deploy", "-h"],
    "namaskah-deploy deploy -h": ["-m", "namaskah_deploy", "deploy", "-h"],
    "namaskah-deploy prodution (refused)": ["-m", "namaskah_deploy", "prodution"],
}


def seconds(words: list[str]) -> tuple[float, float]:
    """Return the median wall and processor seconds of starting this Python with `words`; load lengthens the first."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "runner")}
    wall, processor = [], []
    for _ in range(TIMES):
        began, used = time.perf_counter(), os.times()
        subprocess.run([sys.executable, *words], env=environment, capture_output=True, check=False)
        wall.append(time.perf_counter() - began)
        now = os.times()
        processor.append(now.children_user + now.children_system - used.children_user - used.children_system)
    return statistics.median(wall), statistics.median(processor)


if __name__ == "__main__":
    for name, command in COMMANDS.items():
        wall_time, processor_time = seconds(command)
        print(f"{wall_time:6.3f} s  {processor_time:6.3f} s of processor  {name}")
