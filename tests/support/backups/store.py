"""A real store that speaks S3, of a test's own: SeaweedFS on loopback, with one key that may do everything in it."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.postgres import User
from tests.support.waiting import until

SECRET = "sentinel-store-41c7"  # noqa: S105 - of a store that lives for one test run
BUCKET = "copies"


@dataclass(frozen=True)
class Store:
    """A running store."""

    folder: Path

    @property
    def config(self) -> Path:
        """The file of rclone with the remote `vault`."""
        return self.folder / "rclone.conf"

    def rclone(self, *words: str) -> str:
        """What rclone prints for a command of the test's own."""
        env = {"PATH": os.environ["PATH"], "HOME": str(self.folder)}
        command = ["rclone", "--config", str(self.config), "--retries=1", "--low-level-retries=2", *words]
        done = subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def objects(self) -> list[str]:
        """The names of everything in the bucket."""
        return sorted(self.rclone("lsf", "--recursive", "--files-only", f"vault:{BUCKET}").splitlines())

    def replace(self, name: str, content: bytes) -> None:
        """Put other content in the place of an object."""
        path = self.folder / "other"
        path.write_bytes(content)
        self.rclone("copyto", "--ignore-times", "--s3-no-check-bucket", str(path), f"vault:{BUCKET}/{name}")


def _free_ports(count: int) -> list[int]:
    """Ports that nobody has, each with the one 10,000 above it, where SeaweedFS speaks gRPC."""
    found: list[int] = []
    for port in range(21000 + os.getpid() % 900 * 10, 32000):
        with socket.socket() as one, socket.socket() as two:
            try:
                one.bind(("127.0.0.1", port))
                two.bind(("127.0.0.1", port + 10000))
            except OSError:
                continue
        found.append(port)
        if len(found) == count:
            break
    return found


@contextmanager
def running(user: User, below: Path | None = None) -> Iterator[Store]:
    """A store below a folder, with an empty bucket until the end of the block; `user` may read rclone's file."""
    folder = Path(tempfile.mkdtemp(prefix="namaskah-store-", dir=below))
    folder.chmod(0o711)
    (folder / "data").mkdir()
    store = Store(folder)
    master, volume, filer, port = _free_ports(4)
    identity = {"name": "test", "credentials": [{"accessKey": "test", "secretKey": SECRET}], "actions": ["Admin"]}
    (folder / "s3.json").write_text(json.dumps({"identities": [identity]}))
    place = f"endpoint = http://127.0.0.1:{port}\nforce_path_style = true\n"
    keys = f"access_key_id = test\nsecret_access_key = {SECRET}\n"
    store.config.write_text(f"[vault]\ntype = s3\nprovider = Other\n{keys}{place}")
    store.config.chmod(0o600)
    os.chown(store.config, user.uid, user.gid)
    words = ["server", f"-dir={folder}/data", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-master.port={master}"]
    words += [f"-volume.port={volume}", "-filer", f"-filer.port={filer}", "-s3", f"-s3.port={port}"]
    words += [f"-s3.config={folder}/s3.json", "-master.volumeSizeLimitMB=64", "-volume.max=30"]
    words += ["-s3.port.iceberg=0", "-s3.port.lance=0"]  # catalogues that nobody asks, on ports of their own
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen([Path(sys.executable).parent / "weed", *words], stdout=log, stderr=log, cwd=folder)
    try:
        until(lambda: server.poll() is not None or _answers(port), "the store", 90)
        assert server.poll() is None, (folder / "log").read_text()[-3000:]
        store.rclone("mkdir", f"vault:{BUCKET}")
        yield store
    finally:
        server.kill()
        server.wait(timeout=30)
        shutil.rmtree(folder)


def _answers(port: int) -> bool:
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=2).close()
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True
