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


class Redactor:
    """Replaces secrets in any JSON-like value.

    `secrets` are values known to be secret; they are found in every usual encoding. Values shorter than six
    characters are left: taking out "test" would hide half of a report and protect nothing.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        forms = {form for secret in secrets if len(secret) >= _SHORTEST for form in encodings(secret)}
        longest_first = sorted(forms, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, longest_first))) if forms else None

    def __call__(self, value: Any) -> Any:
        """Return `value` without secrets, of the same shape."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            if value.get("_ansible_no_log"):
                return {key: value[key] for key in ("_ansible_no_log", "changed", "failed", "rc") if key in value}
            return {self.text(str(key)): self._under(str(key), item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self(item) for item in value]
        return value

    def text(self, text: str) -> str:
        """Return `text` without known secrets, passwords in addresses, `password=value` and private keys."""
        if self._known is not None:
            text = self._known.sub(HIDDEN, text)
        text = _PEM.sub(HIDDEN, text)
        text = passwords.hidden(text)
        return _ASSIGNED.sub(rf"\1\2{HIDDEN}", text)

    def _under(self, key: str, value: Any) -> Any:
        if _SECRET_KEY.search(key) and not isinstance(value, bool | None):
            return _hidden(value)
        return self(value)


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


def known_secrets(environ: Mapping[str, str]) -> set[str]:
    """Return the secrets that the controller itself holds: secret-looking variables and the vault's password."""
    found = {value for name, value in environ.items() if _SECRET_KEY.search(name) and not value.startswith("/")}
    vault = environ.get("ANSIBLE_VAULT_PASSWORD_FILE", "")
    path = Path(vault).expanduser()
    if vault and path.is_file() and not path.stat().st_mode & 0o111:  # an executable prints the password
        found.add(path.read_text(encoding="utf-8", errors="replace").strip())
    return {secret for secret in found if len(secret) >= _SHORTEST}


def _hidden(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _hidden(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_hidden(item) for item in value]
    return value if value in ("", None) or isinstance(value, bool) else HIDDEN
