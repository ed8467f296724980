"""Can nginx follow a switch on this host? Reads its sites, and says what is missing and how to mend it."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from . import front
from .contract import Contract
from .failure import Complaint, Failure

# What would break a switch in a site of nginx, and why.
FORBIDDEN_FRONT = {
    "non_idempotent": "remove it: it repeats payments",
    "open_file_cache": "remove it: it goes on serving files of the old release",
}


def examine(contract: Contract) -> Iterator[Complaint]:
    """The front must reach whatever a switch moves to, and repeat no payment by itself."""
    if contract.front != "nginx":
        return
    if not shutil.which("nginx", path="/usr/sbin:/usr/bin:/sbin:/bin"):
        yield "front", "nginx is not installed", "provision the host, or set namaskah_front: none"
        return
    text = _nginx_text()
    yield from sockets(contract, text)
    yield from ports(contract, text)
    for word, remedy in FORBIDDEN_FRONT.items():
        if re.search(rf"^[^#\n]*\b{word}(?! +off)\b", text, re.MULTILINE):
            yield "front", f"an nginx site uses {word}", remedy


def sockets(contract: Contract, text: str) -> Iterator[Complaint]:
    """A site connects through `current`, once per connection."""
    for service in contract.services_of(contract.services):
        path = f"{contract.root}/current/run/{service.name}.sock"
        if service.listen == "socket" and service.health and path not in text:
            yield "front", f"no nginx site connects to {path}", "provision the host, or write the upstream by hand"


def ports(contract: Contract, text: str) -> Iterator[Complaint]:
    """A site includes the line that a switch replaces, and nginx can be reloaded: found out before anything moves."""
    names = front.on_ports(contract)
    for name in names:
        path = front.upstream(contract, name)
        if str(path) not in text:
            yield "front", f"no nginx site includes {path}", "provision the host, or write the upstream by hand"
        if not os.access(path.parent, os.W_OK | os.X_OK):
            yield "front", f"{path.parent} is missing or closed to {contract.deploy_user}", "provision the host"
    if names:
        try:
            front.test()
        except Failure as failure:
            yield "front", f"a switch could not reload nginx: {failure.why}", "mend the site that nginx names"


def _nginx_text() -> str:
    parts = []
    for folder in ("/etc/nginx/conf.d", "/etc/nginx/sites-enabled"):
        for path in sorted(Path(folder).glob("*")):
            try:
                parts.append(path.read_text(encoding="utf-8", errors="replace"))
            except OSError:
                continue
    return "\n".join(parts)
