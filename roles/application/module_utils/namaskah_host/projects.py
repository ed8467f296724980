"""What does the build of a local package read besides its own folder? Of one that nobody can see through, anything.

A build that only declares is known by its text; one that runs code of its own is not, nor is an address that moves.
Source: PEP 517, 518 and 621, and the references of setuptools, hatchling, flit and poetry-core.
"""

from __future__ import annotations

import re
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

BACKENDS = frozenset({
    "setuptools.build_meta", "hatchling.build", "flit_core.buildapi", "poetry.core.masonry.api",
})  # fmt: skip
BUILDERS = frozenset({"setuptools", "wheel", "hatchling", "flit-core", "poetry-core"})  # others are plugins, or compile
# Keys with which these run code, import the package, or take something from elsewhere.
TELLING = frozenset({
    "hooks", "cmdclass", "ext-modules", "attr", "force-include", "script", "source", "git", "url",
})  # fmt: skip
# Of these the version is a word of the text; others import the package where it is not.
READ_AS_TEXT = ("setuptools.build_meta", "hatchling.build")
REACHING = re.compile(r"\.\.|file:/|root:uri|\{env:|[\"']/(?!\*)[\w.]+/|[\"']~")
CONFIGURED = re.compile(r"attr:|file:|cmdclass|ext_modules|dependency_links|setup_requires|find_links")
NAME = re.compile(r"[A-Za-z0-9][\w.-]*")
ADDRESS = re.compile(r"^\s*[\w.-]+\s*(\[[^\]]*\])?\s*@|\s@\s|@\s*[a-z+]+:/", re.IGNORECASE | re.MULTILINE)
SOURCES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz", ".tar.xz", ".txz", ".tar.lz", ".tlz", ".tar.lzma")
LONGEST = 2**20  # bytes of a text that is looked at


def doubt(file: Path) -> str:
    """Return why one file of a package lets the package depend on more than what lies beside it, or ""."""
    try:
        if file.name == "setup.py" or file.name.startswith("hatch_build."):
            return "its build runs code of its own"
        if file.name == "pyproject.toml":
            return _declared(file.read_text(encoding="utf-8"))
        if file.name == "setup.cfg":
            text = file.read_text(encoding="utf-8")
            found = REACHING.search(text) or CONFIGURED.search(text) or ADDRESS.search(text)
            return f"it says {found[0].strip()!r}" if found else ""
        if file.suffix == ".whl":
            return _wheel(file)
    except Exception as error:  # noqa: BLE001 - strangers wrote it: what cannot be read is doubted, whatever is odd
        return f"it cannot be read: {type(error).__name__}: {error}"
    return ""


def _declared(text: str) -> str:
    """Return what a pyproject.toml says that makes its build more than a declaration, or ""."""
    whole = tomllib.loads(text)
    system, project = _table(whole, "build-system"), _table(whole, "project")
    backend = system.get("build-backend", "setuptools.build_meta")
    if backend not in BACKENDS or "backend-path" in system:
        return f"the backend {backend} may run code of its own"
    for wanted in system.get("requires", ()):
        name = NAME.match(str(wanted))
        if "@" in str(wanted) or not name or re.sub(r"[-_.]+", "-", name[0]).lower() not in BUILDERS:
            return f"its build needs {wanted}"
    if found := REACHING.search(text):
        return f"it says {found[0]!r}"
    dynamic = set(project.get("dynamic", ()))
    if dynamic & {"dependencies", "optional-dependencies"} or (dynamic and backend not in READ_AS_TEXT):
        return f"{', '.join(sorted(dynamic))} come from elsewhere"
    for wanted in _lists(project.get("dependencies"), *_table(project, "optional-dependencies").values()):
        if ADDRESS.search(wanted):
            return f"it depends on {wanted}"
    tools = _table(whole, "tool")
    said = {key for name in ("setuptools", "hatch", "flit", "poetry", "distutils") for key in _keys(tools.get(name))}
    of_poetry = {"path", "build"} & set(_keys(tools.get("poetry")))
    found_keys = sorted(said & TELLING | of_poetry)
    return f"it says {found_keys[0]}" if found_keys else ""


def _wheel(file: Path) -> str:
    """Return what a wheel depends on by an address, or ""."""
    with zipfile.ZipFile(file) as archive:
        for entry in archive.infolist():
            if entry.filename.endswith(".dist-info/METADATA"):
                with archive.open(entry) as stream:
                    text = stream.read(LONGEST).decode(errors="replace")
                for line in re.split(r"\r?\n\r?\n", text, maxsplit=1)[0].splitlines():
                    name, _, wanted = line.partition(":")
                    if name.strip().lower() == "requires-dist" and ADDRESS.search(wanted):
                        return f"it depends on {wanted.strip()}"
    return ""


def _table(of: dict[str, Any], name: str) -> dict[str, Any]:
    found = of.get(name)
    return found if isinstance(found, dict) else {}


def _lists(*values: Any) -> Iterator[str]:
    for value in values:
        yield from map(str, value if isinstance(value, list) else ())


def _keys(value: Any) -> Iterator[str]:
    """Yield every key below a value."""
    if isinstance(value, dict):
        yield from value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _keys(inner)
