"""Which files does a requirements file name? As pip finds them: each of them changes which packages are installed."""

from __future__ import annotations

import codecs
import importlib
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.namaskah_host import virtualenv
from ansible.module_utils.namaskah_host.contract import Contract
from ansible.module_utils.namaskah_host.requirements import decoded, included, joined, with_includes

from tests.support.contracts import HERE, contract

FORMS = [
    "-r base.txt", "-rbase.txt", "-r\tbase.txt", "-r   base.txt", "--requirement base.txt", "--requirement=base.txt",
    "-c base.txt", "-cbase.txt", "--constraint=base.txt", "--constraint base.txt", "--constr base.txt", '-r "base.txt"',
    "-r 'base.txt'", "-r \\\n base.txt", "--requirement \\\nbase.txt", "-r ./base.txt", "-r base.txt # and why",
    "  -r base.txt", "x==1\n-r base.txt", "x==1\r\n-r base.txt\r\n", "-r ${FOLDER}base.txt",
    "--require-hashes -r base.txt",
    "-r sub/../base.txt", "-i https://x/ -r base.txt", "x \\\n# -r no.txt\n-r base.txt",
]  # fmt: skip


def names(folder: Path, data: bytes) -> list[str]:
    file = folder / "requirements.txt"
    file.write_bytes(data)
    return [str(found.relative_to(folder)) for found in with_includes([file])]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FOLDER", "./")
    (tmp_path / "sub").mkdir()
    (tmp_path / "base.txt").write_text("y==1\n")
    return tmp_path


@pytest.mark.parametrize("text", FORMS)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le+bom", "utf-16-be+bom", "utf-32"])
def test_an_included_file_is_found_in_each_form(folder: Path, text: str, encoding: str) -> None:
    name, _, mark = encoding.partition("+")
    marks = {"utf-16-le": codecs.BOM_UTF16_LE, "utf-16-be": codecs.BOM_UTF16_BE}
    data = (marks[name] if mark else b"") + text.encode(name)
    found = [Path(one).name for one in names(folder, data)]
    assert found == ["requirements.txt", "base.txt"]


@pytest.mark.parametrize("data", [
    b"# -*- coding: latin-1 -*-\n# caf\xe9\n-r base.txt\n", b"# vim: coding=cp1252\n-rbase.txt # \x80\n",
    b"# caf\xe9\n-rbase.txt\n",
    b"# coding: klingon\n-rbase.txt\n", b"# coding: rot13\n-rbase.txt\n", b"\xff\n-rbase.txt\n",
])  # fmt: skip
def test_other_encodings_are_read_as_pip_reads_them(folder: Path, data: bytes) -> None:
    assert names(folder, data) == ["requirements.txt", "base.txt"]


@pytest.mark.parametrize("text", [
    "# -r base.txt", "x==1 # -r base.txt", "-r https://x/base.txt", "-r base.txt.not", "-r", "-r ''", "--requirement=",
    "-r \0base.txt",
    "--extra-index-url=base.txt", "-r " + "x" * 5000, "-r sub", "'-r base.txt", "x \\\n# base.txt",
])  # fmt: skip
def test_what_is_no_file_of_it_is_passed_over(folder: Path, text: str) -> None:
    assert names(folder, text.encode()) == ["requirements.txt"]


def test_files_that_include_each_other_under_ever_new_names_come_to_an_end(folder: Path) -> None:
    (folder / "base.txt").write_text("-r sub/../base.txt\n-r requirements.txt\n-r link.txt\n-r loop.txt\n")
    (folder / "link.txt").symlink_to("base.txt")
    (folder / "loop.txt").symlink_to("loop.txt")
    assert names(folder, b"-r sub/../sub/../base.txt") == ["requirements.txt", "sub/../sub/../base.txt"]


def test_an_address_of_a_file_is_a_file(folder: Path) -> None:
    assert len(names(folder, f"-r {(folder / 'base.txt').as_uri()}".encode())) == 2


def test_a_pin_in_an_included_file_makes_another_virtualenv(folder: Path) -> None:
    made = Contract(contract(HERE, root=str(folder)))
    file = folder / "requirements.txt"
    file.write_bytes(codecs.BOM_UTF8 + b"-rbase.txt\n")
    before = virtualenv.place_of(made, [file], folder, {})
    (folder / "base.txt").write_text("y==2\n")
    assert virtualenv.place_of(made, [file], folder, {}) != before


def by_pip(text: str) -> Iterator[list[str]]:
    """What pip itself reads: for each line the names that its options include."""
    pip = importlib.import_module("pip._internal.req.req_file")
    parse = pip.get_line_parser(None)
    for _, line in pip.preprocess(text):
        try:
            _, options = parse(line)
        except (pip.OptionParsingError, ValueError):
            continue
        yield [*(options.requirements or ()), *(options.constraints or ())]


PARTS = [
    "-r", "-c", "--requirement", "--constraint", "--req", "=", " ", " ", "\t", "\\\n", "\\", "\n", "\n", "#", " #", "'",
    '"',
    "base.txt", "a b", "x==1", "-e .", "${FOLDER}", "${", "-", "--", "\u2028", "\x0c", "é", "\0", "../", "file:",
    "\r\n",
]  # fmt: skip


def check_made_up(count: int) -> None:
    """Whatever pip includes is found, in text that nobody would write; what pip refuses to read does no harm."""
    chance = random.Random(20)  # noqa: S311 - a repeatable choice, no secret
    included_by_pip = 0
    for _ in range(count):
        text = "".join(chance.choices(PARTS, k=chance.randint(1, 14)))
        assert list(joined(text)) == [line for _, line in _pip_lines(text)], ascii(text)
        ours = list(included(text))
        wanted = [name for line in by_pip(text) for name in line if name]
        included_by_pip += len(wanted)
        assert set(wanted) <= set(ours), ascii(text)
    assert included_by_pip > count / 20, "the text was too wild to prove anything"


def _pip_lines(text: str) -> Any:
    pip = importlib.import_module("pip._internal.req.req_file")
    return pip.ignore_comments(pip.join_lines(enumerate(text.splitlines(), start=1)))


def check_bytes(count: int, folder: Path) -> None:
    """Whatever bytes a file holds, its includes are read to an end without an error."""
    chance = random.Random(21)  # noqa: S311 - a repeatable choice, no secret
    marks = [
        b"",
        codecs.BOM_UTF8,
        codecs.BOM_UTF16_LE,
        codecs.BOM_UTF32_BE,
        b"# coding: utf-16\n",
        b"# coding=unicode_escape\n",
    ]
    for _ in range(count):
        text = "".join(chance.choices(PARTS, k=chance.randint(0, 9))).encode(
            chance.choice(["utf-8", "utf-16", "utf-32"])
        )
        data = chance.choice(marks) + text + chance.randbytes(chance.randint(0, 9))
        assert isinstance(decoded(data), str)
        assert names(folder, data)[:1] == ["requirements.txt"]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the odd codings that a file may name
def test_made_up_text_is_read_as_pip_reads_it(folder: Path) -> None:
    check_made_up(300)
    check_bytes(300, folder)


@pytest.mark.soak
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_much_made_up_text_is_read_as_pip_reads_it(folder: Path) -> None:
    check_made_up(10_000)
    check_bytes(10_000, folder)
