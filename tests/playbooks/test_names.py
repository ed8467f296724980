"""Does the tool stay free of one application's framework, of foreign host names and of one machine's paths?"""

from __future__ import annotations

import re
import subprocess

import pytest

from tests.support.project import ROOT

FRAMEWORKS = re.compile(
    r"\b(django|alembic|uvicorn|gunicorn|daphne|hypercorn|fastapi|starlette|flask|celery|manage\.py)\b", re.IGNORECASE
)
# Where an application may be named: the samples and their tests, the presets, what explains them to people, and
# pinned packages.
FREE_TO_NAME = (
    *("examples/", "tests/examples/", "tests/lab/", "tests/museum/", "tests/support/samples/", "tests/support/lab/"),
    *("roles/application/presets/", "docs/", "README.md", "CHANGELOG.md", "requirements/"),
)
THIS = "tests/playbooks/test_names.py"
ADDRESS = re.compile(r"\b(?:https?|ftp|git)://([A-Za-z0-9.-]+\.[A-Za-z]{2,})\b")
KNOWN_HOSTS = re.compile(
    r"""(.*\.)?(
        example(\.(com|net|org))? | test | invalid | localhost   # RFC 2606
        | keepachangelog\.com | semver\.org | www\.apache\.org | www\.w3\.org
        | docs\.ansible\.com | docs\.python\.org | www\.postgresql\.org | nginx\.org | man7\.org | www\.rfc-editor\.org
        | www\.freedesktop\.org | git-scm\.com | git-lfs\.github\.com | supervisord\.org | docs\.pytest\.org
        | hatch\.pypa\.io
    )""",
    re.VERBOSE,
)
HOME = re.compile(r"(?<![\w.{}-])/(?:home|Users)/([A-Za-z0-9_-]+)")
HOST_USERS = {"deploy", "ops", "app", "ada", "copies", "you"}  # of lab hosts and of examples in the documentation


def tracked() -> dict[str, str]:
    """Every tracked text file by its path; links and binary files have no text of their own."""
    names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    files = {}
    for name in filter(None, names.split("\0")):
        path = ROOT / name
        if path.is_file() and not path.is_symlink():
            data = path.read_bytes()
            if b"\0" not in data:
                files[name] = data.decode("utf-8", "replace")
    return files


@pytest.fixture(scope="module")
def files() -> dict[str, str]:
    found = tracked()
    assert len(found) > 50, "git lists too few files to prove anything"
    return found


def lines_with(files: dict[str, str], pattern: re.Pattern[str]) -> list[tuple[str, re.Match[str]]]:
    return [
        (f"{name}:{number}", match)
        for name, text in files.items()
        for number, line in enumerate(text.splitlines(), start=1)
        for match in pattern.finditer(line)
    ]


def test_no_framework_is_named_outside_presets_and_examples(files: dict[str, str]) -> None:
    ours = {name: text for name, text in files.items() if not name.startswith((*FREE_TO_NAME, THIS))}
    assert [f"{place} {match[0]}" for place, match in lines_with(ours, FRAMEWORKS)] == []


def test_every_foreign_host_name_is_a_documented_one(files: dict[str, str]) -> None:
    unknown = [f"{place} {m[0]}" for place, m in lines_with(files, ADDRESS) if not KNOWN_HOSTS.fullmatch(m[1])]
    assert unknown == []


def test_lock_files_name_no_index(files: dict[str, str]) -> None:
    locks = {name: text for name, text in files.items() if name.startswith("requirements/")}
    assert len(locks) >= 2
    options = re.compile(r"^\s*(?:--(?!hash=)\S+|-[a-zA-Z]\b.*|.*://.*)")
    assert [f"{place} {match[0]}" for place, match in lines_with(locks, options)] == []


def test_no_file_names_a_place_on_one_machine(files: dict[str, str]) -> None:
    homes = [f"{place} {m[0]}" for place, m in lines_with(files, HOME) if m[1] not in HOST_USERS]
    here = [place for place, _ in lines_with(files, re.compile(re.escape(f"{ROOT}/")))]
    assert homes + here == []
