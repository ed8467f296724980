"""What does a launcher know of each sample, its repository, environment and commands, and how does it run a release?"""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
from contextlib import AbstractContextManager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

from tests.support.project import ROOT
from tests.support.samples.process import Running, started

EXAMPLES = ROOT / "examples"
# Known to everybody, and good for nothing but these tests.
TOKEN = "token-of-the-service-account"  # noqa: S105
PASSWORD = "password-of-the-demo-user"  # noqa: S105

# The same words for every tag, as in an inventory. {python} and {bin} are the virtual environment's.
SERVERS = {
    "dashboard": {
        "gunicorn": "{bin}/gunicorn dashboard.asgi:application -k uvicorn_worker.UvicornWorker -w 2 -b unix:{socket}",
        "uvicorn": "{bin}/uvicorn dashboard.asgi:application --workers 2 --uds {socket}",
        "daphne": "{bin}/daphne -u {socket} dashboard.asgi:application",
    },
    "ledger": {"uvicorn": "{bin}/uvicorn ledger.main:app --workers 2 --uds {socket}"},
}
COMMANDS = {
    "dashboard": {
        "migrate": "{bin}/python manage.py migrate --noinput",
        "build": "{bin}/python manage.py collectstatic --noinput",
        "seed": "{bin}/python manage.py seed",
        "worker": "{bin}/python manage.py worker --poll 0.1",
        "test": "{bin}/python manage.py test",
    },
    "ledger": {
        "migrate": "{bin}/alembic upgrade head",
        "build": "{bin}/python -m ledger.build",
        "test": "{bin}/python -m unittest discover -t . -s tests",
    },
}


@dataclass(frozen=True)
class Sample:
    """An application with its git history and an environment that can run each of its good tags."""

    name: str
    repository: Path
    described: dict[str, Any]
    environment: Path

    def release(self, tag: str, folder: Path, database: str, **settings: str) -> Release:
        """Put a tag's files into a folder, as a release."""
        folder.mkdir(parents=True)
        archive = subprocess.run(
            ["git", f"--git-dir={self.repository}", "archive", tag], check=True, capture_output=True
        ).stdout
        with tarfile.open(fileobj=BytesIO(archive)) as files:
            files.extractall(folder, filter="data")
        put = Release(self, tag, folder, {"DATABASE_URL": database, **settings})
        put.socket.parent.mkdir()
        return put


@dataclass(frozen=True)
class Release:
    """One tag's files, and the settings that its commands get."""

    sample: Sample
    tag: str
    folder: Path
    settings: dict[str, str]

    @property
    def socket(self) -> Path:
        """Return where its web service listens: in a folder of its own outside the release, as on a host."""
        return self.folder.parent / f"{self.folder.name}.run" / "web.sock"

    def variables(self) -> dict[str, str]:
        """Return the whole environment of its commands; nothing of ours but the locale and PATH comes in."""
        return {
            "PATH": os.environ["PATH"],
            "LC_ALL": "C.UTF-8",
            "PYTHONDONTWRITEBYTECODE": "1",
            "SECRET_KEY": "key-of-the-tests",
            "API_TOKEN": TOKEN,
            "SEED_PASSWORD": PASSWORD,
            "NAMASKAH_RELEASE": f"release-{self.tag}",
            "NAMASKAH_COMMIT": self.sample.described["tags"][self.tag]["commit"],
            "NAMASKAH_INSTANCE": "blue",
            "NAMASKAH_SOCKET": str(self.socket),
            **{name: value for name, value in self.settings.items() if value},
        }

    def words(self, command: str) -> list[str]:
        """Return a command's arguments."""
        places = {"bin": self.sample.environment / "bin", "socket": self.socket}
        return [word.format(**places) for word in command.split()]

    def run(self, name: str, *more: str) -> subprocess.CompletedProcess[str]:
        """Run one of its commands to its end; stdout and stderr come together."""
        return self.run_words([*self.words(COMMANDS[self.sample.name][name]), *more])

    def run_words(self, words: list[str]) -> subprocess.CompletedProcess[str]:
        """Run any command as one of its own."""
        return subprocess.run(
            words, cwd=self.folder, env=self.variables(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, check=False, timeout=120,
        )  # fmt: skip

    def do(self, *names: str) -> None:
        """Run commands that must succeed; an AssertionError shows what was said."""
        for name in names:
            ended = self.run(name)
            assert ended.returncode == 0, f"{self.tag} {name}:\n{ended.stdout}"

    def web(self, server: str = "") -> AbstractContextManager[Running]:
        """Start its web service, with the sample's first server unless another one is named."""
        servers = SERVERS[self.sample.name]
        return self.service(servers[server or next(iter(servers))], "web")

    def worker(self) -> AbstractContextManager[Running]:
        """Start the service beside the web."""
        return self.service(COMMANDS[self.sample.name]["worker"], "worker")

    def service(self, command: str, name: str) -> AbstractContextManager[Running]:
        """Start a command that stays."""
        log = self.folder.parent / f"{self.folder.name}.{name}.log"
        return started(self.words(command), self.folder, {**self.variables(), "NAMASKAH_SERVICE": name}, log)


def make_environment(folder: Path, requirements: list[str], lines: Path) -> Path:
    """Make a virtual environment with pinned packages, wheels only; an AssertionError shows what pip said."""
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    lines.write_text("\n".join(requirements))
    pip = [str(folder / "bin" / "pip"), "install", "--quiet", "--only-binary=:all:", "-r", str(lines)]
    ended = subprocess.run(pip, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    assert ended.returncode == 0, ended.stdout
    return folder
