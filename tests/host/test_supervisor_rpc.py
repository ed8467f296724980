"""What does an operator read when a supervisord cannot be asked? Never a password."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible.module_utils.namaskah_host import supervisor_rpc as rpc

SENTINEL = "sentinel-0000"


@pytest.mark.parametrize(
    ("config", "told"),
    [
        (None, "FileNotFoundError"),
        ("[supervisord]\n", "KeyError"),
        (f"{SENTINEL}\n", "MissingSectionHeaderError"),
        (f"[supervisorctl]\n{SENTINEL}\n", "ParsingError"),
        (f"[supervisorctl]\npassword={SENTINEL}%(nobody)s\n", "KeyError"),
        (f"[supervisorctl]\nserverurl=unix://%(here)s/s\nusername=a\npassword={SENTINEL}\n", "FileNotFoundError"),
        (f"[supervisorctl]\nserverurl=http://127.0.0.1:1\nusername=a\npassword={SENTINEL}\n", "127.0.0.1:1"),
    ],
)
def test_who_cannot_be_asked_is_named(tmp_path: Path, config: str | None, told: str) -> None:
    file = tmp_path / "supervisord.conf"
    if config is not None:
        file.write_text(config)
    with pytest.raises(rpc.UnansweredError, match=told) as caught:
        rpc.call(str(file), "getState", (), 2)
    assert SENTINEL not in str(caught.value)
