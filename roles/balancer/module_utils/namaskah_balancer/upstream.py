"""Which servers does an nginx upstream have, and which are marked `down`? One file with nothing but server lines.

The grammar is that of ngx_http_upstream_module: `server address [parameters];`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

SERVER = re.compile(r"^(?P<before>\s*server\s+)(?P<address>[^\s;#]+)(?P<parameters>[^;#]*);(?P<after>.*)$")


@dataclass(frozen=True)
class Server:
    """One line of the file."""

    address: str
    parameters: tuple[str, ...]

    @property
    def wanted(self) -> bool:
        """Whether nginx sends requests to it."""
        return "down" not in self.parameters


def servers(text: str) -> list[Server]:
    """Return the servers of the file, in their order."""
    found = (SERVER.match(line) for line in text.split("\n"))
    return [Server(match["address"], tuple(match["parameters"].split())) for match in found if match]


def marked(text: str, address: str, *, down: bool) -> str:
    """Return the file with `address` marked `down`, or not; every other character stays as it is."""
    return "\n".join(_line(line, address, down=down) for line in text.split("\n"))


def _line(line: str, address: str, *, down: bool) -> str:
    match = SERVER.match(line)
    if not match or match["address"] != address:
        return line
    words = [word for word in match["parameters"].split() if word != "down"]
    parameters = "".join(f" {word}" for word in (*words, *(["down"] if down else [])))
    return f"{match['before']}{address}{parameters};{match['after']}"
