"""Where do copies go? Each target of the inventory as a checked value; nothing of it can carry a second meaning."""

from __future__ import annotations

import re
import stat
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible.module_utils.namaskah_host.failure import Failure

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,30}")
_PATH = re.compile(r"[0-9A-Za-z._/~-]{1,200}")
_HOST = r"[0-9A-Za-z](?:[0-9A-Za-z.-]{0,252}[0-9A-Za-z])?"
_RSYNC = re.compile(rf"[a-z_][0-9a-z_-]{{0,31}}@{_HOST}:[0-9A-Za-z._/-]{{1,200}}")
_S3 = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{0,62}:[0-9A-Za-z][0-9A-Za-z._/-]{1,200}")
_AGE = re.compile(r"age1[02-9ac-hj-np-z]{58}")
_GPG = "-----BEGIN PGP PUBLIC KEY BLOCK-----"
_SECRET = re.compile(r"PRIVATE KEY|AGE-SECRET-KEY", re.IGNORECASE)
_LAST_PORT = 65535
_USUAL: Mapping[str, Any] = {
    "name": "",
    "kind": "",
    "to": "",
    "port": 22,
    "key": "~/.ssh/id_ed25519",
    "known_hosts": "~/.ssh/known_hosts",
    "config": "~/.config/rclone/rclone.conf",
    "encrypt": "",
    "recipient": "",
    "identity": "",
}


@dataclass(frozen=True)
class Target:
    """One place for copies.

    `to` is user@host:folder (rsync) or remote:bucket/folder (s3, a remote of rclone's file `config`). `key` and
    `known_hosts` are ssh's files. `encrypt` is age, gpg or "", `recipient` the public key. `identity` is a private
    key's file, which most hosts should not have: with it the content is compared as well.
    """

    name: str
    kind: str
    to: str
    port: int
    key: Path
    known_hosts: Path
    config: Path
    encrypt: str
    recipient: str
    identity: Path | None

    @property
    def where(self) -> str:
        """The target in an operator's words."""
        return f"copy target {self.name} ({self.to})"


def read(raw: Sequence[Mapping[str, Any]]) -> list[Target]:
    """Return the targets of the inventory. Raises Failure (refused) for the first that cannot be understood."""
    targets = [_target(entry) for entry in raw]
    names = [target.name for target in targets]
    if len(set(names)) != len(names):
        raise _refused("backup_copies", "two of them have one name", "give each a name of its own")
    return targets


def check_files(target: Target) -> None:
    """Raise Failure when a file of credentials is missing or readable by others than its owner."""
    secret = [target.key] if target.kind == "rsync" else [target.config]
    for path in [*secret, *([target.identity] if target.identity else [])]:
        _check_secret(path, target)
    if target.kind == "rsync" and not target.known_hosts.is_file():
        next_step = f"put the host's key into {target.known_hosts}, compared with what its owner says"
        raise _refused(target.where, f"{target.known_hosts} is missing, so nobody knows who answers there", next_step)


def _target(raw: Mapping[str, Any]) -> Target:
    entry = {**_USUAL, **raw}
    where = f"backup_copies, {str(entry['name'])[:40] or 'the one without name'}"
    unknown = sorted(set(entry) - set(_USUAL))
    forms: tuple[tuple[bool, str], ...] = (
        (not unknown, f"it has no word {', '.join(unknown)}"),
        (bool(_NAME.fullmatch(str(entry["name"]))), "its name has 1 to 31 of the characters a-z 0-9 _ -"),
        (entry["kind"] in {"rsync", "s3"}, "its kind is rsync or s3"),
        (_is_place(entry), "`to` is user@host:folder (rsync) or remote:bucket/folder (s3)"),
        (str(entry["port"]).isdigit() and 0 < int(entry["port"]) <= _LAST_PORT, "its port is a number up to 65535"),
        (_all_paths(entry), "its files are paths of the characters 0-9 A-Z a-z . _ / ~ -"),
        (entry["encrypt"] in {"", "age", "gpg"}, "encrypt is age, gpg or nothing"),
        (not _SECRET.search(str(entry["recipient"])), "a private key stands where the public one belongs"),
        (_is_recipient(entry), "recipient is an age1... key (age) or an armoured public key (gpg)"),
    )  # fmt: skip
    for holds, why in forms:
        if not holds:
            raise _refused(where, why, "correct backup_copies in the inventory")
    return Target(
        name=entry["name"], kind=entry["kind"], to=entry["to"].rstrip("/"), port=int(entry["port"]),
        key=_path(entry["key"]), known_hosts=_path(entry["known_hosts"]), config=_path(entry["config"]),
        encrypt=entry["encrypt"], recipient=str(entry["recipient"]).strip(),
        identity=_path(entry["identity"]) if entry["identity"] else None,
    )  # fmt: skip


def _is_place(entry: Mapping[str, Any]) -> bool:
    to, form = str(entry["to"]), {"rsync": _RSYNC, "s3": _S3}.get(str(entry["kind"]))
    return bool(form and form.fullmatch(to)) and ".." not in to


def _all_paths(entry: Mapping[str, Any]) -> bool:
    paths = [str(entry[name]) for name in ("key", "known_hosts", "config", "identity") if entry[name]]
    return all(_PATH.fullmatch(path) and path[0] in "/~" for path in paths)


def _is_recipient(entry: Mapping[str, Any]) -> bool:
    recipient = str(entry["recipient"]).strip()
    forms: Mapping[str, Callable[[], bool]] = {
        "": lambda: not recipient,
        "age": lambda: bool(_AGE.fullmatch(recipient)),
        "gpg": lambda: recipient.startswith(_GPG),
    }
    return forms.get(str(entry["encrypt"]), lambda: False)()


def _path(text: str) -> Path:
    return Path(text).expanduser()


def _check_secret(path: Path, target: Target) -> None:
    try:
        status = path.stat()
    except OSError as error:
        next_step = f"put it there, 0600, for the deploy user, or correct backup_copies ({target.name})"
        raise _refused(target.where, f"{path}: {error.strerror}", next_step) from error
    if stat.S_IMODE(status.st_mode) & 0o077:
        raise _refused(target.where, f"{path} can be read by others than its owner", f"chmod 600 {path}")


def _refused(where: str, why: str, next_step: str) -> Failure:
    return Failure("refused", "A copy of backups cannot be made", where, why, next_step)
