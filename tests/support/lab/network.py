"""How hosts reach each other and the controller, and nothing else.

A lab has one /24 and one bridge that carries the controller's address. A host has a network
namespace (kept while it is powered off) with one end of a veth pair, and no default route.
"""

import ipaddress
import json
from typing import NamedTuple

from tests.support.lab.command import run
from tests.support.lab.errors import LabError

_RANGE = "10.213"
_FIRST_HOST = 11


class Network(NamedTuple):
    """The network of a lab: the addresses follow from its number, 1 to 254."""

    lab: str
    number: int

    @property
    def subnet(self) -> str:
        return f"{_RANGE}.{self.number}.0/24"

    @property
    def controller(self) -> str:
        """Address of the controller on the bridge."""
        return f"{_RANGE}.{self.number}.1"

    @property
    def bridge(self) -> str:
        return f"nlab{self.number}"

    @property
    def table(self) -> str:
        """Name of the firewall table."""
        return f"namaskah_lab_{self.lab.replace('-', '_')}"

    def host_address(self, position: int) -> str:
        """Address of the host made as number `position` (from 0)."""
        return f"{_RANGE}.{self.number}.{_FIRST_HOST + position}"

    def create(self) -> None:
        """Make the bridge and forbid forwarding between it and any other interface."""
        run(["ip", "link", "add", self.bridge, "type", "bridge", "forward_delay", "0"])
        run(["ip", "link", "set", self.bridge, "alias", f"lab {self.lab}"])
        run(["ip", "address", "add", f"{self.controller}/24", "dev", self.bridge])
        run(["ip", "link", "set", self.bridge, "up"])
        run(["nft", "-f", "-"], stdin=self._firewall())

    def remove(self) -> None:
        """Remove bridge and firewall table; what is not there is not missed."""
        run(["ip", "link", "delete", self.bridge], check=False)
        run(["nft", "delete", "table", "inet", self.table], check=False)

    def _firewall(self) -> str:
        bridge = self.bridge
        return (
            f"table inet {self.table} {{\nchain forward {{\ntype filter hook forward priority filter; policy accept;\n"
            f'iifname "{bridge}" oifname != "{bridge}" drop\n'
            f'oifname "{bridge}" iifname != "{bridge}" drop\n}}\n}}\n'
        )


class Port(NamedTuple):
    """A host's connection to its lab's bridge."""

    network: Network
    namespace: str
    address: str

    @property
    def outer(self) -> str:
        """The end of the veth pair on the bridge (15 characters at most)."""
        return f"{self.network.bridge}h{self.address.rsplit('.', 1)[1]}"

    def create(self) -> None:
        """Make the namespace with its interface `host0` up and addressed."""
        run(["ip", "netns", "add", self.namespace])
        link = ["ip", "link", "add", self.outer, "type", "veth", "peer", "name", "host0"]
        run([*link, "netns", self.namespace])
        run(["ip", "-n", self.namespace, "address", "add", f"{self.address}/24", "dev", "host0"])
        run(["ip", "-n", self.namespace, "link", "set", "host0", "up"])
        run(["ip", "-n", self.namespace, "link", "set", "lo", "up"])
        run(["ip", "link", "set", self.outer, "master", self.network.bridge, "up"])

    def remove(self) -> None:
        run(["ip", "link", "delete", self.outer], check=False)
        run(["ip", "netns", "delete", self.namespace], check=False)

    def set_link(self, state: str) -> None:
        """Pull (`down`) or plug in (`up`) the cable; open connections live on if they can wait."""
        run(["ip", "link", "set", self.outer, state])

    def drop_packets(self) -> None:
        """Let every packet vanish without an answer, as a firewall or a dead router does."""
        rules = (
            "table inet cut {\n"
            "chain in { type filter hook input priority -300; policy accept; iifname host0 drop; }\n"
            "chain out { type filter hook output priority -300; policy accept; oifname host0 drop; }\n"
            "}\n"
        )
        self._inside(["nft", "-f", "-"], stdin=rules)

    def drop_controller(self) -> None:
        """Let every packet from and to the controller vanish; the lab's hosts reach each other."""
        controller = self.network.controller
        rules = (
            "table inet cut {\n"
            f"chain in {{ type filter hook input priority -300; policy accept; ip saddr {controller} drop; }}\n"
            f"chain out {{ type filter hook output priority -300; policy accept; ip daddr {controller} drop; }}\n"
            "}\n"
        )
        self._inside(["nft", "-f", "-"], stdin=rules)

    def drop_names(self) -> None:
        """Let answers of name servers vanish, and the word that there is none."""
        rules = (
            "table inet cut {\n"
            "chain in { type filter hook input priority -300; policy accept;\n"
            "udp sport 53 drop; tcp sport 53 drop; icmp type destination-unreachable drop; }\n"
            "}\n"
        )
        self._inside(["nft", "-f", "-"], stdin=rules)

    def pass_packets(self) -> None:
        """Undo the methods above that drop something; nothing to undo is fine."""
        self._inside(["nft", "delete", "table", "inet", "cut"], check=False)

    def limit_rate(self, kilobits: int) -> None:
        """Send no faster than `kilobits` per second."""
        shape = ["tc", "qdisc", "replace", "dev", "host0", "root", "tbf"]
        self._inside([*shape, "rate", f"{kilobits}kbit", "burst", "16kb", "latency", "400ms"])

    def full_rate(self) -> None:
        """Undo `limit_rate`."""
        self._inside(["tc", "qdisc", "delete", "dev", "host0", "root"], check=False)

    def _inside(self, argv: list[str], *, check: bool = True, stdin: str | None = None) -> None:
        run(["ip", "netns", "exec", self.namespace, *argv], check=check, stdin=stdin)


def free_number(taken: set[int]) -> int:
    """The first network number that no lab in `taken` has and no route of this machine overlaps."""
    routes = json.loads(run(["ip", "-json", "-4", "route", "show", "table", "all"]).stdout)
    words = [route["dst"] for route in routes if route["dst"] != "default"]
    used = [ipaddress.ip_network(word, strict=False) for word in words]
    for number in range(1, 255):
        subnet = ipaddress.ip_network(Network("", number).subnet)
        if number not in taken and not any(subnet.overlaps(one) for one in used):
            return number
    raise LabError(
        f"all networks of {_RANGE}.0.0/16 are in use on this machine; see `python -m tests.support.lab list`"
    )
