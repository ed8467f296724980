"""By which address does a check reach a server of the tests?"""

from __future__ import annotations

from ansible.module_utils.namaskah_checks.stream import Address, parse_address

from tests.support.verification.server import TcpServer, UnixServer


def address_of(server: TcpServer | UnixServer) -> Address:
    if isinstance(server.server_address, str):
        return Address("http", "", 0, "shop.example", unix=server.server_address)
    assert isinstance(server, TcpServer)
    return parse_address(f"http://127.0.0.1:{server.port}", "shop.example")
