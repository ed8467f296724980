"""What does the inventory of the demo say? The sample's own variables, what stands in for what, and the places."""

from __future__ import annotations

import getpass
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from demo.hosts import Host
from demo.places import CLONE, WHEELS, Places
from demo.postgres import Server

ENVIRONMENT = "laptop"
STAND_INS = Path(__file__).with_name(ENVIRONMENT)
APPLICATION = CLONE / "examples" / "dashboard" / "environment.yml"


def write(places: Places, hosts: Sequence[Host], server: Server) -> list[str]:
    """Write the inventory and return the names of the application's services."""
    target = places.inventory / ENVIRONMENT
    shutil.copytree(STAND_INS, target, copy_function=shutil.copyfile)
    variables = target / "group_vars" / "all"
    shutil.copyfile(APPLICATION, variables / "application.yml")
    dump(variables / "places.yml", common(places, server))
    (places.home / "pg_service.conf").write_text(server.services())
    for host in hosts:
        dump(target / "host_vars" / f"{host.name}.yml", of_host(host))
    return list(yaml.safe_load((variables / "application.yml").read_text())["namaskah_services"])


def common(places: Places, server: Server) -> dict[str, Any]:
    """What is the same on both hosts."""
    user = getpass.getuser()
    # The interpreter below the demo's own virtual environment, so that a release's environment does not depend on it.
    python = os.path.realpath(sys.executable)
    return {
        "namaskah_repository": str(places.origin),
        "namaskah_deploy_user": user,
        "namaskah_app_user": user,
        "namaskah_python": python,
        "ansible_python_interpreter": python,
        # The user's own home may be none, as that of `nobody`.
        "ansible_remote_tmp": str(places.home / ".ansible" / "tmp"),
        "ansible_async_dir": str(places.home / ".ansible_async"),
        "namaskah_pip_arguments": ["--no-index", "--find-links", str(WHEELS)],
        "namaskah_supervisor_control": str(Path(sys.executable).parent / "supervisorctl"),
        "backup_service_file": str(places.home / "pg_service.conf"),
        "backup_client_path": str(server.binaries),
        "backup_root": str(places.folder / "backups"),
    }


def of_host(host: Host) -> dict[str, Any]:
    """What is a host's own."""
    return {
        "namaskah_root": str(host.root),
        "namaskah_runtime": str(host.sockets),
        "namaskah_migrate_env_file": str(host.root / "shared" / ".env.migrate"),
        "namaskah_supervisor_config": str(host.supervisor_config),
        "verification_front_url": host.url,
        "verification_front_name": f"127.0.0.1:{host.port}",
    }


def dump(path: Path, variables: dict[str, Any]) -> None:
    """Write variables as YAML."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("---\n" + yaml.safe_dump(variables, sort_keys=True))
