"""Which Debian mirror the machine itself is configured to use, written for any suite we build.

The project's files name no host: the addresses come from apt's own view of its sources.
"""

from pathlib import Path
from typing import NamedTuple

from tests.support.lab.command import run
from tests.support.lab.errors import LabUnavailableError

_RELEASE_NAMES = frozenset({"bookworm", "trixie", "forky", "sid", "testing", "stable", "oldstable"})
# apt's settings that decide whether the mirror can be reached and believed from here.
_PASSED_ON = ("Acquire::http::", "Acquire::https::", "Acquire::Check-Valid-Until", "Acquire::Check-Date")


class Mirror(NamedTuple):
    """Addresses of the archive and, where configured, of the security archive."""

    archive: str
    security: str | None

    def source_lines(self, suite: str) -> list[str]:
        """The sources.list lines for `suite` (a Debian code name)."""
        lines = [f"deb {self.archive} {suite} main", f"deb {self.archive} {suite}-updates main"]
        if self.security:
            lines.append(f"deb {self.security} {suite}-security main")
        return lines


def machine_mirror() -> Mirror:
    """The mirror of this machine; raises LabUnavailableError when apt knows no Debian archive."""
    targets = run(
        ["apt-get", "indextargets", "--format", "$(SITE) $(RELEASE) $(COMPONENT)", "Created-By: Packages"]
    ).stdout
    archive, security = "", None
    for line in targets.splitlines():
        site, release, component = line.split()
        name, _, kind = release.partition("-")
        if component != "main" or name not in _RELEASE_NAMES:
            continue
        if kind == "" and not archive:
            archive = site
        if kind == "security" and security is None:
            security = site
    if not archive:
        raise LabUnavailableError(
            "no Debian archive among this machine's apt sources; add one under "
            f"{Path('/etc/apt/sources.list.d')} (the lab's hosts are built from it)"
        )
    return Mirror(archive, security)


def apt_options() -> list[str]:
    """The machine's apt settings for reaching its mirror (proxies, certificates), as `Name "value"`."""
    dump = run(["apt-config", "dump"]).stdout.splitlines()
    return [line.rstrip(";") for line in dump if line.startswith(_PASSED_ON) and not line.endswith('"";')]
