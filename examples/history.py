#!/usr/bin/env python3
"""What would the git history of a sample application look like? Builds it: a bare repository with commits and tags.

    python examples/history.py dashboard /tmp/dashboard.git [--json]

The application's own files are its first version. Each later tag is a file `<application>/history/<tag>.toml`
(parent, date, message, edits) and, where whole files are added, a folder `<application>/history/<tag>/` beside it.
Names, dates and contents are fixed, so every machine builds the same commit ids, with no git identity configured.
"""

import argparse
import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

EXAMPLES = Path(__file__).resolve().parent
AUTHOR = "Namaskah Samples <samples@namaskah.example>"
MAIN = "refs/heads/main"
# Beside the application, not of it: what its tags change, and how it is released.
NOT_RELEASED = {"history", "environment.yml"}
# Left behind by running the application in place; its .gitignore names the same.
IGNORED_NAMES = {"__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache", "db.sqlite3"}

Tree = dict[PurePosixPath, bytes]


class HistoryError(Exception):
    """The description of a history does not fit the application's files."""


@dataclass(frozen=True)
class Step:
    """One commit with its tag, as its description says."""

    tag: str
    parent: str | None
    date: datetime
    message: str
    on_main: bool
    schema: str
    edits: list[dict[str, str]] = field(default_factory=list)


@dataclass(frozen=True)
class Commit:
    """A step and the files it ends with."""

    step: Step
    tree: Tree


def applications() -> list[str]:
    """Return the names of the applications that have a history."""
    return sorted(folder.parent.name for folder in EXAMPLES.glob("*/history") if folder.is_dir())


def read_steps(application: Path) -> list[Step]:
    """Return the steps, parents first; raises HistoryError when a description is wrong."""
    return sorted((read_step(path) for path in (application / "history").glob("*.toml")), key=lambda step: step.date)


def read_step(path: Path) -> Step:
    """Return what one description says."""
    try:
        words = tomllib.loads(path.read_text(encoding="utf-8"))
        return Step(
            tag=path.stem,
            parent=words.get("parent"),
            date=words["date"].astimezone(UTC),
            message=words["message"].strip(),
            on_main=words.get("on_main", False),
            schema=words.get("schema", "compatible"),
            edits=words.get("edit", []),
        )
    except (tomllib.TOMLDecodeError, KeyError) as error:
        raise HistoryError(f"{path}: {error}") from error


def read_tree(folder: Path, skip: frozenset[str] = frozenset()) -> Tree:
    """Return the files below a folder by relative path, without leftovers and without the skipped top folders."""
    tree: Tree = {}
    for path in sorted(folder.rglob("*")):
        relative = path.relative_to(folder)
        if path.is_file() and relative.parts[0] not in skip and not IGNORED_NAMES & set(relative.parts):
            tree[PurePosixPath(relative.as_posix())] = path.read_bytes()
    return tree


def first_tree(application: Path) -> Tree:
    """Return the application's own files, without those beside it and those that its .gitignore names."""
    ignore = application / ".gitignore"
    lines = ignore.read_text(encoding="utf-8").splitlines() if ignore.exists() else []
    collected = {line.strip("/") for line in lines if line.startswith("/")}
    return read_tree(application, skip=frozenset(NOT_RELEASED | collected))


def apply(step: Step, tree: Tree, added: Tree) -> Tree:
    """Return the tree with the step's edits and whole files; raises HistoryError when an edit does not fit."""
    changed = dict(tree)
    for edit in step.edits:
        path = PurePosixPath(edit["file"])
        text = changed.get(path, b"").decode()
        if text.count(edit["find"]) != 1:
            raise HistoryError(
                f"{step.tag}: {edit['find']!r} stands {text.count(edit['find'])} times in {path}, not once: "
                f"mend the [[edit]] in history/{step.tag}.toml"
            )
        changed[path] = text.replace(edit["find"], edit["replace"]).encode()
    return changed | added


def commits(application: Path) -> list[Commit]:
    """Return every commit of the application's history, parents first."""
    trees: dict[str, Tree] = {}
    for step in read_steps(application):
        if step.parent is not None and step.parent not in trees:
            raise HistoryError(f"{step.tag}: its parent '{step.parent}' has no description dated before it")
        base = trees[step.parent] if step.parent else first_tree(application)
        trees[step.tag] = apply(step, base, read_tree(application / "history" / step.tag))
    return [Commit(step, trees[step.tag]) for step in read_steps(application)]


def stream(history: list[Commit]) -> Iterator[bytes]:
    """Yield the history in the format of git-fast-import(1)."""
    marks: dict[str, int] = {}
    for number, commit in enumerate(history, start=1):
        step = commit.step
        marks[step.tag] = number
        stamp = f"{AUTHOR} {int(step.date.timestamp())} +0000"
        message = f"{step.message}\n\nSchema: {step.schema}\n".encode()
        # A commit needs some reference; those beside main are removed again, their tags hold them.
        reference = MAIN if step.on_main else f"refs/scratch/{step.tag}"
        yield f"commit {reference}\nmark :{number}\nauthor {stamp}\ncommitter {stamp}\n".encode()
        yield data(message)
        if step.parent:
            yield f"from :{marks[step.parent]}\n".encode()
        yield b"deleteall\n"
        for path, content in sorted(commit.tree.items()):
            mode = "100755" if content.startswith(b"#!") else "100644"
            yield f"M {mode} inline {path}\n".encode() + data(content)
        yield f"tag {step.tag}\nfrom :{number}\ntagger {stamp}\n".encode() + data(message)


def data(content: bytes) -> bytes:
    """Return a data command."""
    return f"data {len(content)}\n".encode() + content + b"\n"


def git(repository: Path, *arguments: str, given: bytes = b"") -> str:
    """Run git on the repository without any configuration of this machine; raises HistoryError when it fails."""
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "LC_ALL": "C.UTF-8"}
    command = ["git", f"--git-dir={repository}", *arguments]
    ended = subprocess.run(command, input=given, capture_output=True, env=environment, check=False)
    if ended.returncode:
        raise HistoryError(f"git {arguments[0]} in {repository}: {ended.stderr.decode(errors='replace').strip()}")
    return ended.stdout.decode()


def build(name: str, repository: Path) -> dict[str, object]:
    """Build the repository and return its description; raises HistoryError, also when the folder is not empty."""
    if repository.exists() and any(repository.iterdir()):
        raise HistoryError(f"{repository} is not empty: name another folder, or remove it first")
    history = commits(EXAMPLES / name)
    git(repository, "init", "--quiet", "--bare", "--template=", "--initial-branch=main")
    git(repository, "fast-import", "--quiet", given=b"".join(stream(history)))
    scratch = [commit.step.tag for commit in history if not commit.step.on_main]
    git(repository, "update-ref", "--stdin", given="".join(f"delete refs/scratch/{tag}\n" for tag in scratch).encode())
    return describe(name, repository, history)


def describe(name: str, repository: Path, history: list[Commit]) -> dict[str, object]:
    """Return the repository's tags with their commits and what is expected of a release of each."""
    expected = json.loads((EXAMPLES / name / "history" / "expected.json").read_text(encoding="utf-8"))
    tags = {}
    for step in (commit.step for commit in history):
        commit_id = git(repository, "rev-parse", f"refs/tags/{step.tag}^{{commit}}").strip()
        tags[step.tag] = {"commit": commit_id, "parent": step.parent, "schema": step.schema, **expected[step.tag]}
    main = git(repository, "rev-parse", MAIN).strip()
    return {"application": name, "repository": str(repository), "main": main, "tags": tags}


def main() -> int:
    """Read the arguments, build, and say what was built."""
    parser = argparse.ArgumentParser(description="Build the git history of a sample application.")
    parser.add_argument("application", choices=applications())
    parser.add_argument("repository", type=Path, help="folder of the bare repository; must be absent or empty")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    options = parser.parse_args()
    try:
        built = build(options.application, options.repository.resolve())
    except HistoryError as error:
        print(f"history: {error}", file=sys.stderr)
        return 2
    if options.json:
        print(json.dumps(built, indent=2))
    else:
        tags = built["tags"]
        assert isinstance(tags, dict)
        for tag, facts in tags.items():
            print(f"{facts['commit'][:12]}  {tag:<22} {facts['outcome']}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
