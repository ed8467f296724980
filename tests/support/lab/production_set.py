"""What a production-like set is: application hosts with nginx, a database host with PostgreSQL."""

from tests.support.lab.host import Host
from tests.support.lab.lab import Lab

_SERVICES = {"app": ["nginx.service"], "database": ["postgresql.service"]}
# Requests pile up on a busy machine, each with a connection; what is to be tested is not PostgreSQL's default of 100.
_MANY_CONNECTIONS = (
    'for folder in /etc/postgresql/*/main/conf.d; do echo "max_connections = 400" >"$folder/lab.conf"; done'
)


def add_production_set(
    lab: Lab,
    *,
    app: int = 2,
    database: int = 1,
    suite: str = "bookworm",
    pm2: bool = False,
    as_found: bool = False,
) -> None:
    """Add and boot hosts app1 ... and db1 ..., with the services of their part running."""
    for number in range(1, app + 1):
        lab.add_host(f"app{number}", group="app", suite=suite, layers=["pm2"] if pm2 else [], as_found=as_found)
    for number in range(1, database + 1):
        lab.add_host(f"db{number}", group="database", suite=suite, as_found=as_found)
    lab.boot()
    for host in lab.hosts.values():
        start_services(host)


def start_services(host: Host) -> None:
    """Start what a host of its group runs (needed again after a reset)."""
    if host.record.group == "database":
        host.run(["sh", "-c", _MANY_CONNECTIONS])
    if host.record.group in _SERVICES:
        host.start(*_SERVICES[host.record.group])
