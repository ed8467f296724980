"""Is each unit told apart in one answer of systemd? The answer is one that a Debian 12 host gave."""

from __future__ import annotations

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
    assert shown(ANSWER) == [
        Unit(active=True, pid=66, restarts=0),
        Unit(active=False, pid=None, restarts=0),
        Unit(active=True, pid=66, restarts=0),
    ]
