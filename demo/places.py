"""Where does the demo keep its things? In one folder of the clone, and sockets in a short one."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

CLONE = Path(__file__).resolve().parents[1]
FOLDER = CLONE / ".demo"
WHEELS = CLONE / ".cache" / "wheels"
RUNTIME_PREFIX = "nd-"
HOSTS = ("app1", "app2")


@dataclass(frozen=True)
class Places:
    """The folders of one run. `runtime` is short because the path of a unix socket has about 107 bytes (unix(7))."""

    folder: Path
    runtime: Path

    @property
    def origin(self) -> Path:
        """The bare git repository that the hosts fetch from."""
        return self.folder / "origin.git"

    @property
    def inventory(self) -> Path:
        """The folder of declared environments that the command line is given."""
        return self.folder / "inventory"

    @property
    def home(self) -> Path:
        """HOME of everything that the demo starts: no setting of the person's own reaches it."""
        return self.folder / "home"

    @property
    def logs(self) -> Path:
        """What servers and commands said."""
        return self.folder / "logs"

    @property
    def summary(self) -> Path:
        """The readable end of the demo."""
        return self.folder / "summary.md"

    def root(self, host: str) -> Path:
        """The namaskah_root of a host."""
        return self.folder / host / "srv"

    def sockets(self, host: str) -> Path:
        """The namaskah_runtime of a host."""
        return self.runtime / host


def make(folder: Path = FOLDER) -> Places:
    """Make the folders of a new run; `folder` exists and is empty."""
    # The system's own temporary folder may be anywhere; sockets need a short path.
    places = Places(folder, Path(tempfile.mkdtemp(prefix=RUNTIME_PREFIX, dir="/tmp")))
    for path in (places.home, places.logs, places.inventory, places.folder / "backups"):
        path.mkdir()
    return places


def empty(folder: Path) -> None:
    """Remove what is in `folder`, and nothing else: links are not followed."""
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def remove_runtime(path: Path) -> None:
    """Remove the short folder of an earlier run, if it is one: ours, a real folder, and named as we name them."""
    try:
        status = path.lstat()
    except FileNotFoundError:
        return
    ours = stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid()
    if ours and path.parent == Path("/tmp") and path.name.startswith(RUNTIME_PREFIX):  # noqa: S108 - see make()
        shutil.rmtree(path)
