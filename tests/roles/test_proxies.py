"""Do git on the controller and pip on a host ask the proxy that their environment names, and no other?"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.namaskah_host import virtualenv
from ansible.module_utils.namaskah_host.contract import Contract
from ansible.module_utils.namaskah_host.failure import Failure

from tests.support.contracts import HERE, contract
from tests.support.playing import play

NAMES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


class Proxy(BaseHTTPRequestHandler):
    """Notes what it is asked for, and brings nobody anywhere."""

    def do_GET(self) -> None:
        self.server.asked.append(f"{self.command} {self.path}")  # type: ignore[attr-defined]  # of the fixture below
        self.send_error(502)

    do_CONNECT = do_GET  # noqa: N815 - as above

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[ThreadingHTTPServer]:
    """A proxy that nothing names yet."""
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    with ThreadingHTTPServer(("127.0.0.1", 0), Proxy) as server:
        server.asked = []  # type: ignore[attr-defined]  # what was asked, for the test
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def asked(proxy: ThreadingHTTPServer) -> list[str]:
    found: list[str] = proxy.asked  # type: ignore[attr-defined]  # of the fixture above
    return found


def test_git_on_the_controller_asks_the_proxy_of_its_environment(tmp_path: Path, proxy: ThreadingHTTPServer) -> None:
    place = f"http://127.0.0.1:{proxy.server_port}"
    tasks = [
        {"name": address, "ignore_errors": True, "namaskah_resolve": {"repository": address, "ref": "main"}}
        for address in ("http://git.invalid/app.git", "https://git.invalid/app.git", "http://near.invalid/app.git")
    ]
    env = {"http_proxy": place, "HTTPS_PROXY": place, "no_proxy": "near.invalid", "HOME": str(tmp_path)}
    played = play(tasks, tmp_path / "play", library=["resolve"], env=env)
    assert [answer["failure"]["class"] for _, answer in played.answers] == ["unreachable"] * 3, played.output
    assert asked(proxy) == [
        "GET http://git.invalid/app.git/info/refs?service=git-upload-pack",
        "CONNECT git.invalid:443",
    ]


def test_pip_on_a_host_asks_the_proxy_of_its_environment(
    tmp_path: Path, proxy: ThreadingHTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = tmp_path / "venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    (tmp_path / "requirements.txt").write_text("nothing-of-that-name\n")
    place = f"http://127.0.0.1:{proxy.server_port}"
    monkeypatch.setenv("http_proxy", place)
    words = ["--isolated", "--retries=0", "--index-url=http://index.invalid/simple", "--trusted-host=index.invalid"]
    agreed = Contract(contract(HERE, pip_arguments=words, pip_timeout=60))
    with pytest.raises(Failure, match="install the requirements"):
        virtualenv._install(
            agreed, tmp_path / "venv", [tmp_path / "requirements.txt"], release=tmp_path, secrets={}, held=None
        )
    assert asked(proxy)[:1] == ["GET http://index.invalid/simple/nothing-of-that-name/"]
