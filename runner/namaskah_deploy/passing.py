"""What of the operator's environment does a run get? A fixed list, and the names that the inventory declares."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from namaskah_deploy.errors import Refused

DECLARATION = "namaskah_pass_on"
"""The variable of an inventory that lists further names; it stands where the variables of all hosts stand."""

_OPERATOR = "HOME LANG LOGNAME NO_COLOR PATH TERM TZ USER XDG_CACHE_HOME XDG_CONFIG_HOME XDG_RUNTIME_DIR"
_TEMPORARY = "TEMP TMP TMPDIR"
_PROXIES = "ALL_PROXY FTP_PROXY HTTPS_PROXY HTTP_PROXY NO_PROXY"
_REMOTE = "SSH_AGENT_PID SSH_AUTH_SOCK GIT_SSH GIT_SSH_COMMAND GNUPGHOME SSL_CERT_DIR SSL_CERT_FILE GIT_SSL_CAINFO"
_REMOTE += " CURL_CA_BUNDLE"
_ANSIBLE = "ANSIBLE_FORKS ANSIBLE_PRIVATE_KEY_FILE ANSIBLE_VAULT_IDENTITY_LIST ANSIBLE_VAULT_PASSWORD_FILE"
FIXED = frozenset(f"{_OPERATOR} {_TEMPORARY} {_PROXIES} {_PROXIES.lower()} {_REMOTE} {_ANSIBLE}".split())
"""Always passed on, where they say something."""

_CALLBACKS = "roles/application/callback_plugins"  # also in ansible.cfg, which ansible-runner overrides
_PATHS = ("ANSIBLE_PRIVATE_KEY_FILE", "ANSIBLE_VAULT_PASSWORD_FILE")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# Who sets one of these changes which code runs or whom it trusts; AWX_ and RUNNER_ are those of ansible-runner.
_NEVER = re.compile(
    r"(?:ANSIBLE_|AWX_|BASH_|DYLD_|GIT_|LD_|PERL5|PYTHON|RUNNER_|SSH_).*|ENV|IFS|LC_ALL|NODE_OPTIONS|RUBYOPT|SHELLOPTS"
)


def declared(names: object, where: Path) -> tuple[str, ...]:
    """Return the further names that an inventory declares. Raises Refused for what is no name or never passed on."""
    for name in names_in(names, DECLARATION, where):
        if name not in FIXED and _NEVER.fullmatch(name):
            raise Refused(
                f"{DECLARATION} names {name}, which is never passed on",
                "it would change which code a run executes, or which hosts it trusts",
                next_step=f"take it out of {where}; variables of the inventory set what Ansible does",
            )
    return names_in(names, DECLARATION, where)


def names_in(names: object, variable: str, where: Path) -> tuple[str, ...]:
    """Return the names of environment variables that `variable` lists. Raises Refused where it is no such list."""
    listed = [] if names is None else names
    if isinstance(listed, list) and all(isinstance(name, str) and _NAME.fullmatch(name) for name in listed):
        return tuple(dict.fromkeys(listed))
    raise Refused(
        f"{variable} is no list of names of environment variables",
        f"in {where}",
        next_step=f"write the names as they are, such as {variable}: [APP_SECRET]",
    )


def environment(
    environ: Mapping[str, str], further: Iterable[str], *, programs: Path, configuration: Path, folder: Path
) -> dict[str, str]:
    """Return the whole environment of ansible-playbook: what is passed on, and what a run insists on.

    `environ` is the operator's, `further` are declared names, `programs` the folder of this Python's commands, `folder`
    where the operator stands. A variable that is empty is not passed on. Raises Refused for a number that is none.
    """
    child = {name: environ[name] for name in sorted(FIXED | set(further)) if environ.get(name)}
    for name in _PATHS:
        if name in child:
            child[name] = str(folder / Path(child[name]).expanduser())
    forks = child.get("ANSIBLE_FORKS", "1")
    if not re.fullmatch(r"[1-9][0-9]{0,3}", forks):
        raise Refused("ANSIBLE_FORKS is no number of hosts", f"it is {forks!r}", next_step="unset ANSIBLE_FORKS")
    child["PATH"] = f"{programs}:{environ.get('PATH') or '/usr/local/bin:/usr/bin:/bin'}"
    child["LC_ALL"] = "C.UTF-8"
    child["ANSIBLE_CONFIG"] = str(configuration)
    child["ANSIBLE_CALLBACK_PLUGINS"] = str(configuration.parent / _CALLBACKS)
    child["ANSIBLE_HOST_KEY_CHECKING"] = "True"
    child["PYTHONUNBUFFERED"] = "1"
    return child
