"""To which instance does nginx pass the traffic of services on ports? One line each in a file that its site includes.

Services on sockets are reached through `current` and need none of this. For a port nginx has to be told: the line is
replaced, the whole configuration tested, nginx reloaded, and its workers of before are seen to take no new connection.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

from .commands import run
from .contract import Contract
from .failure import Failure
from .files import sync_folder, write_text
from .instances import Instance
from .managers import SYSTEMCTL, as_root

NGINX = "/usr/sbin/nginx"
RELOAD = (SYSTEMCTL, "reload", "nginx.service")
TEST = (NGINX, "-t")
TAKEN_WITHIN = 15.0  # seconds in which nginx takes a new configuration, on a machine that has much to do
UNSEEN = 1.0  # seconds given to it where /proc hides other users' processes (proc(5), hidepid)


def upstream(contract: Contract, service: str) -> Path:
    """Return the file that nginx's site includes for a service on a port."""
    return contract.root / "front" / f"{service}.upstream"


def on_ports(contract: Contract) -> list[str]:
    """Return the names of the services of whose instance nginx has to be told."""
    services = contract.services_of(contract.services) if contract.front == "nginx" else ()
    return [service.name for service in services if service.listen == "port"]


def lines_of(instance: Instance) -> dict[Path, str]:
    """Return what each such file has to say when `instance` serves; nothing where nginx reaches all by sockets."""
    if instance.contract.front != "nginx":
        return {}
    return {
        upstream(instance.contract, service.name): f"server 127.0.0.1:{service.ports[instance.name]};\n"
        for service in instance.services()
        if service.listen == "port"
    }


def differences(instance: Instance) -> list[str]:
    """Return in words where nginx is told of another instance than this one."""
    found = []
    for path, line in lines_of(instance).items():
        told = _read(path)
        if told != line:
            found.append(f"{path} says {told.strip() or 'nothing'!r}, {instance.name} listens at {line.strip()!r}")
    if lines_of(instance) and _unread(instance.contract).exists():
        found.append("nginx was not reloaded after its addresses were changed")
    return found


def turn(instance: Instance) -> bool:
    """Have nginx pass new connections to `instance`, from whatever state; return whether anything was to be done.

    Raises Failure when nginx refuses; it then goes on with the lines of before, which stand in the files again.
    """
    contract, wanted = instance.contract, lines_of(instance)
    before = {path: _read(path) for path in wanted}
    if not wanted or (before == wanted and not _unread(contract).exists()):
        return False
    known = not _unread(contract).exists()
    # Killed between the lines and the reload, nobody could tell from the lines what nginx does.
    _write({_unread(contract): f"{instance.name}\n", **wanted})
    try:
        test()
    except Failure:
        _write(before)
        if known:
            _forget(contract)
        raise
    try:
        _reload()
    except Failure:
        _write(before)
        raise
    _forget(contract)
    return True


def leaving(instance: Instance) -> int:
    """Return how many workers of nginx still end what they had begun: they may yet ask an instance that was left."""
    return sum(workers().values()) if lines_of(instance) else 0


def workers() -> dict[int, bool]:
    """Return the process ids of nginx's workers and whether each is on its way out; its title says so."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                title = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if title.startswith(b"nginx: worker process"):
                found[int(entry.name)] = b"shutting down" in title
    return found


def _unread(contract: Contract) -> Path:
    """Return the file that stands from before the lines change until nginx has read them."""
    return contract.root / "front" / ".unread"


def _forget(contract: Contract) -> None:
    _unread(contract).unlink(missing_ok=True)
    sync_folder(_unread(contract).parent)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""


def _write(lines: Mapping[Path, str]) -> None:
    try:
        for path, line in lines.items():
            write_text(path, line)
    except OSError as error:
        raise Failure(
            "failed",
            "tell nginx of another instance",
            str(error.filename),
            error.strerror or str(error),
            "provision the host: the folder belongs to the deploy user",
        ) from None


def test() -> None:
    """Test the whole configuration as it stands on the disk; raises Failure with nginx's own words."""
    run(
        as_root("root", TEST),
        what="test nginx's configuration",
        timeout=30,
        next_step="mend the site that nginx names; the former address was put back and still serves",
    )


def _reload() -> None:
    """Have nginx read its configuration, and wait until no worker of before takes connections any more."""
    if _state() in ("inactive", "failed"):
        return  # its next start reads the lines
    before = {pid for pid, ending in workers().items() if not ending}
    run(
        as_root("root", RELOAD),
        what="reload nginx",
        timeout=30,
        next_step=f"look at `systemctl status nginx.service`; the exact sudo line `{' '.join(RELOAD)}` must be allowed",
    )
    if not before:
        time.sleep(UNSEEN)
        return
    end = time.monotonic() + TAKEN_WITHIN
    while before & {pid for pid, ending in workers().items() if not ending}:
        if time.monotonic() >= end:
            raise Failure(
                "failed",
                "reload nginx",
                "nginx.service",
                f"its workers of before still take connections after {TAKEN_WITHIN:g} s",
                "read /var/log/nginx/error.log: the configuration is well, but nginx did not take it",
            )
        time.sleep(0.02)


def _state() -> str:
    """Return what systemd says of nginx, in its own word."""
    words = [SYSTEMCTL, "show", "--property=ActiveState", "--value", "nginx.service"]
    return run(words, what="ask systemd for nginx", timeout=10).strip()
