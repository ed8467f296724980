"""Does nginx run, listen and pass requests on?"""

from __future__ import annotations

from typing import Any

import pytest
from testinfra.host import Host

from .facts import listens_on, output, run_python
from .programs import ASK

pytestmark = pytest.mark.applies(when=lambda contract: contract["front"] == "nginx")
FROM_THE_FRONT = {502, 503, 504}


def test_nginx_runs(host: Host) -> None:
    """And will after a reboot."""
    assert output(host, "systemctl is-active nginx.service") == "active"
    assert output(host, "systemctl is-enabled nginx.service") == "enabled"


def test_nginx_answers_for_the_application(host: Host, contract: dict[str, Any]) -> None:
    """On every port of its own, and not with an error about what stands behind it."""
    assert contract["front_ports"], "validation_front_ports is empty"
    name = contract["domain"] or "localhost"
    for port in contract["front_ports"]:
        status, _ = run_python(host, contract, ASK, "port", str(port), contract["health_defaults"]["path"], name)
        assert status not in FROM_THE_FRONT, f"nginx answers {status} on port {port}: what stands behind it does not"


@pytest.mark.applies(when=lambda contract: listens_on(contract, "port"))
def test_nginx_can_be_reloaded(host: Host) -> None:
    """Where a switch reloads nginx, its configuration is valid as it stands on the disk."""
    output(host, "sudo -n /usr/sbin/nginx -t")
