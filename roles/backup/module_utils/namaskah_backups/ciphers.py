"""How a file becomes one that only the holder of a private key can read: age(1) or gpg(1), to a public key.

The private key has no place on the host. Where it is there all the same (`identity`), what was encrypted is compared.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from ansible.module_utils.namaskah_command import CommandTimeoutError, run
from ansible.module_utils.namaskah_host.failure import Failure

from .targets import Target
from .tools import reason

_PACKAGES = {"age": "age", "gpg": "gnupg", "rsync": "rsync", "rclone": "rclone", "ssh": "openssh-client"}


class Cipher:
    """Encrypts and, with a private key, decrypts files for one target; its own files are gone with the block."""

    def __init__(self, target: Target, home: Path) -> None:
        self._target, self._home = target, home
        self._recipient = home / "recipient"
        self._recipient.write_text(target.recipient + "\n")

    @property
    def suffix(self) -> str:
        """What the names of encrypted files end with."""
        return f".{self._target.encrypt}"

    def encrypt(self, source: Path, made: Path, timeout: float) -> None:
        """Encrypt `source` into the new file `made`. Raises Failure."""
        if self._target.encrypt == "age":
            words = ["age", "--encrypt", "--recipients-file", str(self._recipient), "--output", str(made), str(source)]
        else:
            words = [*self._gpg, "--recipient-file", str(self._recipient), "--compress-algo", "none"]
            words += ["--output", str(made), "--encrypt", str(source)]
        call(words, timeout, "A copy cannot be encrypted", self._target.where)

    def decrypt(self, source: Path, made: Path, timeout: float) -> None:
        """Decrypt `source` into the new file `made` by the target's private key. Raises Failure."""
        what, identity = "A copy cannot be decrypted", str(self._target.identity)
        if self._target.encrypt == "age":
            words = ["age", "--decrypt", "--identity", identity, "--output", str(made), str(source)]
        else:
            call([*self._gpg, "--import", identity], timeout, what, self._target.where)
            words = [*self._gpg, "--output", str(made), "--decrypt", str(source)]
        call(words, timeout, what, self._target.where)

    @property
    def _gpg(self) -> list[str]:
        return ["gpg", "--batch", "--no-tty", "--quiet", "--homedir", str(self._home), "--trust-model", "always"]


@contextlib.contextmanager
def cipher(target: Target) -> Iterator[Cipher | None]:
    """What encrypts for `target`; None where it takes files as they are."""
    if not target.encrypt:
        yield None
        return
    home = Path(tempfile.mkdtemp(prefix="nmsk-"))  # short: the path of gpg's agent's socket has about 107 bytes
    try:
        yield Cipher(target, home)
    finally:
        if target.encrypt == "gpg" and target.identity:
            with contextlib.suppress(OSError, CommandTimeoutError):
                run(["gpgconf", "--homedir", str(home), "--kill", "gpg-agent"], env=environment(), timeout=20)
        shutil.rmtree(home, ignore_errors=True)


def environment() -> dict[str, str]:
    """The whole environment of programs that copy: no agent, no proxy of the caller's, no secret."""
    kept = {name: os.environ[name] for name in ("HOME", "PATH", "TMPDIR") if name in os.environ}
    return {"PATH": "/usr/bin:/bin", **kept, "LC_ALL": "C.UTF-8"}


# What rsync does not say where the other side ends before its words are through (rsync(1), EXIT VALUES).
_MEANING = {("rsync", 11): ", an error of reading or writing files: is a disk full, there or here?"}


def call(words: list[str], timeout: float, what: str, where: str, stdin: str = "") -> str:
    """Run a program to its good end and give back what it printed; else raise Failure."""
    program = Path(words[0]).name
    try:
        done = run(words, env=environment(), timeout=timeout, stdin=stdin)
    except FileNotFoundError as error:
        next_step = f"install the package {_PACKAGES.get(program, program)} on the host that makes backups"
        raise Failure("refused", what, where, f"there is no program {program}", next_step) from error
    except CommandTimeoutError as error:
        raise Failure(
            "timeout", what, where, str(error), "raise backup_copy_timeout, or look at the network"
        ) from error
    if done.status != 0:
        next_step = "mend the cause, then `namaskah-deploy backups copy`"
        silent = "" if done.err.strip() else _MEANING.get((program, done.status), "")
        raise Failure("failed", what, where, f"{program} {reason(done)}{silent}", next_step)
    return done.out
