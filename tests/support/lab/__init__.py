"""A lab of real Debian hosts on one Linux machine (see docs/guides/lab.md).

A host is an overlay on a cached Debian tree, booted by systemd-nspawn with systemd as PID 1 in
its own network namespace. What other code may rely on is listed in `__all__`.
"""

from tests.support.lab.errors import LabError, LabUnavailableError
from tests.support.lab.host import Host
from tests.support.lab.lab import Lab

__all__ = ["Host", "Lab", "LabError", "LabUnavailableError"]
