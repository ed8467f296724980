"""Is the operator who the system says, whatever the environment says?"""

from __future__ import annotations

import os
import pwd

import pytest

from namaskah_deploy import surroundings


def test_another_logname_makes_no_other_operator(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hold is released by whoever took it, and journals keep who that was: `LOGNAME=ada` must not be ada."""
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(name, "ada")
    assert surroundings.look().by.startswith(f"{pwd.getpwuid(os.getuid()).pw_name}@")


def test_a_user_without_a_name_is_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(user: int) -> pwd.struct_passwd:
        raise KeyError(user)

    monkeypatch.setattr(pwd, "getpwuid", unknown)
    assert surroundings.look().by.startswith(f"uid{os.getuid()}@")
