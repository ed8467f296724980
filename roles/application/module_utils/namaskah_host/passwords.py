"""What is secret in a text that holds addresses? Passwords, and tokens that are given as the user of a web address.

It stands alone (standard library only): the command line reads the same file under a name of its own.
"""

from __future__ import annotations

import re
from urllib.parse import unquote

HIDDEN = "***"
# Of a web address everything before the @ is secret: forges take a token as the user. `git` is everybody's name.
_WEB = re.compile(r"(?i)(https?://)(?!git@)([^\s/@\"'<>\\]+)@")
# Passwords stand in others as people write them, with / and @ as well; a number may also be a port, after which an @
# belongs to a path or a parameter.
_ANY = re.compile(
    r"((?P<web>(?i:https?))?://(?!\[)[^\s:/?#@]*):(?!\d{1,5}[\"'])"
    r"(?P<secret>(?:[^\s/@]*|(?(web)(?!\d{1,5}[^\d@])|(?!\d{1,5}(?:[/,][^\s@]*)?\?[\w.-]+=))[^\s\"'<>]{0,500}?)@"
    r"(?:[^\s/@\"'<>]*@)*)"
)
# What the parsers of others quote of an address that they cannot read: the part of a password that they took for a
# port, a host's name or an escape (urllib.parse; libpq, conninfo_uri_parse_options).
_QUOTED = re.compile(
    r"(?i)((?:could not be cast to integer value as|invalid port number:|invalid integer value"
    r"|invalid percent-encoded token:|base 10:) )(?:'[^'\n]*'|\"[^\"\n]*\")"
)
_QUOTED_HOST = re.compile(r"(?i)(host(?: ?name)? [\"'])[^\s\"']*@")
_PARAMETER = re.compile(r"(?i)([?&]\w*(?:password|token|secret|api_?key)=)([^&\s\"'<>]+)")
_MARKS = re.compile(r"[#/?@:\[\]%&]")


def hidden(text: str) -> str:
    """Return `text` with the passwords and tokens of its addresses replaced by ***."""
    if "@" in text:
        text = _ANY.sub(rf"\1:{HIDDEN}@", _WEB.sub(rf"\1{HIDDEN}@", text))
    text = _PARAMETER.sub(rf"\1{HIDDEN}", text)
    text = _QUOTED.sub(rf"\1{HIDDEN}", text)
    return _QUOTED_HOST.sub(rf"\1{HIDDEN}@", text)


def found(text: str) -> set[str]:
    """Return the passwords and tokens of the addresses in `text`: as written, decoded, and what parsers cut of them."""
    whole = {match["secret"][:-1] for match in _ANY.finditer(text)}
    whole |= {match for _, match in _PARAMETER.findall(text)}
    whole |= {part for _, match in _WEB.findall(text) for part in (match, *match.split(":", 1))}
    parts = {part for secret in whole for part in (secret, unquote(secret), *_MARKS.split(secret))}
    return parts - {""}
