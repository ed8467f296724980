"""How does a commit become a complete release on a host? Every step leaves the live release alone."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from . import committed, content, exported, guard, launch, mirror, package, sharing, submodules, virtualenv
from .commands import run
from .contract import Contract
from .failure import Failure
from .files import sync_folder, write_json, write_text
from .journal import now
from .release import Release, forget_old_records
from .repository_copy import Copy

ROOM = 2**20  # bytes that records need
FILES = 100  # and files


class Build:
    """One release being prepared for a run."""

    def __init__(self, contract: Contract, run_facts: dict[str, Any], held: int | None = None) -> None:
        """`held` is the descriptor of the work lock, which every long command keeps."""
        self.contract = contract
        self.held = held
        self.run = run_facts
        self.release = Release(contract, run_facts["release"])
        self.seconds: dict[str, float] = {}
        self.secrets: dict[str, str] = {}
        self.venv = Path()

    def prepare(self) -> dict[str, Any]:
        """Carry out every step in order; return what the report shows. Killed anywhere, it can be run again."""
        if self.release.complete:
            self._host_program()
            return {"release": self.release.id, "reused": True, "seconds": {}}
        for folder in ("releases", "venvs", "instances", "host", "shared", "shared/assets"):
            (self.contract.root / folder).mkdir(parents=True, exist_ok=True)
        steps: tuple[tuple[str, Callable[[], None]], ...] = (
            ("fetch", self._fetch),
            ("export", self._export),
            ("environment", self._environment),
            ("link shared", self._link_shared),
            ("virtualenv", self._virtualenv),
            ("build", self._build),
            ("collect", self._collect),
            ("bytecode", self._bytecode),
            ("assets", self._assets),
            ("launchers", self._launchers),
            ("content", self._content),
            ("host program", self._host_program),
            ("record", self._record),
        )
        try:
            for name, step in steps:
                begin = time.monotonic()
                step()
                self.seconds[name] = round(time.monotonic() - begin, 3)
        except (Failure, OSError) as error:
            raise self._ended(error) from None
        return {"release": self.release.id, "reused": False, "seconds": self.seconds, "venv": self.venv.name}

    def _ended(self, error: Failure | OSError) -> Failure:
        """Return the failure in the operator's words. On a full disk what is half made goes.

        Elsewhere it stays as evidence until the next run; but the live release writes here, and so do the records of
        this run and of the next one.
        """
        if isinstance(error, OSError):
            place, why = str(error.filename or self.release.folder), error.strerror or str(error)
            error = Failure("failed", "prepare the release", place, why, "free space, and release again")
        facts = os.statvfs(self.contract.root)
        # A file system that counts no files says 0 of them.
        if facts.f_bavail * facts.f_frsize > ROOM and (facts.f_favail > FILES or not facts.f_files):
            return error
        shutil.rmtree(self.release.folder, ignore_errors=True)
        if self.venv.name and not (self.venv / ".complete").exists():
            shutil.rmtree(self.venv, ignore_errors=True)
        why = f"{error.why}\nthe disk of {self.contract.root} was full: what had been made of the release is removed"
        return Failure(error.kind, error.what, error.where, why, error.next_step)

    # --- Source -----------------------------------------------------------------------------------

    @property
    def _copy(self) -> Copy:
        return Copy(self.contract, self.contract.root / "repo.git", self.contract.repository, self.held)

    def _fetch(self) -> None:
        self._copy.bring(self.run["commit"])

    def _export(self) -> None:
        folder, copy, commit = self.release.folder, self._copy, self.run["commit"]
        self.release.record_file.unlink(missing_ok=True)
        if folder.exists():
            shutil.rmtree(folder)
        folder.mkdir(mode=0o755)
        copy.git("update-ref", mirror.name_of(self.release.id), commit, what="keep the commit")
        copy.export(commit, folder)
        fetched = self.contract.submodules == "fetch"
        try:
            if fetched:
                submodules.export(self.contract, copy, commit, folder)
            listing = "" if fetched else copy.listing(commit)
            exported.refuse_what_is_no_release(folder, self.contract.repository, self.contract.shared_paths, listing)
        except Failure:
            shutil.rmtree(folder)
            raise

    # --- Environment and virtualenv ---------------------------------------------------------------

    def _environment(self) -> None:
        self.secrets = variables_of(self.contract.env_file)

    def _link_shared(self) -> None:
        sharing.link(self.contract, self.release.folder)
        exported.refuse_links_out(self.release.folder, self.contract.repository, self.contract.shared_paths)

    def _virtualenv(self) -> None:
        files = virtualenv.requirement_files(self.contract, self.release.folder)
        self.venv = virtualenv.place_of(self.contract, files, self.release.folder, self.secrets)
        virtualenv.make(
            self.contract, self.venv, files, release=self.release.folder, secrets=self.secrets, held=self.held
        )

    # --- The application's own commands -----------------------------------------------------------

    @property
    def places(self) -> dict[str, str]:
        """What the braces in the application's commands stand for."""
        return {
            "release": str(self.release.folder),
            "venv": str(self.venv),
            "shared": str(self.contract.shared),
            "instance": "",
        }

    def command(
        self,
        words: list[str],
        what: str,
        timeout: float,
        further: dict[str, str] | None = None,
        *,
        stdin: str = "",
        keep: Sequence[int] = (),
    ) -> str:
        """Run one command of the application in the release, with the environment file; see commands.run."""
        variables = {
            **self.secrets,
            **(further or {}),
            "NAMASKAH_RELEASE": self.release.id,
            "NAMASKAH_COMMIT": self.run["commit"],
        }
        return run(
            launch.fill(words, self.places),
            what=what,
            timeout=timeout,
            cwd=self.release.folder,
            env=launch.environment(variables, str(self.venv)),
            secrets=self.contract.secrets_of(self.secrets | (further or {})),
            held=self.held,
            stdin=stdin,
            keep=keep,
        )

    @contextlib.contextmanager
    def _commands(self, *commands: list[str]) -> Iterator[None]:
        """Let the application's commands run, as far as there are any: what releases share is closed to them."""
        shared = any(commands) and self.venv.name != self.release.id
        with (
            virtualenv.versions_explained(),
            virtualenv.closed(self.contract, self.venv) if shared else contextlib.nullcontext(),
        ):
            yield

    def _build(self) -> None:
        with self._commands(*self.contract.build_commands):
            for words in self.contract.build_commands:
                self.command(words, "run a build command", self.contract.build_timeout)
        if self.contract.build_commands:
            exported.refuse_links_made(self.contract, self.release.folder, self.release.folder, self.venv)

    def _collect(self) -> None:
        with self._commands(self.contract.collect_command, *self.contract.post_collect_commands):
            if self.contract.collect_command:
                self.command(self.contract.collect_command, "collect the static files", self.contract.build_timeout)
            for words in self.contract.post_collect_commands:
                self.command(words, "run a build command after collecting", self.contract.build_timeout)
        exported.refuse_ours_made(self.contract, self.release.folder)
        if root := self.contract.static_root:
            exported.refuse_links_made(self.contract, self.release.folder / root, self.release.folder, self.venv)

    def _bytecode(self) -> None:
        # Syntax errors in files that are never imported are the application's own business, and what takes too long is
        # compiled at the first import.
        with contextlib.suppress(subprocess.TimeoutExpired):
            subprocess.run(
                [str(self.venv / "bin/python"), "-m", "compileall", "-q", str(self.release.folder)],
                capture_output=True,
                check=False,
                timeout=self.contract.build_timeout,
                pass_fds=() if self.held is None else (self.held,),
            )

    # --- Results ----------------------------------------------------------------------------------

    def _assets(self) -> None:
        (self.release.folder / ".namaskah").mkdir(exist_ok=True)
        sums: dict[str, str] = {}
        if self.contract.static_root:
            root = self.release.folder / self.contract.static_root
            if not root.is_dir():
                raise committed.static_root_missing("failed", str(root))
            sums = {
                str(file.relative_to(root)): hashlib.sha256(file.read_bytes()).hexdigest()
                for file in sorted(root.rglob("*"))
                if file.is_file() and not file.is_symlink()
            }
        write_json(self.release.folder / ".namaskah" / "static.json", sums)

    def _launchers(self) -> None:
        folder = self.release.folder / ".namaskah"
        source = package.source_of(launch)
        for name in self.contract.services:
            write_text(folder / name, f"#!{self.contract.python} -I\n{source}", 0o755)
        write_json(
            folder / "launch.json",
            {
                "release": self.release.id,
                "commit": self.run["commit"],
                "services": self.contract.raw["services"],
                "env_file": self.contract.env_file,
                "venv": str(self.venv),
                "shared": str(self.contract.shared),
                "runtime": str(self.contract.runtime),
            },
        )

    def _content(self) -> None:
        content.record(self.release.folder, self.release.folder / ".namaskah" / "files.json")
        if self.venv.name == self.release.id:  # the release's own commands may have put packages there
            content.record(self.venv, self.venv / ".files.json")
        elif found := virtualenv.changed(self.contract, self.venv):
            raise Failure(
                "failed",
                "build the release",
                str(self.venv),
                f"a command of the build changed the packages that releases share: {content.shortened(found)}",
                virtualenv.OWN,
            )

    def _host_program(self) -> None:
        for name in ("contract.json", guard.CONTRACT_COPY):
            write_json(self.contract.root / "host" / name, self.contract.raw)
        package.write_host_program(self.contract.host_program)
        forget_old_records(self.contract)

    def _record(self) -> None:
        write_json(
            self.release.record_file,
            {
                "id": self.release.id,
                "commit": self.run["commit"],
                "tag": self.run.get("tag", ""),
                "ref": self.run["ref"],
                "environment": self.contract.environment,
                "by": self.run["by"],
                "run": self.run["id"],
                "reason": self.run.get("reason", ""),
                "schema": self.contract.schema,
                "venv": self.venv.name,
                "prepared": now(),
                "state": "prepared",
                "seconds": self.seconds,
            },
        )
        sync_folder(self.contract.releases)


def variables_of(path: str) -> dict[str, str]:
    """Return the variables of an environment file; none where no file is named. Raises Failure."""
    try:
        return launch.read_environment(path) if path else {}
    except (OSError, ValueError) as error:
        next_step = "provision the host, or write the file as the host contract says"
        raise Failure("failed", "read the environment file", path, str(error), next_step) from None
