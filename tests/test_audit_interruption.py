"""Who ends an audit before its time gets a word, and nothing is left behind."""

from __future__ import annotations

import os
import signal
import threading
from contextlib import suppress

import click
import pytest

from consentgate.audit.interruption import interruptible


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_what_fails_for_a_signal_is_no_other_failure(number: signal.Signals) -> None:
    """The browser gets it as well, so that a call to it may be what ends first."""
    before = signal.getsignal(number)

    def fail() -> None:
        with suppress(KeyboardInterrupt):
            os.kill(os.getpid(), number)
        raise ValueError("the browser is gone")

    with pytest.raises(click.Abort), interruptible():
        fail()
    assert before == signal.getsignal(number)


def test_a_failure_of_its_own_stays_one() -> None:
    """Nothing was interrupted."""
    with pytest.raises(ValueError, match="another"), interruptible():
        raise ValueError("another")


def test_another_thread_hears_of_no_signals() -> None:
    """Only the main one can; the rest works as ever."""
    done: list[str] = []

    def work() -> None:
        with interruptible():
            done.append("it works")

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert ["it works"] == done
