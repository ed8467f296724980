#!/usr/bin/python
"""Ask a balancer about a server, take the server out, or put it back. Runs on the balancer's host."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.namaskah_balancer import story
from ansible.module_utils.namaskah_balancer.haproxy import HAProxy
from ansible.module_utils.namaskah_balancer.hook import Hook
from ansible.module_utils.namaskah_balancer.nginx import Nginx, Probe
from ansible.module_utils.namaskah_balancer.view import Balancer, View
from ansible.module_utils.namaskah_host import lease
from ansible.module_utils.namaskah_host.failure import Failure
from ansible.module_utils.namaskah_host.files import lock

DOCUMENTATION = r"""
module: namaskah_balancer
short_description: Ask a balancer about a server, take the server out, or put it back
description:
  - Ends only when the balancer itself shows the server drained, or healthy again, or the time is over.
  - A failure is reported in C(result.failure) and does not fail the task, so that every balancer of a host is told;
    M(namaskah_drain) on the host judges them together.
options:
  state: {description: What is wanted., type: str, choices: [shown, left, returned], default: shown}
  kind: {description: Kind of balancer., type: str, choices: [haproxy, nginx, command], required: true}
  server: {description: The server's name or address there., type: str, required: true}
  backend: {description: Backend or upstream., type: str, required: true}
  folder: {description: Folder for the lock., type: path, required: true}
  socket: {description: HAProxy's admin socket., type: path}
  include: {description: The file with nginx' server lines., type: path}
  pid_file: {description: The file with the process id of nginx' master., type: path}
  probe: {description: "How a server is asked: path, host, status, timeout.", type: dict}
  commands: {description: "The operator's commands: leave, return, state.", type: dict}
  command_timeout: {description: Seconds for one of them., type: float, default: 60}
  drain: {description: Seconds for open sessions to end., type: float, default: 60}
  open_sessions: {description: What then., type: str, choices: [refuse, close], default: refuse}
  back: {description: Seconds until it must be healthy again., type: float, default: 60}
  until: {description: End of the lease that the host of the server told; 0 = none., type: float, default: 0}
"""
ARGUMENTS: dict[str, dict[str, Any]] = {
    "state": {"type": "str", "choices": ["shown", "left", "returned"], "default": "shown"},
    "kind": {"type": "str", "choices": ["haproxy", "nginx", "command"], "required": True},
    "server": {"type": "str", "required": True},
    "backend": {"type": "str", "required": True},
    "folder": {"type": "path", "required": True},
    "socket": {"type": "path"},
    "include": {"type": "path"},
    "pid_file": {"type": "path"},
    "probe": {"type": "dict"},
    "commands": {"type": "dict"},
    "command_timeout": {"type": "float", "default": 60},
    "drain": {"type": "float", "default": 60},
    "open_sessions": {"type": "str", "choices": ["refuse", "close"], "default": "refuse"},
    "back": {"type": "float", "default": 60},
    "until": {"type": "float", "default": 0},
}
LOCK_SECONDS = 120  # another host of the wave may be waiting for nginx


def balancer_of(words: dict[str, Any]) -> Balancer:
    """Return the balancer that the arguments describe."""
    if words["kind"] == "haproxy":
        return HAProxy(words["socket"], words["backend"], words["server"])
    if words["kind"] == "nginx":
        probe = words["probe"]
        asked = Probe(probe["path"], probe["host"], int(probe["status"]), float(probe["timeout"]))
        return Nginx(Path(words["include"]), words["server"], Path(words["pid_file"]), asked)
    commands = {name: _filled(argv, words) for name, argv in words["commands"].items()}
    return Hook(commands["leave"], commands["return"], commands["state"], words["server"], words["command_timeout"])


def _filled(argv: list[str], words: dict[str, Any]) -> tuple[str, ...]:
    given = {"{server}": words["server"], "{backend}": words["backend"]}
    for name, value in given.items():
        argv = [str(word).replace(name, value) for word in argv]
    return tuple(argv)


def act(words: dict[str, Any]) -> View:
    """Do what `state` says and return what the balancer shows at the end."""
    balancer = balancer_of(words)
    bounds = story.Bounds(words["drain"], words["open_sessions"] == "close", words["back"])
    if words["state"] == "shown":
        return story.look(balancer, words["server"])
    # Two hosts must not both find the other in service and leave: looking and leaving are one step.
    with lock(Path(words["folder"]) / "lock", LOCK_SECONDS):
        lease.refuse_over(words["until"], words["server"])
        if words["state"] == "returned":
            balancer.put_back()
        else:
            story.look(balancer, words["server"])
            balancer.take_out()
    if words["state"] == "returned":
        return story.await_health(balancer, words["server"], bounds)
    return story.await_drained(balancer, words["server"], bounds)


def main() -> None:
    """Act and tell."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=False)
    begin = time.monotonic()
    result: dict[str, Any] = {}
    try:
        view = act(module.params)
        result = {
            "in_service": view.wanted,
            "healthy": view.healthy,
            "sessions": view.sessions,
            "shown": view.words,
        }
    except Failure as failure:
        result["failure"] = failure.as_dict()
    except OSError as error:
        place = error.filename or module.params["folder"]
        told = Failure("failed", "use the balancer", str(place), error.strerror or str(error), "see the host contract")
        result["failure"] = told.as_dict()
    result["seconds"] = round(time.monotonic() - begin, 3)
    module.exit_json(changed=module.params["state"] != "shown" and "failure" not in result, result=result)


if __name__ == "__main__":
    main()
