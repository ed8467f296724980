"""How do a commit's files come from a repository to this host? Through a bare copy that is kept and fetched into."""

from __future__ import annotations

import shutil
import subprocess
import time
from pathlib import Path

from . import lfs, mirror
from .commands import run
from .contract import Contract
from .failure import Failure
from .foreign import visible
from .mirror import GIT

# Commits of each branch and tag that the steps of a first fetch bring; the last step brings the rest.
FIRST, FURTHER = "--depth=100", ("--deepen=1000", "--deepen=10000", "--unshallow")
NO_STEPS = "does not support shallow"  # what git says of a web server that has no more than the repository's files


class Copy:
    """The copy of one repository, at `folder`; `held` is the work lock's descriptor, which every transfer keeps."""

    def __init__(self, contract: Contract, folder: Path, address: str, held: int | None) -> None:
        self.contract = contract
        self.folder = folder
        self.address = address
        self.held = held

    def git(self, *words: str, what: str, env: dict[str, str] | None = None, timeout: float | None = None) -> str:
        """Return what git says of the copy. Raises Failure."""
        return run(
            [*GIT, f"--git-dir={self.folder}", *words],
            what=what,
            timeout=self.contract.fetch_timeout if timeout is None else timeout,
            env=env or mirror.alone(),
            held=self.held,
            next_step=f"check that this host can read {self.address}; over a slow line, or for a long history, raise "
            f"namaskah_fetch_timeout (now {self.contract.fetch_timeout:g} s)",
        )

    def has(self, commit: str) -> bool:
        """Whether the commit is there."""
        try:
            self.git("cat-file", "-e", f"{commit}^{{commit}}", what="look for the commit")
        except Failure:
            return False
        return True

    def bring(self, commit: str) -> None:
        """Have the commit in the copy, fetched where it is not there yet. Raises Failure."""
        if mirror.is_of_another_form(self.folder):
            shutil.rmtree(self.folder)
        if not (self.folder / "HEAD").exists():
            words = ["init", "--quiet", "--bare", "--template=", str(self.folder)]
            run([*GIT, *words], what="make the copy of the repository", timeout=30, env=mirror.alone())
        if self.has(commit) and not self._unfinished:
            return
        self._fetch_in_steps(time.monotonic() + self.contract.fetch_timeout)
        if not self.has(commit):
            raise Failure(
                "failed",
                "fetch the commit",
                self.contract.host,
                f"{commit} is on no branch or tag of {self.address}",
                "push the commit, or check that the host reads the same repository as the controller",
            )

    @property
    def _unfinished(self) -> bool:
        """Whether a first fetch ended before its last step."""
        return (self.folder / "shallow").exists()

    def _fetch_in_steps(self, deadline: float) -> None:
        """Fetch; for the first time in steps, each of which is kept, so that the next run goes on after an end."""
        (self.folder / "shallow.lock").unlink(missing_ok=True)  # of a step that was killed; the work lock is ours
        try:
            if not self._unfinished:
                empty = not self.git("for-each-ref", "--count=1", what="list the refs of the copy")
                self._fetch(deadline, *((FIRST,) if empty else ()))
            for step in FURTHER:
                if self._unfinished:
                    self._fetch(deadline, step)
        except Failure as failure:
            if NO_STEPS not in failure.why:
                raise
            self._fetch(deadline)

    def _fetch(self, deadline: float, *step: str) -> None:
        # What went from the remote goes here, too, or a new `a/b` could not be where `a` was. The commit of each
        # release on this host keeps a name of its own (see mirror.py), whether or not a branch still has it.
        self.git(
            "fetch",
            "--quiet",
            "--no-tags",
            "--prune",
            "--force",
            *step,
            "--end-of-options",
            self.address,
            "+refs/heads/*:refs/heads/*",
            "+refs/tags/*:refs/tags/*",
            what="fetch the commit",
            env=mirror.with_remote() | {"LC_ALL": "C"},  # NO_STEPS is in English
            timeout=max(0.1, deadline - time.monotonic()),
        )

    def listing(self, commit: str) -> str:
        """Return every entry of a commit as `git ls-tree -r -z` gives it."""
        return self.git("ls-tree", "-r", "-z", "--full-tree", commit, what="list the commit")

    def export(self, commit: str, folder: Path) -> None:
        """Write the commit's files below `folder`. Raises Failure."""
        archive = [*GIT, f"--git-dir={self.folder}", "archive", "--format=tar", commit]
        with subprocess.Popen(archive, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=mirror.alone()) as writer:
            try:
                done = subprocess.run(
                    ["tar", "-x", "--no-same-owner", "-C", str(folder)],
                    stdin=writer.stdout,
                    capture_output=True,
                    check=False,
                    timeout=self.contract.fetch_timeout,
                )
            except subprocess.TimeoutExpired:
                writer.kill()
                seconds = self.contract.fetch_timeout
                why = f"its files were not all written within {seconds:g} s"
                next_step = f"look at the disk; or raise namaskah_fetch_timeout (now {seconds:g} s), and release again"
                raise Failure("failed", "export the commit", str(folder), why, next_step) from None
            error = writer.stderr.read().decode(errors="replace") if writer.stderr else ""
        if writer.returncode or done.returncode:
            why = visible(error + done.stderr.decode(errors="replace")).strip()
            next_step = "check the disk and the copy with `git fsck`"
            raise Failure("failed", "export the commit", str(folder), why, next_step)
        if self.contract.lfs == "fetch" and any(lfs.pointers(folder)):
            self._fetch_lfs(commit)
            lfs.fill(folder, self.folder)

    def _fetch_lfs(self, commit: str) -> None:
        """Bring what the commit's pointers stand for into the copy; what it has already is not asked for again."""
        address = f"file://{self.address}" if self.address.startswith("/") else self.address
        words = ["-c", f"remote.origin.url={address}", "lfs", "fetch", "origin", commit]
        self.git(*words, what="fetch what git LFS keeps", env=mirror.with_remote())
