"""Which hosts and marks does an inventory file name? Reads the static YAML form; no Ansible is started for it.

Only what must be known before a run is read: the hosts of each group (how many have to answer) and literal marks.
Everything else in an inventory is Ansible's to read.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from namaskah_deploy.errors import Refused

_OF_SECRETS = re.compile(
    r"provision_(?:migrate_)?environment|.*(?:pass|secret|token|key|credential|vault).*", re.IGNORECASE
)
"""Variables whose texts are no public ones, although they stand there."""
_RANGE = re.compile(r"\[(\w+):(\w+)(?::(\d+))?\]")


class _Loader(yaml.SafeLoader):
    """Reads Ansible's own tags (!vault, !unsafe) as plain text without decrypting anything."""


_Loader.add_multi_constructor("!", lambda loader, _suffix, node: loader.construct_scalar(node))


def read(path: Path) -> dict[str, Any]:
    """Return the mapping that the YAML file `path` holds; raises Refused with the line that is wrong."""
    try:
        data = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)  # noqa: S506 - derives from SafeLoader
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise Refused(f"{path} cannot be read", " ".join(str(error).split()), next_step="correct the file") from error
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise Refused(
            f"{path} cannot be read", "it holds no mapping of groups or variables", next_step="correct the file"
        )
    return data


def plain(variables: Mapping[str, Any]) -> Iterator[str]:
    """Yield the texts that stand in `variables` for everybody to read, but those of names that speak of secrets."""
    for name, value in variables.items():
        if not _OF_SECRETS.fullmatch(str(name)):
            yield from (
                plain(value)
                if isinstance(value, dict)
                else (one for one in (value if isinstance(value, list) else [value]) if isinstance(one, str))
            )


def expand(name: str) -> list[str]:
    """Return the host names that `web[01:03]` stands for, as Ansible's inventory manual (ranges of hosts) says."""
    match = _RANGE.search(name)
    if match is None:
        return [name]
    first, last, step = match.group(1), match.group(2), int(match.group(3) or 1)
    if first.isdigit() and last.isdigit():
        values = [str(number).zfill(len(first)) for number in range(int(first), int(last) + 1, step)]
    else:
        values = [chr(code) for code in range(ord(first), ord(last) + 1, step)]
    return [full for value in values for full in expand(name[: match.start()] + value + name[match.end() :])]


def groups(data: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Return the hosts of every group, those of its children included, in the order of the file."""
    members: dict[str, dict[str, None]] = {"all": {}}
    children: dict[str, set[str]] = {}
    for name, parent, body in _walk(data, parent="all"):
        hosts = [host for pattern in (body.get("hosts") or {}) for host in expand(str(pattern))]
        members.setdefault(name, {}).update(dict.fromkeys(hosts))
        members["all"].update(dict.fromkeys(hosts))
        children.setdefault(parent, set()).add(name)
    return {name: tuple(_with_children(name, members, children, seen=set())) for name in members}


def _walk(data: Mapping[str, Any], parent: str) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    for name, body in data.items():
        group = body if isinstance(body, dict) else {}
        yield str(name), parent, group
        yield from _walk(group.get("children") or {}, parent=str(name))


def _with_children(
    name: str, members: Mapping[str, Mapping[str, None]], children: Mapping[str, set[str]], *, seen: set[str]
) -> dict[str, None]:
    if name in seen:
        return {}
    seen.add(name)
    found = dict(members.get(name, {}))
    for child in sorted(children.get(name, ())):
        found.update(_with_children(child, members, children, seen=seen))
    return found
