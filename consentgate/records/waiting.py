"""How long a visitor waits for a database."""

from __future__ import annotations

import time
from concurrent.futures import Future, wait
from threading import TIMEOUT_MAX, BoundedSemaphore, Thread
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

MOST_AT_ONCE: Final = 10
"""Calls that wait for one database at the same time, and so connections to it."""


class Waiting:
    """The calls that wait for one database, each until its deadline in `time.monotonic`."""

    def __init__(self) -> None:
        self._free = BoundedSemaphore(MOST_AT_ONCE)

    def result(self, deadline: float, work: Callable[[], T]) -> T:
        """Return what ``work`` returns, or raise `TimeoutError` when the deadline has passed.

        A database that hangs heeds no time limit of its own, so another thread waits for it.
        """
        if not self._free.acquire(timeout=min(seconds_left(deadline), TIMEOUT_MAX)):
            raise TimeoutError("too many are waiting for the records database")
        outcome: Future[T] = Future()
        try:
            Thread(target=self._work, args=(work, outcome), daemon=True).start()
        except RuntimeError:  # there are no more threads
            self._free.release()
            raise
        wait([outcome], min(seconds_left(deadline), TIMEOUT_MAX))
        if not outcome.done():
            raise TimeoutError("the records database was too slow")
        return outcome.result()

    def _work(self, work: Callable[[], T], outcome: Future[T]) -> None:
        try:
            result = work()
        except BaseException as error:  # raised where the outcome is awaited
            self._free.release()
            outcome.set_exception(error)
        else:
            self._free.release()
            outcome.set_result(result)


def seconds_left(deadline: float) -> float:
    """Return the seconds until ``deadline``; raise `TimeoutError` where there are none."""
    seconds = deadline - time.monotonic()
    if seconds <= 0:
        raise TimeoutError("the records database was too slow")
    return seconds
