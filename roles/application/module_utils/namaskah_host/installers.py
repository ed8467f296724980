"""Which commands of a build may change the virtualenv? What they would put there, no name of it can tell.

A command that nobody can see through counts as one that does: a shared virtualenv may be the live release's.
"""

from __future__ import annotations

import re
import stat
from itertools import pairwise
from pathlib import Path

INSTALLERS = re.compile(
    r"(?<![\w-])(pip[\d.]*|pip-sync|pipenv|uv|uvx|poetry|pdm|hatch|hatchling|flit|rye|pixi|conda|mamba|micromamba|"
    r"easy_install|ensurepip|setup\.py|buildout|maturin|site-packages|sysconfig|VIRTUAL_ENV)(?![\w-])"
)
SHELLS = frozenset({"sh", "bash", "dash", "ash", "zsh", "ksh", "fish"})
# What they do stands in a file in a language of its own.
RUNNERS = frozenset({"make", "gmake", "just", "invoke", "fab", "nox", "tox"})
SCRIPTS = (".sh", ".bash", ".zsh", ".mk")
LONGEST = 2**20  # bytes of a program that are looked at
SEPARATORS = re.compile(r"[\s;&|()<>'\"`]+")


def may_install(words: list[str], release: Path) -> bool:
    """Tell whether a command may change the packages of the virtualenv; `release` is the folder that it runs in."""
    whole = " ".join(map(str, words))
    if INSTALLERS.search(whole) or any("{venv}" in str(word) for word in words[1:]):
        return True
    parts = [part for part in SEPARATORS.split(whole.replace("{release}", str(release))) if part]
    return any(_opaque(part, after, release) for part, after in pairwise([*parts, ""]))


def _opaque(part: str, after: str, release: Path) -> bool:
    """Tell whether one word of a command names something that installs, or that cannot be seen through."""
    name = part.rpartition("/")[2]
    if name in RUNNERS:
        return True
    if name in SHELLS:  # the text that is given to one is among the words
        return not re.match(r"-\w*c", after)
    if part == "-m":
        module = after.replace(".", "/")
        return any(_installs(release / place, release) for place in (f"{module}.py", f"{module}/__main__.py"))
    return _installs(release / part, release)


def _installs(file: Path, release: Path) -> bool:
    """Tell whether a file is a program that installs; one of the release in another language is not read here."""
    try:
        if not file.is_file():
            return False
        with file.open("rb") as stream:
            text = stream.read(LONGEST).decode(errors="replace")
        program = text.startswith("#!") or file.suffix in SCRIPTS or bool(file.stat().st_mode & stat.S_IXUSR)
    except (OSError, ValueError):  # a word that no file can be named
        return False
    if file.suffix != ".py" and file.is_relative_to(release):
        return program
    return (file.suffix == ".py" or text.startswith("#!")) and INSTALLERS.search(text) is not None
