"""What does the address of a PostgreSQL database say, in any of the forms that applications take?

Libraries differ in what they bear: a `/`, `#` or `%` in a password as it is, a driver after a `+`, parameters of their
own, a folder of sockets as the host or before the database's name. Whatever one of them takes is read here; what comes
out are keywords of libpq (libpq documentation, "Parameter Key Words"). It stands alone (standard library only).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote

DRIVERS = {"asyncpg", "psycopg", "psycopg2", "psycopg3", "aiopg"}
SCHEMES = DRIVERS | {
    "postgres", "postgresql", "pgsql", "psql", "postgis", "timescale", "timescaledb", "timescalegis", "postgresext",
}  # fmt: skip
SOCKETS, PORT = "/var/run/postgresql", 5432
# Of what libpq knows, what decides whether and where it connects. All else is of drivers, pools and frameworks.
KEYWORDS = {
    "hostaddr", "passfile", "password", "user", "dbname", "service", "options", "connect_timeout", "channel_binding",
    "sslmode", "sslnegotiation", "sslcert", "sslkey", "sslpassword", "sslcertmode", "sslrootcert", "sslcrl",
    "sslcrldir", "sslsni", "ssl_min_protocol_version", "ssl_max_protocol_version", "gssencmode", "krbsrvname",
    "requirepeer", "require_auth", "target_session_attrs", "load_balance_hosts", "keepalives", "tcp_user_timeout",
}  # fmt: skip
_SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")  # of libpq
_SSL = {
    **dict.fromkeys(("true", "1", "yes", "on", "no-verify"), "require"),  # it encrypts, whoever the server is
    **dict.fromkeys(("false", "0", "no", "off"), "disable"),
}
_SCHEMA = ("currentschema", "search_path")  # as some libraries name the search path
_SCHEME = re.compile(r"\s*([A-Za-z][\w-]*)(?:\+[\w.-]*)*://", re.ASCII)
# An authority without a user: then an @ further on belongs to a parameter.
_ONE = r"(?:\[[^\]@/]*\]|[^:/?#@,\[]*)(?::\d*)?"
_WITHOUT_USER = re.compile(rf"{_ONE}(?:,{_ONE})*(?:/[^?@]*)?(?:\?[\w.-]+=|\?$|$)")
_AFTER_USER = re.compile(r"/|\?[\w.-]+=|$")
_ONE_HOST = re.compile(r"(?:\[(?P<six>[^\]]*)\]|(?P<name>[^:]*))(?::(?P<port>[^:]*))?")
_HOST_AND_PORT = re.compile(r"(\[[^\]]*\]|[^:/]*):(\d+)")
_SOCKET = re.compile(r"(/.*)/\.s\.PGSQL\.(\d+)")  # as the server calls it
# A part of a password that was taken for a host would be shown; no host looks like most of them.
_NAME = re.compile(r"[\w.:%-]{0,253}|[/@][\w.:%/+@,~ -]{0,253}")


@dataclass(frozen=True)
class DatabaseAddress:
    """Where a database is. `hosts` are names or folders of sockets with their ports, both "" where none was given."""

    hosts: tuple[tuple[str, str], ...]
    keywords: Mapping[str, str]

    def for_libpq(self) -> dict[str, str]:
        """Return everything by the names that libpq and its drivers take.

        Raises ValueError where libpq knows no such way to encrypt.
        """
        found = dict(self.keywords)
        if found.get("sslmode", "disable") not in _SSL_MODES:
            raise ValueError(f"its sslmode (or ssl) is none of {', '.join(_SSL_MODES)}")
        for name, values in (("host", [host for host, _ in self.hosts]), ("port", [port for _, port in self.hosts])):
            if any(values):
                found[name] = ",".join(values)
        return found

    def places(self, variables: Mapping[str, str] | None = None) -> list[tuple[str, int]]:
        """Return host or folder of sockets, and port, of each server.

        What was not given is taken from PGHOST and PGPORT of `variables`, as libpq does, else by default. Raises
        ValueError where such a port is none.
        """
        given = variables or {}
        hosts, ports = [host for host, _ in self.hosts], [port for _, port in self.hosts]
        if not any(hosts):
            hosts = given.get("PGHOST", "").split(",")
        if not any(ports):
            ports = [number_of(port) for port in given.get("PGPORT", "").split(",")]
        ports = ports * len(hosts) if len(ports) == 1 else ports
        hosts = hosts * len(ports) if len(hosts) == 1 else hosts
        if len(hosts) != len(ports):
            raise ValueError("with PGHOST and PGPORT it has more ports than hosts, or fewer")
        named = self.keywords.get("hostaddr", "").split(",")
        return [
            ((named[at] if at < len(named) else "") or host or SOCKETS, int(port or PORT))
            for at, (host, port) in enumerate(zip(hosts, ports, strict=True))
        ]


def parse(text: str) -> DatabaseAddress | None:
    """Return what an address says; None where it is none of PostgreSQL.

    Raises ValueError where it is broken; its text holds no part of the address.
    """
    match = _SCHEME.match(text)
    if match is None or match[1].lower().replace("-", "_").partition("_")[0] not in SCHEMES:
        return None
    login, rest = _divided(text[match.end() :].strip())
    before, _, query = rest.partition("?")
    authority, _, path = before.partition("/")
    user, colon, password = login.partition(":")
    found = {"user": unquote(user), "password": unquote(password) if colon else "", "dbname": unquote(path)}
    hosts = _hosts(authority)
    if found["dbname"].startswith("/") and not any(host for host, _ in hosts):
        folder, _, found["dbname"] = found["dbname"].rpartition("/")
        hosts = [(folder, port) for _, port in hosts]
    pairs = _pairs(query)
    found |= _keywords(pairs)
    hosts = _named(pairs, hosts)
    if any("\0" in value for value in (*found.values(), *(host for host, _ in hosts))):
        raise ValueError("it holds %00, which no server takes")
    return DatabaseAddress(tuple(hosts), {name: value for name, value in found.items() if value})


def number_of(port: str) -> str:
    """Give back a port as written; "" stays. Raises ValueError, without the text, where it is none."""
    if port and not (port.isascii() and port.isdecimal() and 0 < int(port[:6]) < 65536):  # noqa: PLR2004 - RFC 9293
        raise ValueError("its port is no number from 1 to 65535; in a password, write / as %2F, @ as %40 and : as %3A")
    return port


def _divided(rest: str) -> tuple[str, str]:
    """Return user and password as written, and what follows the @."""
    if "@" not in rest or _WITHOUT_USER.match(rest):
        return "", rest
    first = rest.index("@")
    end = _AFTER_USER.search(rest, first)
    login, _, _ = rest[: end.start() if end else len(rest)].rpartition("@")
    return login, rest[len(login) + 1 :]


def _hosts(authority: str) -> list[tuple[str, str]]:
    hosts = []
    for one in authority.split(","):
        match = _ONE_HOST.fullmatch(one)
        if match is None:
            raise ValueError("its host has a colon too many; an IPv6 address stands in [brackets]")
        hosts.append((_checked(unquote(match["six"] or match["name"] or "")), number_of(match["port"] or "")))
    return hosts


def _checked(host: str) -> str:
    if not _NAME.fullmatch(host):
        raise ValueError("its host has characters that no host has; in a password, write / as %2F and @ as %40")
    return host


def _pairs(query: str) -> list[tuple[str, str]]:
    """Return the parameters in their order, names in lower case. A + is a blank in options alone, as for most."""
    found = []
    for pair in query.split("&"):
        name, _, value = pair.partition("=")
        name = unquote(name).lower()
        found.append((name, unquote(value.replace("+", " ") if name == "options" else value)))
    return found


def _keywords(pairs: list[tuple[str, str]]) -> dict[str, str]:
    """Return what parameters are in libpq's words, but for the hosts."""
    found = {name: value for name, value in pairs if name in KEYWORDS and value}
    if ssl := dict(pairs).get("ssl") or found.get("sslmode"):
        found["sslmode"] = _SSL.get(ssl.lower(), ssl)
    options = [
        value if name == "options" else f"-c search_path={value.replace(' ', '')}"
        for name, value in pairs
        if value and name in ("options", *_SCHEMA)
    ]
    return {**found, "options": " ".join(options)}


def _named(pairs: list[tuple[str, str]], hosts: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return the hosts, some or all of which may be parameters."""
    named = [one for name, value in pairs if name == "host" for one in value.split(",")]
    ports = [number_of(port) for name, value in pairs if name == "port" for port in value.split(",")]
    if path := dict(pairs).get("unix_sock"):
        socket = _SOCKET.fullmatch(path)
        if socket is None:
            raise ValueError("its unix_sock is no path such as /var/run/postgresql/.s.PGSQL.5432")
        return [(_checked(socket[1]), number_of(socket[2]))]
    if named:
        divided = [(one, _HOST_AND_PORT.fullmatch(one)) for one in named]
        hosts = [(match[1], match[2]) if match else (one, "") for one, match in divided]
        hosts = [(_checked(host.strip("[]")), number_of(port)) for host, port in hosts]
    given = ports * len(hosts) if len(ports) == 1 else ports
    if given and len(given) != len(hosts):
        raise ValueError("it names more ports than hosts, or fewer")
    return [(host, given[at] if given else port) for at, (host, port) in enumerate(hosts)]
