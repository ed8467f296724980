"""Which line does a person type to run a command of a release as a run does: its folder, its environment files?"""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from ansible.module_utils.namaskah_host.contract import Contract
from ansible.module_utils.namaskah_host.release import Release


def line(contract: Contract, release: Release, words: Sequence[str]) -> str:
    """Return the shell line, for the deploy user on this host; "" where there is no such command."""
    if not words:
        return ""
    program = [
        contract.python,
        str(contract.host_program),
        "run",
        "--root",
        str(contract.root),
        "--release",
        release.id,
    ]
    # Two shells read it: this one, and that of the host.
    return shlex.join(["ssh", f"{contract.deploy_user}@{contract.host}", shlex.join([*program, "--", *words])])
