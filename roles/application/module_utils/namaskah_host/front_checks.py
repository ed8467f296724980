"""Can nginx follow a switch on this host? Reads its sites, and says what is missing and how to mend it."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from . import front
from .contract import Contract
from .failure import Complaint, Failure

# What nginx answers below: without a slash at both its ends a prefix also stands for its neighbours ("/static../").
PREFIX = re.compile(r"/([A-Za-z0-9_~-][A-Za-z0-9._~-]*/)*")
FOLDER = re.compile(r"((?!\.\.?(/|\Z))[\w.-]+(/|\Z))+")
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


def published(contract: Contract, shared_urls: Mapping[str, str]) -> Iterator[Complaint]:
    """What is served as files must be what was meant, and nothing beside it: not the release, not what is shared.

    `shared_urls` is what provisioning lets nginx serve of `shared`: prefix to folder.
    """
    prefixes = [("namaskah_static_url", contract.static_url, contract.static_root)] if contract.static_root else []
    prefixes += [("provision_shared_urls", url, folder) for url, folder in shared_urls.items()]
    for variable, url, folder in prefixes:
        shared = variable == "provision_shared_urls"
        if not PREFIX.fullmatch(url):
            line = f"{prefix_of(url)}: {folder}" if shared else f"{variable}: {prefix_of(url)}"
            why = (
                f"{variable}: the prefix {url!r} has to begin and end with /, with plain letters, digits and . _ ~ - "
                f"between: otherwise it publishes what lies beside {folder}"
            )
            yield (
                "front",
                why,
                f"write {line}{' in ' + variable if shared else ''}, and provision the host: its site has the old one",
            )
        if not FOLDER.fullmatch(str(folder)):
            where = variable if shared else "namaskah_static_root"
            yield "front", f"{where}: {folder!r} is no plain folder below its own", f"write {where} without . and .."


def prefix_of(url: str) -> str:
    """Return the prefix that was meant by `url`, as far as it can be told."""
    parts = [part for part in url.split("/") if PREFIX.fullmatch(f"/{part}/")]
    return f"/{'/'.join(parts)}/" if parts else "/static/"


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
