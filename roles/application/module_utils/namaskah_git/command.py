"""How git is run on the controller: bounded, without prompts, without the caller's GIT_* variables.

What works on the copy alone reads no configuration of the operator's. What speaks with the remote does, for it says how
the remote is reached (url.*.insteadOf, credential helpers, proxies); what else it could change there is set here.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ..namaskah_command import CommandTimeoutError, Done, readable, run
from ..namaskah_host.failure import Failure

_PROXIES = ("ALL_PROXY", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY")
_INHERITED = (
    *("HOME", "PATH", "USER", "LOGNAME", "TMPDIR", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR"),
    *("SSH_AUTH_SOCK", "SSH_AGENT_PID", "GIT_SSH", "GIT_SSH_COMMAND", "SSL_CERT_DIR", "SSL_CERT_FILE"),
    *("GIT_SSL_CAINFO", "CURL_CA_BUNDLE", "GNUPGHOME"),
    *_PROXIES,
    *(name.lower() for name in _PROXIES),
)
_FIXED = {
    "LC_ALL": "C.UTF-8",
    "TZ": "UTC",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ASKPASS": "",
    "SSH_ASKPASS_REQUIRE": "never",
    # Names every transport that git may use: `ext::` and other helpers run commands. See git(1).
    "GIT_ALLOW_PROTOCOL": "file:git:http:https:ssh",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_DEFAULT_HASH": "sha1",
    "GIT_ATTR_NOSYSTEM": "1",
}
# GIT_CONFIG_GLOBAL is obeyed from git 2.32 on, folders that are not there by every git.
_NOBODYS = {
    "HOME": "/nonexistent",
    "XDG_CONFIG_HOME": "/nonexistent",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_NOSYSTEM": "1",
}
_SETTINGS = (
    "protocol.ext.allow=never",
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.attributesFile=/dev/null",
    "gc.autoDetach=false",
    "fetch.pruneTags=false",
    "submodule.recurse=false",
    "push.gpgSign=false",
    "push.followTags=false",
    "push.recurseSubmodules=no",
    "push.pushOption=",  # an empty one empties the list
)
_OPTIONS = tuple(word for setting in _SETTINGS for word in ("-c", setting))


@dataclass(frozen=True)
class Git:
    """Git with a time limit in seconds for each call and, where one is given, the bare repository that it works on."""

    timeout: float
    directory: str = ""
    extra: Mapping[str, str] = field(default_factory=dict)
    pass_on: Sequence[str] = ()  # names that the inventory declares: what credential helpers and transports need

    def attempt(self, arguments: Sequence[str]) -> Done:
        """Run git with the operator's ways to the remote; give back how it ended.

        Raises Failure when git is missing or its time is over.
        """
        return self._run(arguments, environment(self.extra, self.pass_on))

    def local(self, arguments: Sequence[str], stdin: str = "") -> Done:
        """Run git on the copy alone, without anybody's configuration; otherwise like `attempt`."""
        return self._run(arguments, {**environment(self.extra), **_NOBODYS}, stdin)

    def _run(self, arguments: Sequence[str], env: Mapping[str, str], stdin: str = "") -> Done:
        place = [f"--git-dir={self.directory}"] if self.directory else []
        try:
            words = ["git", *_OPTIONS, *place, *arguments]
            return run(words, env=env, timeout=self.timeout, cwd="/", stdin=stdin)
        except FileNotFoundError as error:
            next_step = "install git on the controller"
            raise Failure("failed", "git cannot be run", "controller", "there is no git on PATH", next_step) from error
        except CommandTimeoutError as error:
            next_step = "check the network and the remote; raise the role's time limit for a very large repository"
            raise Failure("timeout", f"git {arguments[0]} did not end", "controller", str(error), next_step) from error

    def read(self, arguments: Sequence[str]) -> str:
        """The output of a git command on the mirror that has to succeed; raises Failure when it does not."""
        return self._done(arguments).out

    def read_bytes(self, arguments: Sequence[str], stdin: str = "") -> bytes:
        """The same, for what need be no UTF-8."""
        return self._done(arguments, stdin).raw

    def _done(self, arguments: Sequence[str], stdin: str = "") -> Done:
        done = self.local(arguments, stdin)
        if done.status != 0:
            why = reason(done)
            next_step = f"remove {self.directory} (a cache that is made again) and try once more"
            raise Failure("failed", f"git {arguments[0]} failed", self.directory or "controller", why, next_step)
        return done


def environment(extra: Mapping[str, str], pass_on: Sequence[str] = ()) -> dict[str, str]:
    """The whole environment of git: a few inherited words, none of the caller's other GIT_* variables."""
    names = (*(name for name in pass_on if not name.startswith("GIT_")), *_INHERITED)
    return {**{name: os.environ[name] for name in names if name in os.environ}, **_FIXED, **extra}


def reason(done: Done) -> str:
    """What git said on its way out, fit to be shown."""
    return readable(done.err) or f"git ended with status {done.status} and said nothing"
