"""Does a service get the environment and the words that were meant, and nothing else?"""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest
from ansible.module_utils.namaskah_host import launch


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
