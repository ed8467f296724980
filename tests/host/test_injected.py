"""What does a host do when the package index fails it in the middle?"""

from __future__ import annotations

import hashlib
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from ansible.module_utils.namaskah_host.build import Build
from ansible.module_utils.namaskah_host.contract import Contract
from ansible.module_utils.namaskah_host.failure import Failure
from ansible.module_utils.namaskah_host.release import all_of

from tests.support.folder_host import FolderHost

NAME = "sample_package-1.0-py3-none-any.whl"
SIMPLE = f'<a href="/{NAME}">{NAME}</a>'.encode()


def wheel(folder: Path) -> bytes:
    """A small package that pip would install."""
    path = folder / NAME
    about = "Metadata-Version: 2.1\nName: sample-package\nVersion: 1.0\n"
    kind = "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("sample_package.py", "x = 1\n" * 50_000)
        archive.writestr("sample_package-1.0.dist-info/METADATA", about)
        archive.writestr("sample_package-1.0.dist-info/WHEEL", kind)
        archive.writestr("sample_package-1.0.dist-info/RECORD", "sample_package.py,,\n")
    return path.read_bytes()


@contextmanager
def index(content: bytes, sent: int) -> Iterator[str]:
    """A package index that promises a whole file and ends the connection after `sent` bytes of it."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = content if self.path.endswith(".whl") else SIMPLE
            self.send_response(200)
            self.send_header("Content-Type", "text/html" if body is SIMPLE else "application/octet-stream")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body if body is SIMPLE else body[:sent])

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as in http.server
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def build(host: FolderHost, address: str, requirement: str) -> Build:
    """A release whose requirement comes from this index alone."""
    (host.source / "requirements-index.txt").write_text(requirement)
    arguments = ["--index-url", f"{address}/simple", "--retries", "0", "--timeout", "5", "--no-cache-dir"]
    changed = {"pip_arguments": arguments, "requirements": ["requirements-index.txt"]}
    return Build(Contract({**host.contract.raw, **changed}), host.run(host.commit("good")))


def complete_venvs(host: FolderHost) -> set[Path]:
    """The virtualenvs that a release may use; the host has one without packages from the beginning."""
    return set((host.contract.root / "venvs").glob("*/.complete"))


@pytest.mark.parametrize(
    "how",
    [
        pytest.param("down", marks=pytest.mark.fault("package index down", ends="old release")),
        pytest.param("cut", marks=pytest.mark.fault("package index cut", ends="old release")),
        pytest.param("other hash", marks=pytest.mark.fault("package hash wrong", ends="old release")),
    ],
)
def test_an_index_that_fails_leaves_no_release_and_the_next_try_is_whole(
    host: FolderHost, tmp_path: Path, how: str
) -> None:
    content = wheel(tmp_path)
    good = f"sample-package==1.0 --hash=sha256:{hashlib.sha256(content).hexdigest()}\n"
    wrong = f"sample-package==1.0 --hash=sha256:{'0' * 64}\n"
    before = complete_venvs(host)
    with index(content, len(content) // 2 if how == "cut" else len(content)) as address:
        place = "http://127.0.0.1:1" if how == "down" else address
        with pytest.raises(Failure) as caught:
            build(host, place, wrong if how == "other hash" else good).prepare()
    assert caught.value.what == "install the requirements"
    assert all_of(host.contract) == []
    assert complete_venvs(host) == before
    with index(content, len(content)) as address:
        build(host, address, good).prepare()
    assert len(all_of(host.contract)) == 1
    assert list((host.contract.root / "venvs").glob("*/lib/*/site-packages/sample_package.py"))
