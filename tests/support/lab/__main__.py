"""What a person can do with labs by hand: up, down, list, status, check."""

import argparse
import signal
import sys
import time

from tests.support.lab import state
from tests.support.lab.base import SUITES
from tests.support.lab.errors import LabError
from tests.support.lab.lab import Lab
from tests.support.lab.locks import exclusive
from tests.support.lab.paths import state_dir
from tests.support.lab.production_set import add_production_set
from tests.support.lab.watch import wait_for_owner

_DEFAULT_NAME = "lab"


def main(argv: list[str] | None = None) -> int:
    """Do what the words say; 0 done, 1 failed (with the reason on standard error)."""
    options = _parser().parse_args(argv)
    try:
        options.action(options)
    except LabError as error:
        sys.stderr.write(f"lab: {error}\n")
        return 1
    except PermissionError as error:
        sys.stderr.write(f"lab: {error.filename}: permission denied; the lab needs root\n")
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.support.lab", description="Real Debian hosts on this machine."
    )
    commands = parser.add_subparsers(required=True, metavar="command")
    up = commands.add_parser("up", help="make and boot a production-like set that stays until `down`")
    up.add_argument("--app", type=int, default=2, metavar="N", help="application hosts (default: 2)")
    up.add_argument("--database", type=int, default=1, metavar="N", help="database hosts (default: 1)")
    up.add_argument("--suite", choices=SUITES, default=SUITES[0], help="Debian release (default: %(default)s)")
    up.add_argument("--pm2", action="store_true", help="application hosts have pm2")
    up.set_defaults(action=_up)
    down = commands.add_parser("down", help="remove a lab and everything of it")
    down.set_defaults(action=_down)
    commands.add_parser("list", help="labs on this machine").set_defaults(action=_list)
    status = commands.add_parser("status", help="how a lab is and how to reach it")
    status.set_defaults(action=_status)
    commands.add_parser("check", help="boot one host: can this machine carry a lab?").set_defaults(action=_check)
    environment = commands.add_parser("environment", help="write an environment that releases a sample to a lab")
    environment.add_argument("--sample", default="dashboard", choices=("dashboard", "ledger"), help="what is released")
    environment.set_defaults(action=_environment)
    watch = commands.add_parser("watch", help="(internal) remove a lab when its owner ends")
    watch.set_defaults(action=_watch)
    for command in (up, down, status, environment, watch):
        command.add_argument("--name", default=_DEFAULT_NAME, help="name of the lab (default: %(default)s)")
    return parser


def _up(options: argparse.Namespace) -> None:
    lab = Lab.create(options.name, persistent=True)
    try:
        add_production_set(lab, app=options.app, database=options.database, suite=options.suite, pm2=options.pm2)
    except BaseException:
        lab.destroy()
        raise
    _describe(lab)


def _down(options: argparse.Namespace) -> None:
    with exclusive(state_dir() / ".lock"):
        Lab.open(options.name).destroy()
    _say(f"lab {options.name} is gone")


def _list(_: argparse.Namespace) -> None:
    for record in state.load_all():
        owner = f"process {record.owner.pid}" if record.owner else "kept until `down`"
        owner = "leftover, removed at the next start" if record.stale() else owner
        _say(f"{record.name}  {len(record.hosts)} hosts  {Lab(record).network.subnet}  {owner}")


def _status(options: argparse.Namespace) -> None:
    _describe(Lab.open(options.name))


def _describe(lab: Lab) -> None:
    _say(f"lab {lab.name} in {lab.folder}")
    for host in lab.hosts.values():
        what = f"{host.record.group:9} {host.record.suite:9} {host.system_state() or 'off'}"
        _say(f"  {host.name:8} {host.address:15} {what}")
    config, name = lab.keys.ssh_config, next(iter(lab.hosts), "HOST")
    _say(f"log in      ssh -F {config} {name}      (root; ops@{name} has sudo)")
    _say(f"inventory   {lab.inventory}")
    _say(f"try it      ansible -i {lab.inventory} all -m ansible.builtin.ping")
    _say(f"git         git://{lab.network.controller}/NAME.git is {lab.origin.folder}/NAME.git here")
    _say(f"wheels      {lab.wheels.url} is {lab.wheels.folder} here")
    _say(f"remove it   python -m tests.support.lab down --name {lab.name}")


def _environment(options: argparse.Namespace) -> None:
    # Here, for a lab can be had without the packages that Ansible brings.
    from tests.support.lab.application import Application  # noqa: PLC0415

    application = Application(Lab.open(options.name), options.sample)
    application.prepare()
    where = f"--inventory {application.folder}"
    _say(f"environment {application.inventory}")
    _say(f"make ready  ansible-playbook -i {application.inventory} playbooks/provision.yml -e ansible_user=ops")
    _say(f"release     namaskah-deploy lab --ref v1.0.0 {where}")
    _say(f"roll back   namaskah-deploy rollback lab {where}")


def _check(_: argparse.Namespace) -> None:
    with Lab.create() as lab:
        host = lab.add_host("probe")
        started = time.monotonic()
        host.boot()
        _say(f"a lab can be had here: a host booted in {time.monotonic() - started:.1f} s ({host.system_state()})")


def _watch(options: argparse.Namespace) -> None:
    record = state.load(options.name)
    if wait_for_owner(record):
        with exclusive(state_dir() / ".lock"):
            if record.folder.is_dir():
                Lab.open(options.name).destroy()


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # `... | head` is no error.
    sys.exit(main())
