"""Who may log in, and how the controller knows each host: the lab's key pair and the hosts' keys."""

from pathlib import Path

from tests.support.lab.command import run


class Keys:
    """The SSH identity of a lab, kept in its state folder."""

    def __init__(self, folder: Path) -> None:
        self._host_keys = folder / "host-keys"
        self.private = folder / "id_ed25519"
        self.known_hosts = folder / "known_hosts"
        self.ssh_config = folder / "ssh_config"

    def create(self) -> None:
        """Make the lab's key pair and empty lists."""
        self._host_keys.mkdir(mode=0o700)
        _generate(self.private, "namaskah-lab")
        self.known_hosts.touch()
        self.ssh_config.touch()

    @property
    def public_line(self) -> str:
        """The line for authorized_keys."""
        return self.private.with_suffix(".pub").read_text()

    def host_key(self, host: str) -> Path:
        """The private host key of `host`; stays the same when the host is reset."""
        return self._host_keys / host

    def enroll(self, host: str, address: str) -> None:
        """Make a host key and let the controller know it by name and address."""
        key = self.host_key(host)
        _generate(key, host)
        kind, blob, _ = key.with_suffix(".pub").read_text().split()
        with self.known_hosts.open("a") as lines:
            lines.write(f"{host},{address} {kind} {blob}\n")
        with self.ssh_config.open("a") as lines:
            lines.write(self._config_block(host, address))

    def _config_block(self, host: str, address: str) -> str:
        settings = {
            "HostName": address,
            "User": "root",
            "IdentityFile": self.private,
            "IdentitiesOnly": "yes",
            "UserKnownHostsFile": self.known_hosts,
            "GlobalKnownHostsFile": "/dev/null",
            "StrictHostKeyChecking": "yes",
            "ConnectTimeout": 5,
            "LogLevel": "ERROR",
        }
        return "\n".join([f"Host {host}", *(f"    {name} {value}" for name, value in settings.items()), ""])


def _generate(path: Path, comment: str) -> None:
    run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", path])
