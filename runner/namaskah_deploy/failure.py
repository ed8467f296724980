"""Why did a task fail on a host? Reads the words for an operator out of Ansible's result.

The modules of this project say it themselves, in `failure`; of other modules the plainest fact is taken.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_CLASSES = frozenset({"refused", "unreachable", "failed", "unhealthy", "timeout"})
_NOISE = re.compile(
    r"^(Task failed|Module failed|Action failed|Failed to connect to the host via ssh"
    r"|Data could not be sent to remote host[^.]*\. Make sure this host can be reached over ssh)\s*:\s*"
)
_TAIL = 12


@dataclass(frozen=True)
class Failure:
    """What failed, where, why, and what to do next.

    `kind` is one of refused (the world or the operator forbids it), unreachable, failed, unhealthy (it runs, and not
    well), timeout.
    """

    kind: str
    what: str
    where: str
    why: str
    next_step: str = ""


def read(result: Mapping[str, Any], *, host: str, task: str, unreachable: bool) -> Failure:
    """Return the failure that the result of `task` on `host` tells of."""
    told = result.get("failure")
    if isinstance(told, Mapping):
        kind = str(told.get("class", "failed"))
        return Failure(
            kind=kind if kind in _CLASSES else "failed",
            what=_text(told.get("what")) or _text(result.get("msg")) or task,
            where=_text(told.get("where")) or host,
            why=_text(told.get("why")),
            next_step=_text(told.get("next")),
        )
    if unreachable:
        return _unreachable(result, host)
    late = result.get("timedout")
    if isinstance(late, Mapping):
        return Failure(
            kind="timeout",
            what=task,
            where=host,
            why=f"it took longer than {late.get('period', 'its')} s",
            next_step="see what keeps the host so busy, or raise namaskah_step_timeout",
        )
    errors = result.get("argument_errors")
    if isinstance(errors, list) and errors:
        context = result.get("validate_args_context")
        role = context.get("name", "") if isinstance(context, Mapping) else ""
        return Failure(
            kind="refused",
            what=f"the variables of the role {role} are not as it needs them".replace("role  ", "role "),
            where=host,
            why="; ".join(_text(error) for error in errors),
            next_step="correct them in group_vars of the inventory; the role's argument_specs.yml says what is allowed",
        )
    return Failure(kind="failed", what=task, where=host, why=_reason(result), next_step="")


def _unreachable(result: Mapping[str, Any], host: str) -> Failure:
    why = _plain(_text(result.get("msg")))
    next_step = f"try by hand: ssh {host} true"
    if "host key" in why.lower():  # ssh has no code for it; the words only choose the advice
        next_step = "if the host was really renewed, replace its key in known_hosts; if not, somebody is in between"
    return Failure(kind="unreachable", what="the host cannot be reached", where=host, why=why, next_step=next_step)


def _reason(result: Mapping[str, Any]) -> str:
    parts = [_plain(_text(result.get("msg")))]
    for name in ("stderr", "module_stderr", "stdout", "module_stdout"):
        text = _text(result.get(name)).strip()
        if text:
            parts.append("\n".join(text.split("\n")[-_TAIL:]))
            break
    if result.get("rc"):
        parts.append(f"exit code {result['rc']}")
    return "\n".join(dict.fromkeys(part for part in parts if part)) or "no reason was given"


def _plain(text: str) -> str:
    """Drop the prefixes that Ansible puts before a message, however many there are."""
    while match := _NOISE.match(text):
        text = text[match.end() :]
    return text.strip()


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, list):
        return "; ".join(_text(item) for item in value)
    return str(value).strip()
