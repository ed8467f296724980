"""What is the address of a git repository? One parser, for the controller, which asks it, and for the hosts.

An address stands in command lines, which every user of a machine can see, so a secret in it is refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

FORMS = "ssh://, https://, http://, git://, file://, user@host:path or an absolute path"
_HOST = r"(?P<host>[0-9A-Za-z][0-9A-Za-z._-]*|\[[0-9A-Fa-f:.]+\])"
_USER = r"(?:(?P<user>[0-9A-Za-z][0-9A-Za-z._~+-]*)@)?"
_PATH = r"[0-9A-Za-z._~/@:+%-]*"
_URL = re.compile(rf"(?P<scheme>ssh|git|https?)://{_USER}{_HOST}(?::(?P<port>\d{{1,5}}))?(?P<path>/{_PATH})")
_FOLDER = re.compile(r"(?:file://)?(?P<path>/[^\x00-\x1f\x7f]*)")
# What scp takes; `transport::address` would have git run a program (gitremote-helpers(7)).
# In its path an @ may stand behind a / where a user was given: else what stands before it may be a password. Without a
# user it may in the last name, if that ends in .git: what stands behind a login is no host of such a name.
_NAME = r"[0-9A-Za-z._~+%-]+"
_AT = rf"(?(user)(?:(?<=/)[0-9A-Za-z._~/@+%-]+)?|(?:(?<=/){_NAME}@{_NAME}\.git)?)"
_SCP = re.compile(rf"{_USER}{_HOST}:(?P<path>(?!:|//)[0-9A-Za-z._~/+%-]+{_AT})")
# What is written like a scheme may be a token as well, so only known ones are told from it.
_LOGIN = re.compile(r"(?P<scheme>(?i:git\+)?(?i:https?|ssh|git|file|ftp):/{1,2})?(?P<login>[^/].*)@", re.DOTALL)
_TAKES_LOGIN = "use an ssh key or a git credential helper, and leave out what stands before the @"
_CORRECT = "correct namaskah_repository or namaskah_controller_repository"


class BadAddressError(ValueError):
    """The address may not be used. Its text says why, without any part of the address, and `next_step` what to do.

    `secret` tells whether the address holds what nobody else may see.
    """

    def __init__(self, why: str, *, secret: bool) -> None:
        super().__init__(f"{why}, which every process list and log would show" if secret else why)
        self.secret = secret
        self.next_step = _TAKES_LOGIN if secret else _CORRECT


@dataclass(frozen=True)
class GitAddress:
    """An address that git may be given. `scheme` is ssh for user@host:path and file for a folder; "" = not given."""

    scheme: str
    user: str
    host: str
    port: str
    path: str


def parse(text: str) -> GitAddress:
    """Return the parts of a repository's address. Raises BadAddressError."""
    if folder := _FOLDER.fullmatch(text):
        return GitAddress("file", "", "", "", folder["path"])
    url, scp = _URL.fullmatch(text), _SCP.fullmatch(text)
    if found := url or scp:
        given = {"scheme": "ssh", "port": "", **found.groupdict()}
        address = GitAddress(**{name: value or "" for name, value in given.items()})
        if address.scheme != "ssh" and address.user not in {"", "git"}:
            raise BadAddressError("its user is not `git`, so it may be a token", secret=True)
        return address
    login = _LOGIN.match(text)
    if login and (":" in login["login"] or "http" in (login["scheme"] or "").lower()):
        raise BadAddressError("it holds a password or a token", secret=True)
    raise BadAddressError(f"it is none of {FORMS}, or has other characters than plain ones", secret=False)


def shown(text: str) -> str:
    """Return what may be said of an address that is refused: nothing of its user, nor of what may be a query."""
    without = _LOGIN.sub(lambda found: f"{found['scheme'] or ''}***@", text, count=1)
    return re.split(r"[?#]", without)[0][:200]
