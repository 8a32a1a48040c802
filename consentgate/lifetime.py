"""Lifetimes of cookies in words, for whoever reads a report."""

from __future__ import annotations

from typing import Final

from consentgate.duration import DAY, HOUR, MINUTE
from consentgate.set_cookie import FOREVER

UNITS: Final = (("day", DAY), ("hour", HOUR), ("minute", MINUTE), ("second", 1))
"""Each unit with its seconds, the largest first; months have no fixed length."""

_TOO_LONG: Final = "longer than any limit"


def count(number: int, thing: str) -> str:
    """Return ``2 days`` for 2 and ``day``."""
    return f"{number} {thing}{'' if number == 1 else 's'}"


def in_words(seconds: int) -> str:
    """Return a lifetime in its two largest units, and in seconds: ``1 day 2 hours (93600 s)``."""
    if seconds >= FOREVER:
        return _TOO_LONG
    if seconds < MINUTE:
        return f"{seconds} s"
    words: list[str] = []
    rest = seconds
    for unit, length in UNITS:
        number, rest = divmod(rest, length)
        if number:
            words.append(count(number, unit))
    return f"{' '.join(words[:2])} ({seconds} s)"
