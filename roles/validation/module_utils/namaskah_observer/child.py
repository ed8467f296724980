"""How does pytest run as a child? With a folder of its own, by argument list, bounded, and nothing left behind."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible.module_utils.namaskah_command import CommandTimeoutError, Done, Program, readable

GOODBYE = 10  # seconds for closing one login
# What a child may take over from our environment: an agent for keys and where people keep their settings, no options.
# What the inventory declares comes to it: a ProxyCommand may need it.
PASSED_ON = (
    "HOME",
    "USER",
    "LOGNAME",
    "SSH_AGENT_PID",
    "SSH_AUTH_SOCK",
    "TMPDIR",
    "XDG_CONFIG_HOME",
    "XDG_RUNTIME_DIR",
)


@dataclass(frozen=True)
class Ended:
    """How pytest ended: `trouble` says why its report is not to be believed, or ""."""

    trouble: str
    report: Path


class Child:
    """One run of the checks. Use it as a context manager: its folder and its logins end with the block."""

    def __init__(self, python: str, config: str, tests: Path, pass_on: Sequence[str] = ()) -> None:
        self.python = python
        self.config = config
        self.tests = tests
        self.pass_on = pass_on
        # Short on purpose: ssh makes a socket in it, whose path has about 107 bytes.
        self._folder = tempfile.TemporaryDirectory(prefix="nk-", ignore_cleanup_errors=True)
        self.folder = Path(self._folder.name)

    def __enter__(self) -> Child:  # noqa: PYI034 - Self is not needed for a final class
        """Nothing more to do."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the logins and remove the folder."""
        for login in self.folder.glob("login-*"):
            words = ["ssh", "-O", "exit", "-o", f"ControlPath={login}", "closing"]
            with contextlib.suppress(CommandTimeoutError, FileNotFoundError):
                self._run(words, GOODBYE)
        self._folder.cleanup()

    def check(self, subjects: list[dict[str, Any]], timeout: float) -> Ended:
        """Run all checks on all subjects, at most `timeout` seconds."""
        report = self.folder / "report.xml"
        self._write("contracts.json", {subject["name"]: subject["contract"] for subject in subjects})
        self._write("hosts.json", {"all": {"hosts": dict(self._logins(subjects))}})
        words = [self.python, "-m", "pytest", "-p", "testinfra.plugin", "-c", str(self.tests / "pytest.ini"),
                 f"--rootdir={self.tests}", "--hosts=ansible://all", f"--ansible-inventory={self.folder}/hosts.json",
                 f"--contracts={self.folder}/contracts.json", f"--junit-xml={report}", "--tb=short", "-q",
                 str(self.tests)]  # fmt: skip
        try:
            done = self._run(words, timeout)
        except CommandTimeoutError:
            return Ended(f"the checks did not end within {timeout:g} s", report)
        except FileNotFoundError as error:
            return Ended(f"cannot run {error.filename}", report)
        # 0 = all passed, 1 = some failed: the report tells. Anything else is trouble of its own (pytest's exit codes).
        return Ended("" if done.status in {0, 1} else _said(done), report)

    def _logins(self, subjects: list[dict[str, Any]]) -> Iterator[tuple[str, dict[str, str]]]:
        """Yield what the inventory says of each host; what is empty is left to ssh's own settings."""
        for subject in subjects:
            login = {key: str(value).strip() for key, value in subject["login"].items() if str(value).strip()}
            shared = f"-o ControlPath={self.folder}/login-%C"
            login["ansible_ssh_extra_args"] = f"{login.get('ansible_ssh_extra_args', '')} {shared}".strip()
            yield subject["name"], login

    def _write(self, name: str, value: Any) -> None:
        (self.folder / name).write_text(json.dumps(value), encoding="utf-8")

    def _run(self, words: list[str], timeout: float) -> Done:
        return Program(words, env=self._environment(), cwd=str(self.folder)).finish(timeout)

    def _environment(self) -> dict[str, str]:
        """Return a small environment: no option of somebody's shell changes what is checked."""
        kept = {name: os.environ[name] for name in (*PASSED_ON, *self.pass_on) if name in os.environ}
        return {
            **kept,
            # Programs beside the interpreter come first: a virtualenv need not be activated.
            "PATH": f"{Path(self.python).parent}:{os.environ.get('PATH', '/usr/bin:/bin')}",
            "LC_ALL": "C.UTF-8",
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            "ANSIBLE_INVENTORY_ENABLED": "yaml",
            **({"ANSIBLE_CONFIG": self.config} if self.config else {}),
        }


def _said(done: Done) -> str:
    """Return what pytest says of its own trouble: the sentences of its errors, not the way to them."""
    lines = [line.strip() for line in (done.err + done.out).splitlines() if line.strip()]
    errors = [line.lstrip("E ") for line in lines if line.startswith("E  ")]
    internal = [line for line in lines if line.startswith("INTERNALERROR>")][-1:]
    return f"pytest ended with {done.status}: {readable('; '.join(errors or internal or lines[-1:]))}"
