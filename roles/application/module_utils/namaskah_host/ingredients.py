"""What does an installation read? Equal ingredients may share a virtualenv; what nobody can know beforehand may not.

Source: pip, requirement specifiers, requirements file format, configuration, and its module req/constructors.py.
"""

from __future__ import annotations

import configparser
import functools
import hashlib
import os
import re
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

from . import projects, requirements
from .requirements import ADDRESS, CONSTRAINT, EDITABLE, FIND_LINKS, INDEX, Option

ARCHIVES = (".whl", *projects.SOURCES)
NAMED = re.compile(r"\s*[\w.-]+\s*(\[[^\]]*\])?\s*@\s*")  # what PEP 508 has before an address
EXTRAS = re.compile(r"\[[^\[\]]*\]$")
SCHEME = re.compile(r"[a-z][a-z0-9]*(\+[a-z][a-z0-9]*)?:", re.IGNORECASE)
FULL_COMMIT = re.compile(r"@([0-9a-f]{40}|[0-9a-f]{64})$", re.IGNORECASE)
HASHED = re.compile(r"(^|&)(sha256|sha384|sha512)=[0-9a-f]{64,}(&|$)", re.IGNORECASE)
# Options of pip's command line that take a word, besides those that name something to read.
VALUED = (
    "--target", "--platform", "--python-version", "--implementation", "--abi", "--root", "--prefix", "--src",
    "--upgrade-strategy", "--config-settings", "--global-option", "--no-binary", "--only-binary", "--progress-bar",
    "--root-user-action", "--report", "--proxy", "--retries", "--timeout", "--exists-action", "--trusted-host",
    "--cert", "--client-cert", "--cache-dir", "--log", "--keyring-provider", "--python", "--use-feature",
    "--use-deprecated", "--uploaded-prior-to", "--resume-retries", "-t", "-C",
)  # fmt: skip
READING = (requirements.REQUIREMENT, CONSTRAINT, EDITABLE, FIND_LINKS, *INDEX)
GROUP = Option("", ("--group", "--requirements-from-script"))
CONFIGURATIONS = ("/etc/pip.conf", "/etc/xdg/pip/pip.conf", "~/.pip/pip.conf", "~/.config/pip/pip.conf")


class Ingredients:
    """What one installation reads, as it is read: `digest` tells equal ones, `unknown` what cannot be known.

    `release` is the folder in which pip runs, `environment` what pip has for its own.
    """

    def __init__(self, release: Path, environment: Mapping[str, str]) -> None:
        self.release = release
        self.environment = environment
        self.unknown: list[str] = []
        self._read: list[Path] = []
        self._sums = hashlib.sha256()

    @property
    def digest(self) -> str:
        """The name, in hexadecimal, of everything that was added so far."""
        return self._sums.hexdigest()

    def add(self, *texts: str | bytes) -> None:
        """Add texts; how they are divided counts as well."""
        for text in texts:
            data = text.encode(errors="surrogateescape") if isinstance(text, str) else text
            self._sums.update(b"%d:" % len(data) + data)

    def installed(self, files: Iterable[Path], arguments: list[str]) -> None:
        """Add what pip reads for requirement files and further words of its command line, and its configuration."""
        self.add("arguments", *arguments)
        included = [*files, *self._configured(), *self._words(arguments, command_line=True)]
        for file in requirements.with_includes(included, self.environment):
            data = file.read_bytes()
            self.add("file", data)
            for line in requirements.joined(requirements.decoded(data)):
                shown = requirements.expanded(line, self.environment)
                if shown != line:
                    self.add("line", shown)
                said, options = requirements.divided(shown)
                self._words(options, beside=file.parent)
                self._requirement(said, known=any(word.startswith("--hash") for word in options))

    # --- Options ----------------------------------------------------------------------------------

    def _configured(self) -> list[Path]:
        """Add pip's variables and configuration files; return the requirement files that these name."""
        own = {name: value for name, value in self.environment.items() if name.startswith("PIP_")}
        for name in sorted(own):
            self.add("variable", name, own[name])
        found = [(name.removeprefix("PIP_").lower().replace("_", "-"), own[name]) for name in sorted(own)]
        places = [*CONFIGURATIONS, own.get("PIP_CONFIG_FILE", "")]
        places += [
            f"{self.environment[name]}/pip/pip.conf" for name in ("XDG_CONFIG_HOME",) if name in self.environment
        ]
        for place in (os.path.expanduser(name) for name in places if name):  # noqa: PTH111 - Path raises without a home
            if os.path.isfile(place) and os.access(place, os.R_OK):  # noqa: PTH113 - a variable may hold anything
                text = requirements.decoded(Path(place).read_bytes())
                self.add("configuration", text)
                found += _settings(text)
        words = [word for name, value in found for one in value.split() for word in (f"--{name}", one)]
        return self._words(words)

    def _words(self, words: list[str], beside: Path | None = None, *, command_line: bool = False) -> list[Path]:
        """Add what options name; return the requirement files among it. `beside` is the folder of the words' file."""
        base = beside or self.release
        files = []
        for name in [*requirements.named(words, requirements.REQUIREMENT), *requirements.named(words, CONSTRAINT)]:
            if ADDRESS.match(name) and not name.lower().startswith("file:"):
                self.unknown.append(f"the file {name} of another machine")
            files.append(requirements.beside(base / "here", name))
        self.unknown += [f"the editable {name}" for name in requirements.named(words, EDITABLE)]
        self.unknown += [f"the group {name}" for name in requirements.named(words, GROUP)]
        for name in requirements.named(words, FIND_LINKS):
            self._place(os.path.expanduser(name), base, self.release)  # noqa: PTH111 - Path raises without a home
        for option in INDEX:
            for name in requirements.named(words, option):
                self._place(name, self.release)
        if command_line:
            for word in _positional(words):
                self._requirement(word, known=False)
        return files

    def _place(self, name: str, *bases: Path) -> None:
        """Add a folder or page of packages, unless it is on another machine: that is asked anew by no release."""
        if name.lower().startswith("file:"):
            self._path(_of_address(name))
        elif not SCHEME.match(name):
            for base in dict.fromkeys(bases):
                self._path(base / name)

    # --- Requirements -----------------------------------------------------------------------------

    def _requirement(self, said: str, *, known: bool) -> None:
        """Add what a requirement names besides a package of an index. `known`: its hash is beside it."""
        head = NAMED.match(said)
        target = said[head.end() :] if head else said
        target = re.split(r"\s;|;\s" if SCHEME.match(target) else ";", target, maxsplit=1)[0].strip().strip("\"'")
        if SCHEME.match(target):
            self._address(target, known=known)
        elif head or os.sep in target or target.startswith(".") or EXTRAS.sub("", target).lower().endswith(ARCHIVES):
            self._path(self.release / EXTRAS.sub("", target))

    def _address(self, target: str, *, known: bool) -> None:
        scheme = target.partition(":")[0].lower()
        if scheme == "file":
            self._path(_of_address(EXTRAS.sub("", target), self.release))
            return
        whole, _, fragment = target.partition("#")
        fixed = FULL_COMMIT.search(whole) if scheme.startswith(("git+", "hg+")) else HASHED.search(fragment)
        if not fixed and not known:
            self.unknown.append(f"the address {whole}")

    def _path(self, path: Path) -> None:
        """Add the content of a file or a folder; what is not there is pip's to complain of."""
        try:
            place = Path(os.path.realpath(path))
            if place in self._read:  # an index that a variable names as well as a file, and may be large
                self.add("again", str(self._read.index(place)))
                return
            self._read.append(place)
            if place.is_file():
                if place.name.lower().endswith(projects.SOURCES):
                    self.unknown.append(f"what {place} reaches: it is a source archive")
                self._doubted(place)
                self.add("path", _digest(place))
            elif place.is_dir():
                self._tree(place, path)
        except (OSError, ValueError):  # a name that no file can have, or one that pip cannot read either
            self.unknown.append(f"the path {path}")

    def _doubted(self, file: Path) -> None:
        if why := projects.doubt(file):
            self.unknown.append(f"what {file} reaches: {why}")

    def _tree(self, folder: Path, path: Path) -> None:
        if Path(os.path.realpath(self.release)).is_relative_to(folder):
            self.unknown.append(f"the folder {path}, which is the release itself")
            return
        self.add("tree")
        for place, folders, names in os.walk(folder):
            folders.sort()
            for name in sorted([*names, *folders]):
                entry = Path(place, name)
                if entry.is_symlink():
                    self.unknown.append(f"the link {entry}")
                elif entry.is_file():
                    self._doubted(entry)
                    mode = "x" if entry.stat().st_mode & stat.S_IXUSR else ""
                    self.add(str(entry.relative_to(folder)), mode, _digest(entry))


def _digest(path: Path) -> str:
    about = path.stat()
    return _sum(path, about.st_dev, about.st_ino, about.st_size, about.st_mtime_ns, about.st_ctime_ns)


@functools.lru_cache(maxsize=4096)
def _sum(path: Path, *_identity: int) -> str:
    """Return the sum of a file that is as it was: an index of packages may be named often, and be large."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _of_address(address: str, base: Path = Path("/")) -> Path:
    """Return the place that a file: address means."""
    return base / unquote(urlsplit(address).path)


def _settings(text: str) -> list[tuple[str, str]]:
    """Return the options and values of a configuration file; none of one that pip would not read either."""
    parser = configparser.RawConfigParser(strict=False)
    try:
        parser.read_string(text)
    except configparser.Error:
        return []
    return [
        (name.replace("_", "-"), value)
        for section in parser.sections()
        if section in ("global", "install")
        for name, value in parser.items(section)
    ]


def _positional(words: list[str]) -> list[str]:
    """Return the words of pip's command line that are requirements: neither options nor values of these."""
    found, after = [], False
    valued = {*VALUED, *(name for option in (*READING, GROUP) for name in (option.short, *option.long))}
    for word in words:
        if after:
            after = False
        elif word.startswith("-"):
            after = word in valued
        else:
            found.append(word)
    return found
