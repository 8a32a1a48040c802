# ruff: noqa: INP001 - a module of scripts
"""Time several things in turn, and say how they compare."""

from __future__ import annotations

import gc
import statistics
import time
from collections import deque
from dataclasses import dataclass
from itertools import islice
from math import isnan
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

BATCH: Final = 100
"""Requests that are timed together; one alone is too short for the clock."""
ROUNDS: Final = 200
VARIANTS: Final = ("", "on_verdict")


@dataclass(frozen=True)
class Subject:
    """Something to be timed: it answers a list of requests and uses it up."""

    answer: Callable[[list[Any]], None]
    requests: Iterator[Any]
    batch: int = BATCH
    clock: Callable[[], float] = time.thread_time
    """`time.process_time` where it has threads of its own."""

    def seconds(self) -> float:
        """Return the processor time it takes for one batch."""
        batch = list(islice(self.requests, self.batch))
        gc.collect(0)
        start = self.clock()
        self.answer(batch)
        return self.clock() - start


def turns(subjects: Sequence[Subject], rounds: int = ROUNDS) -> Iterator[list[float]]:
    """Time ``subjects`` in turn, each first as often, and yield the seconds of each in a round."""
    order = deque(enumerate(subjects))
    for _ in range(rounds):
        order.rotate()
        seconds = {number: subject.seconds() for number, subject in order}
        yield [seconds[number] for number in range(len(subjects))]


def expect(expected: object, actual: object, what: str) -> None:
    """Raise `RuntimeError` where a subject does not do ``what`` is to be timed."""
    if expected != actual:
        raise RuntimeError(f"{what}: expected {expected!r}, not {actual!r}")


@dataclass(frozen=True)
class Row:
    """One line of the table: ``subjects`` in proportion to ``floor``."""

    name: str
    budget: float | None
    floor: Subject
    subjects: Sequence[Subject]
    variants: Sequence[str] = VARIANTS
    rounds: int = ROUNDS

    def measure(self) -> list[Result]:
        """Time floor and subjects in turn, each first as often, and return one result a subject."""
        rounds = list(turns([self.floor, *self.subjects], self.rounds))
        ratios = zip(*([each / floor for each in own] for floor, *own in rounds), strict=True)
        return [
            Result(self.name, variant, self.budget, statistics.quantiles(own, n=4))
            for variant, own in zip(self.variants, ratios, strict=False)
        ]


@dataclass(frozen=True)
class Result:
    """What was measured for one subject of a row."""

    row: str
    variant: str
    budget: float | None
    quartiles: Sequence[float]
    unit: str = ""
    """What the quartiles count; a ratio where there is none."""
    least: bool = False
    """Whether the budget is what the median is to reach, not what it is to stay within."""

    @property
    def standing(self) -> str:
        """Whether the median, as it is shown, keeps to the budget."""
        if self.budget is None:
            return ""
        median = float(shown(self.quartiles[1]))
        if self.least:
            return "ok" if median >= self.budget else "under"
        return "ok" if median <= self.budget else "over"


def shown(number: float) -> str:
    """Return ``number`` as tables show it: three digits, which is more than the noise leaves."""
    if isnan(number):
        return "-"
    exponent = int(f"{number:.2e}".rpartition("e")[2])
    return f"{number:.{min(max(2 - exponent, 0), 3)}f}"
