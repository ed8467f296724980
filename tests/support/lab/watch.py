"""Who ends a lab when the process that made it was killed: a watcher that waits for that process to be gone."""

import os
import select
import sys
from pathlib import Path

from tests.support.lab import state
from tests.support.lab.cgroup import ControlGroup
from tests.support.project import ROOT

_CHECK_SECONDS = 5.0


def start_watch(group: ControlGroup, name: str, log: Path) -> None:
    """Start the watcher of lab `name`, independent of this process."""
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    group.start([sys.executable, "-m", "tests.support.lab", "watch", "--name", name], log, env={"PYTHONPATH": path})


def wait_for_owner(record: state.LabRecord) -> bool:
    """Return True when the owner of the lab has ended, False when the lab was removed in order."""
    if record.owner is None:
        return False
    try:
        descriptor = os.pidfd_open(record.owner.pid)
    except ProcessLookupError:
        return True
    try:
        while record.folder.is_dir():
            if not record.owner.alive() or select.select([descriptor], [], [], _CHECK_SECONDS)[0]:
                return True
        return False
    finally:
        os.close(descriptor)
