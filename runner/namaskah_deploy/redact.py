"""What must not be shown or kept? Takes secrets out of everything that a run reports, before anybody reads it."""

import base64
import html
import json
import re
import shlex
import urllib.parse
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from namaskah_deploy import passwords

HIDDEN = "***"

_NAMES_OF_SECRETS = (
    r"passwo?r?d|passwd|passphrase|pgpassword|secret(?:_?key)?|token|api_?key|access_?key|private_?key|credentials?"
    r"|authorization|cookie|dsn|database_?url"
)
_SECRET_KEY = re.compile(rf"(?:^|[_\-. ])(?:{_NAMES_OF_SECRETS})s?$", re.IGNORECASE)
_ASSIGNED = re.compile(
    rf"(?i)\b((?:[\w-]*[_-])?(?:{_NAMES_OF_SECRETS}))(\s*[=:]\s*)(?:bearer\s+|basic\s+)?(\"[^\"]*\"|'[^']*'|[^\s,;&'\"]+)"
)
_PEM = re.compile(r"-----BEGIN ([A-Z ]*PRIVATE KEY)-----.*?(?:-----END \1-----|$)", re.DOTALL)
_SHORTEST = 6
_OWN_KEY = re.compile(r"[a-z_]+")
"""A key of our own documents, or of Ansible's: what a secret could be is nowhere the name of something."""
_TABLE = re.compile(r"[^\s.]+\.[^.]+")
"""A key that names a table with its schema: what is counted under it are rows."""


class Redactor:
    """Replaces secrets in any JSON-like value.

    `secrets` are values known to be secret; they are found in every usual encoding. Values shorter than six
    characters are left: taking out "test" would hide half of a report and protect nothing. `names` are those of
    hosts and the like: they stay as they are, also where a secret is a part of them.
    """

    def __init__(self, secrets: Iterable[str] = (), names: Iterable[str] = ()) -> None:
        kept = set(names)
        forms = {form for secret in secrets if len(secret) >= _SHORTEST for form in encodings(secret)} - kept
        self._names = {name for name in kept if any(form in name for form in forms)}
        longest_first = sorted(forms | self._names, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, longest_first))) if forms else None

    def __call__(self, value: Any) -> Any:
        """Return `value` without secrets, of the same shape."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            if value.get("_ansible_no_log"):
                return {key: value[key] for key in ("_ansible_no_log", "changed", "failed", "rc") if key in value}
            return {self._key(str(key)): self._under(str(key), item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self(item) for item in value]
        return value

    def text(self, text: str) -> str:
        """Return `text` without known secrets, passwords in addresses, `password=value` and private keys."""
        if self._known is not None:
            text = self._known.sub(self._hidden_unless_name, text)
        text = _PEM.sub(HIDDEN, text)
        text = passwords.hidden(text)
        return _ASSIGNED.sub(_hidden_unless_counted, text)

    def _hidden_unless_name(self, found: re.Match[str]) -> str:
        return found.group() if found.group() in self._names else HIDDEN

    def _key(self, key: str) -> str:
        return key if _OWN_KEY.fullmatch(key) else self.text(key)

    def _under(self, key: str, value: Any) -> Any:
        if _SECRET_KEY.search(key) and not isinstance(value, bool | None):
            return _hidden(value, counts=_TABLE.fullmatch(key) is not None)
        return self(value)


def _hidden_unless_counted(found: re.Match[str]) -> str:
    """Hide what is assigned, but not the number after the name of a table with its schema: those are rows."""
    of_table = found.string[: found.start()].endswith(".") and found.group(3).isdecimal()
    return found.group() if of_table else f"{found.group(1)}{found.group(2)}{HIDDEN}"


def encodings(secret: str) -> set[str]:
    """Return the forms in which `secret` may stand in a text: as it is, quoted, escaped, hexadecimal, base64.

    Base64 depends on where the secret begins within the encoded bytes, so each of the three places counts.
    """
    data = secret.encode()
    quoted = json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]
    forms = {
        secret,
        *quoted,
        *(json.dumps(text, ensure_ascii=False)[1:-1] for text in quoted),  # a command's JSON within Ansible's
        repr(secret)[1:-1],
        shlex.quote(secret).strip("'"),
        html.escape(secret),
        urllib.parse.quote(secret),
        urllib.parse.quote(secret, safe=""),
        urllib.parse.quote_plus(secret),
        data.hex(),
        data.hex().upper(),
    }
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        for before in range(3):
            # The characters that also hold bits of the neighbours are cut off at both ends.
            text = encode(b"\0" * before + data).decode().rstrip("=")
            start = (before * 8 + 5) // 6
            end = (before + len(data)) * 8 // 6
            forms.add(text[start:end])
    return {form for form in forms if len(form) >= _SHORTEST}


def known_secrets(environ: Mapping[str, str], passes: Iterable[str] = (), public: Iterable[str] = ()) -> set[str]:
    """Return the secrets that the controller itself holds.

    They are the values of its variables whose names speak of secrets, and of those in `passes` (which the inventory
    wants for the hosts), but not of those in `public`; passwords within addresses; the passwords of the vault.
    """
    wanted = set(passes)
    found: set[str] = set()
    for name, value in environ.items():
        if name not in public and (name in wanted or _SECRET_KEY.search(name)) and not _is_place(value):
            found.add(value)
        found |= passwords.found(value)
    labelled = environ.get("ANSIBLE_VAULT_IDENTITY_LIST", "").split(",")
    for place in (environ.get("ANSIBLE_VAULT_PASSWORD_FILE", ""), *(one.rpartition("@")[2] for one in labelled)):
        path = Path(place.strip()).expanduser()
        if place and path.is_file() and not path.stat().st_mode & 0o111:  # an executable prints the password
            found.add(path.read_text(encoding="utf-8", errors="replace").strip())
    return {secret for secret in found if len(secret) >= _SHORTEST}


def _is_place(value: str) -> bool:
    """Tell whether a value says only where a secret is; one that merely begins like a path may be the secret."""
    try:
        return value.startswith("/") and Path(value).exists()
    except (OSError, ValueError):  # no path can be as long, or hold such a character
        return False


def _hidden(value: Any, *, counts: bool = False) -> Any:
    """Return `value` with nothing but its shape; with `counts` its numbers stay."""
    if isinstance(value, Mapping):
        return {key: _hidden(item, counts=counts) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_hidden(item, counts=counts) for item in value]
    if value in ("", None) or isinstance(value, bool) or (counts and isinstance(value, int | float)):
        return value
    return HIDDEN
