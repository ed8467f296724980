"""Real signals to this process."""

from __future__ import annotations

import os
import signal

import pytest

from namaskah_deploy.interrupts import Interrupts, Stop


@pytest.mark.parametrize(
    ("numbers", "said"),
    [
        ((), []),
        ((signal.SIGINT,), [Stop.WHEN_SAFE]),
        ((signal.SIGINT, signal.SIGINT), [Stop.WHEN_SAFE, Stop.NOW]),
        ((signal.SIGINT,) * 4, [Stop.WHEN_SAFE, Stop.NOW]),
        ((signal.SIGTERM,), [Stop.NOW]),
        ((signal.SIGHUP,), [Stop.NOW]),
        ((signal.SIGINT, signal.SIGTERM), [Stop.WHEN_SAFE, Stop.NOW]),
    ],
)
def test_what_signals_ask_for_is_answered_once(numbers: tuple[signal.Signals, ...], said: list[Stop]) -> None:
    heard: list[Stop] = []
    with Interrupts() as interrupts:
        interrupts.begin(heard.append)
        for number in numbers:
            os.kill(os.getpid(), number)
            interrupts.wish()
        assert interrupts.wish() is (said[-1] if said else Stop.NO)
    assert heard == said


def test_a_handler_says_nothing_itself() -> None:
    heard: list[Stop] = []
    with Interrupts() as interrupts:
        interrupts.begin(heard.append)
        os.kill(os.getpid(), signal.SIGTERM)
        assert heard == []
        interrupts.wish()
    assert heard == [Stop.NOW]


def test_the_signals_are_given_back() -> None:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    with Interrupts():
        assert signal.getsignal(signal.SIGINT) is not before[signal.SIGINT]
    assert {number: signal.getsignal(number) for number in before} == before


def test_a_further_run_begins_to_count_anew() -> None:
    with Interrupts() as interrupts:
        os.kill(os.getpid(), signal.SIGTERM)
        assert interrupts.wish() is Stop.NOW
        interrupts.begin(lambda _: None)
        assert interrupts.wish() is Stop.NO
        os.kill(os.getpid(), signal.SIGINT)
        assert interrupts.wish() is Stop.WHEN_SAFE
