"""Which environments are declared, and what has to be known of one before a run?

An environment is a folder `<inventory>/<name>/` with a `hosts.yml`.
"""

import fnmatch
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from namaskah_deploy import passing, words
from namaskah_deploy.errors import Refused

HOSTS = "hosts.yml"
_SUFFIXES = ("", ".yml", ".yaml")
_PUBLIC = "namaskah_public_names"

_COMMANDS = "deploy rollback backup verify provision status releases backups plan recover abort lock"
# Named by the plan of the tool: an environment of today must not hide a command of tomorrow.
_RESERVED = (
    "adopt approve completion config console demo diff doctor exec help history init logs maintenance rehearse report "
    "resume review sign smoke unlock version watch"
)
COMMANDS = frozenset(f"{_COMMANDS} {_RESERVED}".split())
"""Names that an environment may not have, for `namaskah-deploy NAME` would be ambiguous."""


@dataclass(frozen=True)
class Environment:
    """What is known of an environment without asking Ansible.

    `hosts` is the hosts file, `groups` the hosts of each group. `default` marks the one that `rollback` without a
    name means, `asks` whether a change is confirmed at a terminal. `passes` are names of the operator's environment
    that a run gets besides the usual ones, `public` names whose values are no secrets, `plain` the texts that stand
    unencrypted in the inventory, where everybody who may read it sees them.
    """

    name: str
    hosts: Path
    groups: Mapping[str, tuple[str, ...]]
    default: bool = False
    asks: bool = True
    passes: tuple[str, ...] = ()
    public: tuple[str, ...] = ()
    plain: frozenset[str] = frozenset()

    @property
    def names(self) -> frozenset[str]:
        """The environment's own name, and those of its groups and hosts."""
        return frozenset({self.name, *self.groups, *self.members(*self.groups)})

    def members(self, *names: str) -> tuple[str, ...]:
        """Return the hosts of the named groups, each once, in the order of the file."""
        return tuple(dict.fromkeys(host for name in names for host in self.groups.get(name, ())))


def declared(folder: Path) -> tuple[str, ...]:
    """Return the names of the environments in the inventory `folder`, sorted."""
    if not folder.is_dir():
        return ()
    return tuple(sorted(path.parent.name for path in folder.glob(f"*/{HOSTS}")))


def load(folder: Path, name: str) -> Environment:
    """Return the environment `name`; raises Refused when it is not declared or its name is a command's."""
    words.environment(name)
    known = declared(folder)
    clash = sorted(set(known) & COMMANDS)
    if clash:
        raise Refused(
            f"the environment {clash[0]!r} has the name of a command",
            f"`namaskah-deploy {clash[0]}` would be ambiguous",
            next_step=f"rename the folder {folder / clash[0]}",
        )
    if name not in known:
        raise _unknown(folder, name, known)
    from namaskah_deploy import inventory  # noqa: PLC0415 - the YAML reader, which `-h` need not load

    hosts = folder / name / HOSTS
    data = inventory.read(hosts)
    said = _said(hosts, data)
    groups = inventory.groups(data)
    return Environment(
        name=name,
        hosts=hosts.absolute(),
        groups=groups,
        default=_mark(said, "namaskah_default", hosts, usual=False),
        asks=_mark(said, "namaskah_ask", hosts, usual=True),
        passes=passing.declared(said.get(passing.DECLARATION), hosts.parent),
        public=passing.names_in(said.get(_PUBLIC), _PUBLIC, hosts.parent),
        plain=frozenset(inventory.plain(said)),
    )


def default(folder: Path) -> Environment:
    """Return the one environment marked `namaskah_default: true`; raises Refused when there is not exactly one."""
    marked = [one for one in (load(folder, name) for name in declared(folder)) if one.default]
    if len(marked) != 1:
        names = ", ".join(one.name for one in marked) or "none"
        raise Refused(
            "which environment? ENV is missing",
            f"environments marked `namaskah_default: true`: {names}",
            next_step="name one: namaskah-deploy rollback ENV (see namaskah-deploy -h)",
        )
    return marked[0]


def limited(environment: Environment, patterns: tuple[str, ...]) -> tuple[str, ...]:
    """Return the hosts that the words of --limit mean; raises Refused when one of them means no host."""
    everything = environment.members("all")
    wanted: dict[str, None] = {}
    without: set[str] = set()
    for pattern in patterns:
        hosts = _matching(environment, everything, pattern.removeprefix("!"))
        if pattern.startswith("!"):
            without.update(hosts)
        else:
            wanted.update(dict.fromkeys(hosts))
    only_without = all(pattern.startswith("!") for pattern in patterns)
    chosen = tuple(host for host in (everything if only_without else wanted) if host not in without)
    if not chosen:
        raise Refused("--limit leaves no host", f"{','.join(patterns)} in {environment.hosts}")
    return chosen


def _matching(environment: Environment, everything: tuple[str, ...], pattern: str) -> tuple[str, ...]:
    if pattern in environment.groups:
        return environment.groups[pattern]
    hosts = tuple(host for host in everything if fnmatch.fnmatchcase(host, pattern))
    if not hosts:
        close = words.nearest(pattern, [*everything, *environment.groups])
        raise Refused(
            f"--limit {pattern!r} means no host of {environment.name}",
            f"it is neither a host nor a group in {environment.hosts}",
            next_step=f"did you mean {close!r}?" if close else "",
        )
    return hosts


def _unknown(folder: Path, name: str, known: tuple[str, ...]) -> Refused:
    if not known:
        return Refused(
            f"there is no environment {name!r}: none is declared",
            f"no {folder.absolute()}/*/{HOSTS}",
            next_step="change to the folder that holds inventory/, or name it with --inventory DIR",
        )
    close = words.nearest(name, known)
    return Refused(
        f"there is no environment {name!r}",
        f"declared in {folder.absolute()}: {', '.join(known)}",
        next_step=f"did you mean {close!r}?" if close else f"declare it in {folder / name / HOSTS}",
    )


def _said(hosts: Path, data: Mapping[str, object]) -> dict[str, object]:
    """Return what an environment says of all hosts, as it is written: nothing is decrypted or evaluated."""
    from namaskah_deploy import inventory  # noqa: PLC0415 - see load()

    top = data.get("all")
    found = dict(top.get("vars") or {}) if isinstance(top, dict) else {}
    whole = hosts.parent / "group_vars" / "all"
    files = [whole.with_name(f"all{suffix}") for suffix in _SUFFIXES]
    for path in [*files, *sorted(path for path in whole.rglob("*") if path.suffix in _SUFFIXES)]:
        hidden = any(part.startswith(".") for part in path.relative_to(whole.parent).parts)
        if path.is_file() and not hidden and not path.read_bytes().startswith(b"$ANSIBLE_VAULT"):
            found.update(inventory.read(path))
    return found


def _mark(said: Mapping[str, object], name: str, hosts: Path, *, usual: bool) -> bool:
    value = said.get(name, usual)
    if not isinstance(value, bool):
        raise Refused(f"{name} is not true or false in {hosts.parent}", f"it is {value!r}")
    return value
