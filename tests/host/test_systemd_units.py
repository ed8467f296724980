"""Is each unit told apart in one answer of systemd? The answer is one that a Debian 12 host gave."""

from __future__ import annotations

import pytest
from ansible.module_utils.namaskah_host.failure import Failure
from ansible.module_utils.namaskah_host.managers import Unit, shown

# Asked for b-web@blue, which is a link to a-web@.service, for nope-x@y, which does not exist, and for a-web@blue.
ANSWER = """MainPID=66
NRestarts=0
ActiveState=active

MainPID=0
NRestarts=0
ActiveState=inactive

MainPID=66
NRestarts=0
ActiveState=active
"""


def test_units_come_in_the_order_in_which_they_were_asked_for() -> None:
    assert shown(ANSWER, 3) == [
        Unit(active=True, pid=66, restarts=0),
        Unit(active=False, pid=None, restarts=0),
        Unit(active=True, pid=66, restarts=0),
    ]


@pytest.mark.parametrize(
    "answer", ["", "hello\n", "ActiveState=active\nMainPID=many\n", ANSWER + "\nActiveState=active\n"]
)
def test_another_answer_is_told_in_words(answer: str) -> None:
    with pytest.raises(Failure, match="was to print the state of 3 units") as caught:
        shown(answer, 3)
    assert "systemctl" in caught.value.where
