"""How does a test keep a session of a database open, with what it holds?"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.postgres import Server


@contextmanager
def psql(server: Server, address: str, sql: str) -> Iterator[subprocess.Popen[bytes]]:
    """Keep a session that has run `sql` for the block."""
    words = [str(server.binaries / "psql"), "-qXAt", "-d", address]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin
        assert process.stdout
        process.stdin.write(f"{sql};\nSELECT 'ready';\n".encode())
        process.stdin.flush()
        while process.stdout.readline().strip() != b"ready":
            pass
        yield process
        process.kill()
