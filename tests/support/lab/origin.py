"""Where hosts get code from: bare repositories that the controller writes by path and `git daemon` serves read-only."""

from pathlib import Path

from tests.support.lab.command import run
from tests.support.lab.state import check_name

GIT_PORT = 9418


class Origin:
    """The lab's git server on the bridge address."""

    def __init__(self, folder: Path, address: str) -> None:
        self.folder = folder
        self._address = address

    def command(self) -> list[str]:
        """The daemon's words; it exports each repository for reading only."""
        argv = ["git", "daemon", "--reuseaddr", "--export-all", "--informative-errors", f"--listen={self._address}"]
        return [*argv, f"--port={GIT_PORT}", f"--base-path={self.folder}", str(self.folder)]

    def path(self, name: str) -> Path:
        """Where the controller finds repository `name`; made (bare, branch main) if missing."""
        path = self.folder / f"{check_name(name)}.git"
        if not path.is_dir():
            run(["git", "init", "--quiet", "--bare", "--initial-branch=main", path])
        return path

    def url(self, name: str) -> str:
        """Address of repository `name` for the hosts and the controller."""
        return f"git://{self._address}/{check_name(name)}.git"
