"""Real git repositories for tests: a clone to write in and the bare remote that it is pushed to."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

IDENTITY = {
    "GIT_AUTHOR_NAME": "Asha",
    "GIT_AUTHOR_EMAIL": "asha@example.org",
    "GIT_COMMITTER_NAME": "Asha",
    "GIT_COMMITTER_EMAIL": "asha@example.org",
    "GIT_CONFIG_GLOBAL": "/dev/null",
}


@dataclass(frozen=True)
class Remote:
    """A bare repository and a clone whose branches and tags are pushed to it."""

    bare: Path
    clone: Path

    def git(self, *arguments: str, place: Path | None = None) -> str:
        """The output of git in the clone (or in `place`); it has to succeed."""
        words = ["git", "-C", str(place or self.clone), *arguments]
        done = subprocess.run(words, env={**os.environ, **IDENTITY}, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def commit(self, subject: str) -> str:
        """Make a commit on the branch that is checked out and give it back."""
        self.git("commit", "--quiet", "--allow-empty", "--message", subject)
        return self.git("rev-parse", "HEAD")

    def put(self, ref: str, commit: str) -> None:
        """Give the remote a ref whose name git's own commands may not take."""
        self.git("update-ref", ref, commit, place=self.bare)

    def push(self) -> None:
        """Make the remote equal to the clone."""
        self.git("push", "--quiet", "--mirror", str(self.bare))


def make(folder: Path) -> Remote:
    """A remote with one commit on `main`."""
    remote = Remote(folder / "remote.git", folder / "clone")
    remote.clone.mkdir(parents=True)
    remote.git("init", "--quiet", "--initial-branch=main")
    remote.git("init", "--quiet", "--bare", str(remote.bare))
    remote.commit("First")
    remote.push()
    return remote
