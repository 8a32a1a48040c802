"""Durations as people write them, in seconds, never longer than the calendar span."""

from __future__ import annotations

import re
from typing import Final

from consentgate.exceptions import PolicyError

MINUTE: Final = 60
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR

CLOCK_TOLERANCE: Final = 5 * MINUTE
"""Seconds by which another server's clock may be ahead (R20)."""

_SECONDS: Final = {
    "second": 1,
    "minute": MINUTE,
    "hour": HOUR,
    "day": DAY,
    "week": 7 * DAY,
}
_MONTHS: Final = {"month": 1, "year": 12}
_DAYS_OF_MONTH: Final = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_DAYS_OF_YEAR: Final = sum(_DAYS_OF_MONTH)
_LONGEST: Final = 100 * _DAYS_OF_YEAR * DAY
_PART = re.compile(r"([0-9]{1,9}) ?(second|minute|hour|day|week|month|year)s?")
_JOIN = re.compile(r" and |, ?| ")


def months(count: int) -> int:
    """Return the seconds of the shortest calendar span of ``count`` months.

    CNIL speaks of months ("13 months", deliberation 2020-092), a browser of seconds. Thirteen
    months last 393 to 397 days; only the least is never too long: 6 months are 181 days, 13
    months 393.
    """
    years, rest = divmod(count, 12)
    two_years = _DAYS_OF_MONTH * 2
    shortest = min(sum(two_years[first : first + rest]) for first in range(12))
    return (years * _DAYS_OF_YEAR + shortest) * DAY


def parse_duration(value: object) -> int:
    """Return the seconds that ``value`` means.

    ``value`` is a whole number of seconds, or words: ``"13 months"``, ``"14 days 12 hours"``,
    ``"1 year and 6 months"``. Raises `PolicyError` for anything else, for nothing at all, and for
    more than 100 years.
    """
    seconds = _parse_words(value) if isinstance(value, str) else value
    if not isinstance(seconds, int) or isinstance(seconds, bool) or seconds <= 0:
        raise PolicyError(
            f"{value!r} is not a duration; write it like '13 months', '14 days' or '30 minutes', "
            "or as a positive number of seconds"
        )
    if seconds > _LONGEST:
        raise PolicyError("is longer than 100 years; the longest that browsers keep is '400 days'")
    return seconds


def _parse_words(text: str) -> int | None:
    seconds = months_in_all = position = 0
    while match := _PART.match(text, position):
        count, unit = int(match[1]), match[2]
        seconds += count * _SECONDS.get(unit, 0)
        months_in_all += count * _MONTHS.get(unit, 0)
        if match.end() == len(text):
            return seconds + months(months_in_all)
        join = _JOIN.match(text, match.end())
        if join is None:
            return None
        position = join.end()
    return None
