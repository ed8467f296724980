"""Real signals to this process."""

from __future__ import annotations

import os
import signal

import pytest

from namaskah_deploy.interrupts import Interrupts, Stop


@pytest.mark.parametrize(
    ("numbers", "stop", "said"),
    [
        ((), Stop.NO, []),
        ((signal.SIGINT,), Stop.WHEN_SAFE, [Stop.WHEN_SAFE]),
        ((signal.SIGINT, signal.SIGINT), Stop.NOW, [Stop.WHEN_SAFE, Stop.NOW]),
        ((signal.SIGINT,) * 4, Stop.NOW, [Stop.WHEN_SAFE, Stop.NOW]),
        ((signal.SIGTERM,), Stop.NOW, [Stop.NOW]),
        ((signal.SIGHUP,), Stop.NOW, [Stop.NOW]),
        ((signal.SIGINT, signal.SIGTERM), Stop.NOW, [Stop.WHEN_SAFE, Stop.NOW]),
    ],
)
def test_what_signals_ask_for(numbers: tuple[signal.Signals, ...], stop: Stop, said: list[Stop]) -> None:
    heard: list[Stop] = []
    with Interrupts(heard.append) as interrupts:
        for number in numbers:
            os.kill(os.getpid(), number)
    assert (interrupts.stop, heard) == (stop, said)


def test_the_signals_are_given_back() -> None:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    with Interrupts(lambda _: None):
        assert signal.getsignal(signal.SIGINT) is not before[signal.SIGINT]
    assert {number: signal.getsignal(number) for number in before} == before
