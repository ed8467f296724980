"""Are open connections counted as the kernel counts them? With real sockets."""

from __future__ import annotations

import socket
from pathlib import Path

from ansible.module_utils.namaskah_host.connections import count_tcp, count_unix


def test_connected_unix_sockets_are_counted_and_the_listener_is_not(tmp_path: Path) -> None:
    path = str(tmp_path / "w.sock")
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client:
        server.bind(path)
        server.listen()
        assert count_unix(Path("/proc/net/unix").read_text(), path) == 0
        client.connect(path)
        accepted, _ = server.accept()
        assert count_unix(Path("/proc/net/unix").read_text(), path) == 1
        accepted.close()
        assert count_unix(Path("/proc/net/unix").read_text(), path) == 0


def test_established_tcp_connections_are_counted() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert count_tcp(Path("/proc/net/tcp").read_text(), port) == 0
        with socket.create_connection(("127.0.0.1", port)):
            accepted, _ = server.accept()
            assert count_tcp(Path("/proc/net/tcp").read_text(), port) == 1
            accepted.close()
