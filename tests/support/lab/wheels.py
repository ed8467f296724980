"""Where hosts get Python packages from: wheels that the controller fetched for them and serves on the bridge.

Resolution happens inside the suite's own tree, with its Python and pip: environment markers such as
`python_version < "3.13"` are judged as the host will judge them (`pip download --python-version`
judges them by the interpreter it runs on).
"""

import hashlib
import os
import re
import shutil
import sys
from pathlib import Path

from tests.support.lab.base import base_tree
from tests.support.lab.command import run
from tests.support.lab.errors import LabError
from tests.support.lab.locks import exclusive
from tests.support.lab.paths import cache_dir

WHEEL_PORT = 8080
_BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")
_INCLUDE = re.compile(r"^\s*(?:-r|-c|--requirement|--constraint)[ =]\s*(\S+)", re.MULTILINE)
# The machine's own settings for reaching its package index; found in the environment or in pip's files.
_INDEX_SETTINGS = ("index-url", "trusted-host", "proxy", "timeout")
_PROXY_VARIABLES = ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
_DOWNLOAD_SECONDS = 900


def wheel_folder(requirements: list[Path], suite: str) -> Path:
    """A folder with every wheel that `requirements` need on `suite`, fetched now unless the cache has it."""
    files = [path.resolve() for path in requirements]
    key = hashlib.sha256(suite.encode())
    for path in _with_includes(files):
        key.update(path.read_bytes())
    folder = cache_dir() / f"wheels-{suite}-{key.hexdigest()[:16]}"
    with exclusive(folder.with_suffix(".lock")):
        if not folder.is_dir():
            _download(files, suite, folder)
    return folder


def _with_includes(files: list[Path]) -> list[Path]:
    found: list[Path] = []
    waiting = list(files)
    while waiting:
        path = waiting.pop()
        if path in found:
            continue
        if not path.is_file():
            raise LabError(f"{path}: no such requirements file")
        found.append(path)
        waiting += [(path.parent / name).resolve() for name in _INCLUDE.findall(path.read_text())]
    return found


def _download(files: list[Path], suite: str, folder: Path) -> None:
    tree = base_tree(suite)
    unfinished = folder.with_name(f"{folder.name}.partial")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir()
    argv = ["systemd-nspawn", "--quiet", f"--directory={tree}", "--volatile=overlay", "--register=no", "--keep-unit"]
    argv += ["--pipe", "--resolv-conf=replace-host", "--timezone=off", f"--bind={unfinished}:/wheels"]
    argv += [f"--bind-ro={folder}:{folder}" for folder in sorted({path.parent for path in _with_includes(files)})]
    argv += [f"--setenv={name}={value}" for name, value in _pip_environment().items()]
    if _BUNDLE.is_file():
        argv.append(f"--bind-ro={_BUNDLE}")
    run([*argv, "python3", *_pip_download(tree, files)], timeout=_DOWNLOAD_SECONDS)
    unfinished.rename(folder)


def _pip_download(tree: Path, files: list[Path]) -> list[str]:
    wheel = next((tree / "usr/share/python-wheels").glob("pip-*.whl"))
    argv = [f"/{wheel.relative_to(tree)}/pip", "download", "--quiet", "--only-binary", ":all:", "--dest", "/wheels"]
    return [*argv, *(word for path in files for word in ("--requirement", str(path)))]


def _pip_environment() -> dict[str, str]:
    settings = {name: os.environ[name] for name in _PROXY_VARIABLES if name in os.environ}
    listing = run([sys.executable, "-m", "pip", "config", "list"], check=False).stdout
    for line in listing.splitlines():
        name, _, value = line.partition("=")
        option = name.rpartition(".")[2]
        if name.startswith(("global.", ":env:.")) and option in _INDEX_SETTINGS:
            settings[f"PIP_{option.upper().replace('-', '_')}"] = value.strip("'")
    return {**settings, "PIP_CERT": str(_BUNDLE), "PIP_DISABLE_PIP_VERSION_CHECK": "1"}


class WheelServer:
    """The folder that hosts see as their only source of packages, served by HTTP on the bridge address."""

    def __init__(self, folder: Path, address: str) -> None:
        self.folder = folder
        self.url = f"http://{address}:{WHEEL_PORT}/"
        self._address = address

    def command(self) -> list[str]:
        """The server's words (Python's own, threaded)."""
        serve = ["-m", "http.server", "--bind", self._address, "--directory", str(self.folder), str(WHEEL_PORT)]
        return [sys.executable, *serve]

    def add_debian(self, suite: str, archive: Path) -> None:
        """Let hosts of `suite` install Debian packages from `archive`, below debian/."""
        target = self.folder / "debian" / suite
        target.parent.mkdir(exist_ok=True)
        if not target.exists():
            target.symlink_to(archive)

    def add(self, wheels: Path) -> None:
        """Let hosts see every file of `wheels`."""
        for wheel in wheels.iterdir():
            target = self.folder / wheel.name
            if not target.exists():
                target.symlink_to(wheel)
