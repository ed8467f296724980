"""Which words may an operator give? Each is checked by an allow-list before anything starts.

A name reaches git, a path and Ansible's templating, so a legal git name such as `{{lookup('pipe','id')}}` must not
pass: only letters, digits and a few marks do. The hosts' side reads the same list (allowed.py).
"""

import difflib
import re
from collections.abc import Iterable

from namaskah_deploy import allowed
from namaskah_deploy.errors import Refused
from namaskah_deploy.overrides import OVERRIDES

_ENVIRONMENT = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_PATTERN = re.compile(r"!?[A-Za-z0-9*_][A-Za-z0-9._*-]{0,253}")
_BACKUP = re.compile(r"[0-9]{8}T[0-9]{6}Z-[0-9a-z]{1,16}")
_REASON_LENGTH = 200
_TEMPLATE_MARKS = ("{{", "{%", "{#")


def environment(name: str) -> str:
    """Return `name` when it may name an environment; raises Refused."""
    if _ENVIRONMENT.fullmatch(name) is None:
        raise Refused(
            f"the environment name {name!r} is not allowed",
            "only lower-case letters, digits, '-' and '_', beginning with a letter or digit",
            next_step="see the declared environments: namaskah-deploy -h",
        )
    return name


def ref(name: str, *, kind: str = "ref") -> str:
    """Return `name` when it may be a branch, a tag or a commit; `kind` is the word for it in the error."""
    if not allowed.is_ref(name):
        raise Refused(
            f"the {kind} {name!r} is not allowed",
            f"a name has {allowed.RULE}",
            next_step=f"give the {kind} another name in git, or name the commit by its 40 digits",
        )
    return name


def backup(name: str) -> str:
    """Return `name` when it may name a backup: UTC second and suffix, as `backups list` shows it."""
    if _BACKUP.fullmatch(name) is None:
        raise Refused(
            f"the backup {name!r} is not allowed",
            "a backup is called by its time and a suffix, such as 20260131T235959Z-4f2a",
            next_step="see their names: namaskah-deploy backups list ENV",
        )
    return name


def override(name: str) -> str:
    """Return `name` when it names a refusal that can be overridden."""
    if name not in OVERRIDES:
        close = nearest(name, OVERRIDES)
        meant = f"; did you mean {close}?" if close else ""
        raise Refused(
            f"--allow {name!r} is not allowed",
            f"nothing asks for it{meant}",
            next_step=f"one of {', '.join(OVERRIDES)}",
        )
    return name


def host_pattern(word: str) -> str:
    """Return `word` when it may stand in --limit: a host, a group, `*` within a name, `!` before it to leave out."""
    if _PATTERN.fullmatch(word) is None:
        raise Refused(
            f"--limit {word!r} is not allowed",
            "only names of hosts and groups, with * for any characters and ! before a name to leave it out",
        )
    return word


def reason(text: str) -> str:
    """Return `text` when it is one printable line without template marks, at most 200 characters."""
    if not text.isprintable() or len(text) > _REASON_LENGTH or any(mark in text for mark in _TEMPLATE_MARKS):
        raise Refused(
            "this --reason is not allowed", f"one printable line, up to {_REASON_LENGTH} characters, no '{{{{'"
        )
    return text


def nearest(word: str, known: Iterable[str]) -> str:
    """Return the known word that `word` was most likely meant to be, or an empty string."""
    matches = difflib.get_close_matches(word, sorted(known), n=1, cutoff=0.5)
    return matches[0] if matches else ""
