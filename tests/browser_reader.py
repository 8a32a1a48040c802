"""Set-Cookie as *some* browser might read it: every plausible reading at once.

It shares no code and no assumption with the gate's reader. Where browsers, proxies or libraries
have been seen to differ (blanks, quotes, sloppy numbers, sloppy dates, first or last of two
attributes, which of Max-Age and Expires wins), it takes all ways. What is unconsented or lives too
long in none of these readings is so in no browser.
"""

from __future__ import annotations

import contextlib
import email.utils
import itertools
import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Reading:
    """One way to understand one line."""

    name: str
    lifetime: float | None
    """Seconds from now; None for a session cookie."""

    @property
    def is_deletion(self) -> bool:
        """Whether the browser would drop the cookie at once."""
        return self.lifetime is not None and self.lifetime <= 0


def readings(line: str, now: float) -> set[Reading]:
    """Return every plausible reading of ``line``."""
    pair, *attributes = line.split(";")
    lifetimes = _lifetimes(attributes, now)
    return {Reading(name, life) for name in _names(pair) for life in lifetimes}


def _names(pair: str) -> set[str]:
    name, equals, _ = pair.partition("=")
    if not equals:
        name = pair  # Firefox once took a line without "=" for a name
    spellings = {name.strip(), name.strip(" \t"), name.strip().strip("\"'")}
    return {spelling for spelling in spellings if spelling} or {""}


def _lifetimes(attributes: list[str], now: float) -> set[float | None]:
    numbers: list[float] = []
    dates: list[float] = []
    for attribute in attributes:
        name, _, value = attribute.partition("=")
        words = name.strip().strip("\"' ").lower()
        if words == "max-age":
            numbers.extend(_numbers(value))
        elif words == "expires":
            dates.extend(date - now for date in _dates(value))
    if not numbers and not dates:
        return {None}
    if not numbers:
        return {None, *dates}
    return set(numbers)


def _numbers(value: str) -> set[float]:
    """Return what strict and sloppy readers take ``value`` for."""
    match = re.match(r"[\s\"'+]*(-?\d+)", value)
    return {float(match[1])} if match else set()


def _dates(value: str) -> set[float]:
    text = value.strip().strip("\"'")
    found: set[float] = set()
    with contextlib.suppress(ValueError, TypeError, OverflowError, IndexError):
        found.add(email.utils.parsedate_to_datetime(text).timestamp())
    years = [int(number) for number in re.findall(r"\d+", text) if len(number) == 4]
    if not found and years:
        found.update((year - 1970) * 31_557_600.0 for year in years)
    return found


def all_readings(lines: list[str], now: float) -> set[Reading]:
    """Return every plausible reading of several lines."""
    return set(itertools.chain.from_iterable(readings(line, now) for line in lines))
