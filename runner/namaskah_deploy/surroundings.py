"""What is around the command? Everything it takes from the machine that runs it, gathered in one place."""

import os
import pwd
import secrets
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from namaskah_deploy import content, record
from namaskah_deploy.content import Content


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """The operator's environment, folder and name, the tool's content, and the folder for records."""

    environ: Mapping[str, str]
    folder: Path
    programs: Path
    content: Content
    state: Path
    by: str
    terminal: bool = field(default=False)


def look() -> Surroundings:
    """Return the surroundings of this process."""
    return Surroundings(
        environ=dict(os.environ),
        folder=Path.cwd(),
        # Not resolved: a virtual environment's python is a link, and its commands stand beside the link.
        programs=Path(sys.executable).parent,
        content=content.find(),
        state=record.state_folder(os.environ),
        by=_operator(),
        terminal=sys.stdin.isatty(),
    )


def new_run_id() -> str:
    """Return a new name for a run: UTC time and eight random digits, so that two never have the same."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}"


def _operator() -> str:
    """Return who is told in journals and holds. The system says it: anybody can write another LOGNAME."""
    try:
        name = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a user without a name, as in some containers
        name = f"uid{os.getuid()}"
    return "".join(
        letter for letter in f"{name}@{socket.gethostname()}" if letter.isprintable() and letter not in "{}%#"
    )
