"""How long a visitor waits for a database."""

from __future__ import annotations

import time
from concurrent.futures import Future, wait
from functools import partial
from queue import SimpleQueue
from threading import TIMEOUT_MAX, BoundedSemaphore, Semaphore, Thread
from typing import TYPE_CHECKING, Final, TypeVar

from consentgate.forks import in_children

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

MOST_AT_ONCE: Final = 10
"""Calls that wait for one database at the same time, and so connections to it."""


class _Threads:
    """Threads that stay for the next call, as many as were ever needed at the same time.

    They do not hold up the end of the process, as those of an executor would whose database hangs.
    """

    def __init__(self) -> None:
        self._start_anew()
        in_children(self._start_anew)  # which have none of them

    def _start_anew(self) -> None:
        self._jobs: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._idle = Semaphore(0)

    def do(self, job: Callable[[], None]) -> None:
        """Let a thread do ``job``; raise `RuntimeError` where there are no more threads."""
        if not self._idle.acquire(blocking=False):
            target, arguments = self._serve, (self._jobs, self._idle)
            Thread(target=target, args=arguments, name="consentgate-records", daemon=True).start()
        self._jobs.put(job)

    @staticmethod
    def _serve(jobs: SimpleQueue[Callable[[], None]], idle: Semaphore) -> None:
        while True:
            jobs.get()()
            idle.release()


_THREADS: Final = _Threads()


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
            _THREADS.do(partial(self._work, work, outcome))
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
