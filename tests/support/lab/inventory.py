"""How Ansible reaches the hosts of a lab: a hosts.yml that an environment's variables can be put beside."""

import json

from tests.support.lab.keys import Keys
from tests.support.lab.state import HostRecord, LabRecord

USER = "ops"


def inventory_text(record: LabRecord, keys: Keys) -> str:
    """The inventory (JSON is YAML): one group for each of the hosts' groups, strict host keys."""
    groups: dict[str, dict[str, dict[str, dict[str, str]]]] = {}
    for host in record.hosts:
        groups.setdefault(host.group, {"hosts": {}})["hosts"][host.name] = _host_vars(host)
    data = {"all": {"vars": _common_vars(keys), "children": groups}}
    return json.dumps(data, indent=2) + "\n"


def _host_vars(host: HostRecord) -> dict[str, str]:
    return {"ansible_host": host.address}


def _common_vars(keys: Keys) -> dict[str, str]:
    options = f"-o UserKnownHostsFile={keys.known_hosts} -o GlobalKnownHostsFile=/dev/null -o StrictHostKeyChecking=yes"
    return {
        "ansible_user": USER,
        "ansible_ssh_private_key_file": str(keys.private),
        "ansible_ssh_common_args": f"{options} -o IdentitiesOnly=yes",
        "ansible_python_interpreter": "/usr/bin/python3",
    }
