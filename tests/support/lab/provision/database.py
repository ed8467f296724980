"""How does a role connect to the provisioned database, from the places where it works?"""

from __future__ import annotations

import subprocess
from urllib.parse import quote

from tests.support.lab.provision.fleet import PASSWORDS, Fleet


def from_app(fleet: Fleet, role: str, sql: str, password: str = "") -> subprocess.CompletedProcess[str]:
    """Connect from the application host, over the network, by an address as the environment files have it."""
    secret = quote(password or PASSWORDS[role], safe="")
    address = f"postgresql://dashboard_{role}:{secret}@{fleet.database.address}:5432/dashboard"
    words = ["psql", "-X", "-At", "-v", "ON_ERROR_STOP=1", "-d", address, "-f", "-"]
    return fleet.app.run(words, check=False, stdin=sql)


def by_service(fleet: Fleet, name: str, sql: str, database: str = "") -> subprocess.CompletedProcess[str]:
    """Connect on the database host as the deploy user, with nothing but its own service and password files."""
    place = f"service=dashboard-{name}" + (f" dbname={database}" if database else "")
    return fleet.database.ssh(["psql", "-X", "-At", place, "-f", "-"], user="deploy", check=False, stdin=sql)
