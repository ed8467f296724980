"""Does the stand-in for nginx follow `current`, from a long path, and serve old pages their files?"""

from __future__ import annotations

import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from demo import front, hosts

LONG = "a-folder-name-of-forty-characters-exactly/" * 4


class Release:
    """A release that answers every connection with its own name, on a socket in a short folder."""

    def __init__(self, host: Path, name: str) -> None:
        self.folder = host / "releases" / name
        self.sockets = Path(tempfile.mkdtemp(prefix="nd-test-", dir="/tmp"))
        (self.folder / "static").mkdir(parents=True)
        (self.folder / "static" / f"{name}.js").write_text(name)
        (self.folder / "run").symlink_to(self.sockets)
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(self.sockets / "web.sock"))
        self.listener.listen(16)
        self.name = name
        self.thread = threading.Thread(target=self.answer)
        self.thread.start()

    def answer(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with connection:
                connection.recv(65536)
                body = self.name.encode()
                connection.sendall(
                    b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body
                )

    def stop(self) -> None:
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join()
        (self.sockets / "web.sock").unlink()
        self.sockets.rmdir()


class Site:
    """A host's folder with two releases, and its front."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.releases = [Release(root, "one"), Release(root, "two")]
        (root / "shared" / "assets" / "static").mkdir(parents=True)
        self.point_to("one")
        (port,) = hosts.free_ports(1)
        self.url = f"http://127.0.0.1:{port}"
        words = [sys.executable, str(Path(front.__file__)), "--root", str(root), "--port", str(port)]
        self.process = subprocess.Popen(words)
        end = time.monotonic() + 10
        while not hosts.listens(port):
            assert time.monotonic() < end, "the front does not listen"
            time.sleep(0.05)

    def point_to(self, name: str) -> None:
        (self.root / "next").symlink_to(f"releases/{name}")
        (self.root / "next").replace(self.root / "current")

    def get(self, path: str) -> str:
        with urlopen(self.url + path, timeout=10) as answer:  # noqa: S310 - our own loopback address
            return str(answer.read().decode())

    def stop(self) -> None:
        self.process.terminate()
        assert self.process.wait(10) == 0
        for release in self.releases:
            release.stop()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path / LONG / "srv")
    yield made
    made.stop()


def test_each_connection_goes_where_current_points(site: Site) -> None:
    assert len(str(site.root / "current" / "run" / "web.sock")) > 150
    assert site.get("/") == "one"
    site.point_to("two")
    assert site.get("/") == "two"
    site.point_to("one")
    assert site.get("/") == "one"


def test_an_old_page_still_gets_its_files_from_the_pool(site: Site) -> None:
    assert site.get("/static/one.js") == "one"
    (site.root / "shared" / "assets" / "static" / "one.js").write_text("one")
    site.point_to("two")
    assert site.get("/static/one.js") == "one"
    assert site.get("/static/two.js") == "two"


@pytest.mark.parametrize(
    "path", ["/static/none.js", "/static/../run/web.sock", "/static/%2e%2e/one", "/static//etc/hostname"]
)
def test_nothing_else_is_a_static_file(site: Site, path: str) -> None:
    (site.root / "releases" / "one" / "one").write_text("not for the public")
    with pytest.raises(HTTPError) as refused:
        site.get(path)
    assert refused.value.code == 404
    refused.value.close()


def test_a_release_that_is_gone_is_a_bad_gateway(site: Site) -> None:
    (site.root / "current").unlink()
    with pytest.raises(HTTPError) as failed:
        site.get("/")
    assert failed.value.code == 502
    failed.value.close()
