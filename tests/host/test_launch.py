"""Does a service get the environment and the words that were meant, and nothing else?"""

from __future__ import annotations

import os
import random
import socket
from pathlib import Path

import jinja2
import pytest
from ansible.module_utils.namaskah_host import launch

from tests.support.project import ROOT


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("KEY=value", {"KEY": "value"}),
        ("export KEY = spaced ", {"KEY": "spaced"}),
        ("# comment\n\nA=1", {"A": "1"}),
        ("URL=postgres://u:p#w@h/d?x=$HOME", {"URL": "postgres://u:p#w@h/d?x=$HOME"}),
        ("Q='single $quoted \\n'", {"Q": "single $quoted \\n"}),
        ('Q="a \\"b\\" \\n \\\\n"', {"Q": 'a "b" \n \\n'}),
        ("EMPTY=", {"EMPTY": ""}),
        ('ONE="', {"ONE": '"'}),
        ("\ufeffFIRST=1\r\nSECOND=2\r\n", {"FIRST": "1", "SECOND": "2"}),
    ],
)
def test_environment_files_are_read_literally(tmp_path: Path, text: str, expected: dict[str, str]) -> None:
    (tmp_path / "env").write_text(text)
    assert launch.read_environment(str(tmp_path / "env")) == expected


@pytest.mark.parametrize("text", ["no equals", "1KEY=x", "KEY-WITH=x", "=x"])
def test_a_broken_line_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "env").write_text(f"GOOD=1\n{text}\n")
    with pytest.raises(ValueError, match="line 2"):
        launch.read_environment(str(tmp_path / "env"))


@pytest.mark.parametrize(("content", "why"), [(b"sentinel=\xff", "not in UTF-8"), (b"A=sentinel\0x", "NUL")])
def test_what_no_environment_takes_is_named_by_its_line_alone(tmp_path: Path, content: bytes, why: str) -> None:
    (tmp_path / "env").write_bytes(b"GOOD=1\n" + content)
    with pytest.raises(ValueError, match=f"line 2 .*{why}") as caught:
        launch.read_environment(str(tmp_path / "env"))
    assert "sentinel" not in str(caught.value)


def check_files(count: int, folder: Path) -> None:
    """A made-up file is read or refused in words without it; what provisioning writes is read back as it was."""
    chance = random.Random(22)  # noqa: S311 - a repeatable choice, no secret
    written = (ROOT / "roles/provision/templates/environment.j2").read_text()
    template = jinja2.Environment(trim_blocks=True).from_string(written)  # noqa: S701 - it is no web page
    letters = [*"A=\"'\\n# \t\u2028\x85é\r%", "sentinel", "$HOME", "export "]
    path, read, told = folder / "env", 0, [""]
    for _ in range(count):
        given = {f"N{at}": "".join(chance.choices([*letters, "\n"], k=chance.randint(0, 9))) for at in range(3)}
        path.unlink(missing_ok=True)  # to cut a file that was just written waits for the disk
        path.write_text(
            template.render(namaskah_app="a", namaskah_environment="e", provision_variables=given), newline=""
        )
        assert launch.read_environment(str(path)) == given
        wild = "".join(chance.choices([*letters, "\n", "\0", "A="], k=chance.randint(0, 20))).encode()
        path.unlink()
        path.write_bytes(wild + chance.choice([b"", b"", b"", b"\xff\xfe"]))
        try:
            found = launch.read_environment(str(path))
        except ValueError as error:
            told.append(str(error))
            continue
        read += 1
        assert not any("\0" in text or "=" in name for name, value in found.items() for text in (name, value))
    assert not any("sentinel" in text for text in told)
    assert read > count / 20


def test_made_up_environment_files(tmp_path: Path) -> None:
    check_files(300, tmp_path)


@pytest.mark.soak
def test_many_made_up_environment_files(tmp_path: Path) -> None:
    check_files(10_000, tmp_path)


def test_only_known_places_are_filled() -> None:
    assert launch.fill(["{venv}/bin/x", "--json={}", "{unknown}"], {"venv": "/v"}) == [
        "/v/bin/x",
        "--json={}",
        "{unknown}",
    ]


def test_a_stale_socket_goes_and_a_living_one_stays(tmp_path: Path) -> None:
    path = str(tmp_path / "web.sock")
    launch.clear_stale_socket(path)  # nothing there is no error
    server = socket.socket(socket.AF_UNIX)
    server.bind(path)
    server.listen()
    with pytest.raises(SystemExit, match=rf"another process answers on .*\(pid {os.getpid()}, user \w+\)"):
        launch.clear_stale_socket(path)
    server.close()
    launch.clear_stale_socket(path)
    assert not Path(path).exists()
