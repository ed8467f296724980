#!/usr/bin/python
"""Which one commit a ref means on the remote, asked once for the whole fleet, and the names of this run."""

from __future__ import annotations

import re
import secrets
import time
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.namaskah_git import content, history, mirror, remote
from ansible.module_utils.namaskah_git.command import Git
from ansible.module_utils.namaskah_git.names import check_ref, check_repository
from ansible.module_utils.namaskah_host.contract import Contract
from ansible.module_utils.namaskah_host.failure import Failure

DOCUMENTATION = r"""
module: namaskah_resolve
short_description: Resolve a branch, tag or commit of a git remote to exactly one commit
description:
  - Runs on the controller. Asks the remote, never a local clone, and keeps a bare copy in the user's cache folder.
  - A name that is both a branch and a tag is refused; C(refs/heads/NAME) and C(refs/tags/NAME) say which one is meant.
  - With C(contract), refuses a commit that every host would refuse when it prepares the release.
  - Makes the names of a run and of a release where none are given.
options:
  repository: {type: str, required: true, description: Address of the repository as the controller reads it.}
  ref: {type: str, required: true, description: Branch, tag or 40-digit commit.}
  since: {type: str, default: "", description: Commit that runs now; the commits between it and the ref are listed.}
  commit: {type: str, default: "", description: What this very run resolved before it died; the ref is not asked again.}
  tag: {type: str, default: "", description: With C(commit), the tag that the run was asked for.}
  contract: {type: dict, default: {}, description: What is agreed; without it the commit's content is not looked at.}
  run_id: {type: str, default: "", description: Name of this run; made up when empty.}
  release: {type: str, default: "", description: Name of the release; made up when empty.}
  timeout: {type: int, default: 300, description: Seconds for one git command.}
  cache: {type: path, default: "", description: Folder of the bare copies; empty is the XDG cache folder.}
  pass_on: {type: list, elements: str, default: [], description: Further names of the environment that git gets.}
author: [namaskah-deploy]
"""

EXAMPLES = r"""
- name: Resolve what is to be released
  namaskah_resolve:
    repository: ssh://git@git.example/dashboard.git
    ref: v1.4.0
"""

RETURN = r"""
result:
  description:
    - C(commit), C(kind) (branch, tag or commit), C(ref) (full name), C(tag) (when a tag was asked for), C(tags) (all
      on that commit), C(author), C(date), C(subject), C(run_id), C(release), C(moment), and with C(since) C(range).
  returned: success
  type: dict
"""

_RUN_ID = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,63}")
_RELEASE = re.compile(r"\d{8}T\d{6}Z-([0-9a-f]{12})")


def resolve(arguments: dict[str, Any]) -> dict[str, Any]:
    """Everything that the run has to know about what it releases. Raises Failure."""
    word = check_ref(arguments["commit"] or arguments["ref"])
    repository = check_repository(arguments["repository"])
    git = Git(timeout=arguments["timeout"], pass_on=arguments["pass_on"])
    refs = remote.list_refs(git, repository)
    choice = remote.choose(refs, word, repository)
    cache = Path(arguments["cache"]) if arguments["cache"] else mirror.default_cache()
    with mirror.opened(git, repository, refs, cache) as copy:
        history.check_is_commit(copy, choice.target, repository)
        if choice.kind == "commit":
            history.check_reachable(copy, choice.target, repository)
        if arguments["contract"]:
            content.refuse_what_is_no_release(copy, choice.target, Contract(arguments["contract"]), repository)
        found: dict[str, Any] = {
            "kind": choice.kind,
            "ref": choice.ref,
            "tag": arguments["tag"] if arguments["commit"] else choice.tag,
            "tags": refs.tags_on(choice.target),
            **history.describe(copy, choice.target),
            "range": history.between(copy, arguments["since"], choice.target) if arguments["since"] else {},
        }
    return {**found, **names_of(arguments, found["commit"])}


def names_of(arguments: dict[str, Any], commit: str) -> dict[str, str]:
    """The run's and the release's names, as given or made of the UTC time; a given one must fit. Raises Failure."""
    moment = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    run_id = arguments["run_id"] or f"{moment}-{secrets.token_hex(2)}"
    release = arguments["release"] or f"{moment}-{commit[:12]}"
    if not _RUN_ID.fullmatch(run_id):
        raise _bad_name("run", run_id, "it has 1 to 64 of the characters 0-9 A-Z a-z . _ -")
    shape = _RELEASE.fullmatch(release)
    if not shape or shape.group(1) != commit[:12]:
        raise _bad_name("release", release, f"it has the form YYYYMMDDTHHMMSSZ-{commit[:12]} for this commit")
    return {"run_id": run_id, "release": release, "moment": moment}


def _bad_name(kind: str, name: str, why: str) -> Failure:
    return Failure("refused", f"The name of the {kind} is not allowed", repr(name[:80]), why, "leave it empty")


def main() -> None:
    """Read the arguments, resolve, answer."""
    module = AnsibleModule(
        argument_spec={
            "repository": {"type": "str", "required": True},
            "ref": {"type": "str", "required": True},
            "since": {"type": "str", "default": ""},
            "commit": {"type": "str", "default": ""},
            "tag": {"type": "str", "default": ""},
            "contract": {"type": "dict", "default": {}},
            "run_id": {"type": "str", "default": ""},
            "release": {"type": "str", "default": ""},
            "timeout": {"type": "int", "default": 300},
            "cache": {"type": "path", "default": ""},
            "pass_on": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    try:
        module.exit_json(changed=False, result=resolve(module.params))
    except Failure as failure:
        module.fail_json(msg=str(failure), failure=failure.as_dict())


if __name__ == "__main__":
    main()
