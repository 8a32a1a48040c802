"""Durations in words are seconds, and months the shortest that calendars have (R15)."""

from __future__ import annotations

import calendar
from datetime import date, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from consentgate import PolicyError
from consentgate.duration import DAY, HOUR, MINUTE, months, parse_duration

HUNDRED_YEARS = 100 * 365 * DAY


def months_after(day: date, count: int) -> date:
    """Return the day ``count`` months after ``day``, at the latest the last of its month."""
    year, month = divmod(day.year * 12 + day.month - 1 + count, 12)
    last = calendar.monthrange(year, month + 1)[1]
    return date(year, month + 1, min(day.day, last))


class TestMonths:
    """`months`."""

    @pytest.mark.parametrize(
        ("count", "days"),
        [
            (0, 0),
            (1, 28),
            (2, 59),
            (3, 89),
            (6, 181),
            (11, 334),
            (12, 365),
            (13, 393),
            (18, 546),
            (24, 730),
            (120, 3650),
        ],
    )
    def test_R15_known_spans(self, count: int, days: int) -> None:
        """6 months are 181 days and 13 months 393, as R15 says."""
        assert months(count) == days * DAY

    @given(st.dates(date(1890, 1, 1), date(2210, 12, 31)), st.integers(0, 1200))
    @example(date(2027, 8, 31), 6)
    @example(date(2026, 12, 31), 2)
    @example(date(2024, 2, 29), 12)
    @example(date(1896, 2, 29), 96)  # the year 1900 has no 29 February
    def test_R15_never_longer_than_the_calendar(self, first: date, count: int) -> None:
        """From whatever day one counts, the calendar says as much or more."""
        assert timedelta(seconds=months(count)) <= months_after(first, count) - first

    @pytest.mark.parametrize("count", range(25))
    def test_R15_not_shorter_than_need_be(self, count: int) -> None:
        """Some day of a common year reaches the span exactly."""
        days = [date(2025, 1, 1) + timedelta(days=number) for number in range(365)]

        assert months(count) == min((months_after(day, count) - day).days for day in days) * DAY

    @given(st.integers(0, 1000), st.integers(1, 50))
    def test_R15_more_months_are_longer(self, count: int, more: int) -> None:
        """A longer word is never a shorter time."""
        assert months(count) < months(count + more)


class TestParseDuration:
    """`parse_duration`."""

    @pytest.mark.parametrize(
        ("words", "seconds"),
        [
            ("1 second", 1),
            ("30 minutes", 30 * MINUTE),
            ("2 hours", 2 * HOUR),
            ("14 days", 14 * DAY),
            ("14days", 14 * DAY),
            ("2 weeks", 14 * DAY),
            ("400 days", 400 * DAY),
            ("6 months", 181 * DAY),
            ("13 months", 393 * DAY),
            ("1 year", 365 * DAY),
            ("14 days 12 hours", 14 * DAY + 12 * HOUR),
            ("1 day, 2 hours and 3 minutes", DAY + 2 * HOUR + 3 * MINUTE),
            ("1 day,2 hours", DAY + 2 * HOUR),
            ("1 year and 6 months", 546 * DAY),
            ("6 months 1 year", 546 * DAY),
            ("1 month 1 month", 59 * DAY),
            ("1 month 1 day", 29 * DAY),
            ("0 days 5 minutes", 5 * MINUTE),
            ("007 days", 7 * DAY),
            ("100 years", HUNDRED_YEARS),
        ],
    )
    def test_words(self, words: str, seconds: int) -> None:
        """Words mean what they say; months and years are added up before they are counted."""
        assert parse_duration(words) == seconds

    @given(st.integers(1, HUNDRED_YEARS))
    def test_seconds(self, seconds: int) -> None:
        """A number is seconds, and what was read reads as itself."""
        assert parse_duration(seconds) == seconds
        count = seconds % (10**9 - 1) + 1  # words have up to nine digits
        assert parse_duration(f"{count} seconds") == count

    @pytest.mark.parametrize(
        "value",
        [
            "",
            " ",
            "13",
            "months",
            "thirteen months",
            "13 moons",
            "13  months",
            "13 months ",
            " 13 months",
            "13 Months",
            "13 monthss",
            "13 months,",
            "13 months and",
            "13 months and and 1 day",
            "13 months1 day",
            "-1 day",
            "+1 day",
            "1.5 days",
            "1e3 days",
            "1_000 days",
            "1\n day",
            "13\xa0months",
            "\u0661 day",  # ARABIC-INDIC DIGIT ONE
            "0 days",
            "0 months 0 days",
            "1234567890 days",
            pytest.param(5000 * "9" + " days", id="5000 digits"),
            0,
            -1,
            1.5,
            86400.0,
            float("nan"),
            float("inf"),
            True,
            False,
            None,
            b"1 day",
            [],
            {},
            ("1 day",),
            timedelta(days=1),
            date(2026, 11, 1),
        ],
    )
    def test_what_is_no_duration(self, value: object) -> None:
        """Anything else is an error that shows how to write it."""
        with pytest.raises(PolicyError, match="is not a duration; write it like '13 months'"):
            parse_duration(value)

    @pytest.mark.parametrize(
        "value",
        [
            HUNDRED_YEARS + 1,
            pytest.param(10**5000, id="endless"),
            "101 years",
            "999999999 years",
            "100 years 1 second",
        ],
    )
    def test_what_is_too_long(self, value: object) -> None:
        """What no clock could add to a date is refused at start-up."""
        with pytest.raises(PolicyError, match="is longer than 100 years"):
            parse_duration(value)

    def test_a_long_text_takes_no_time(self) -> None:
        """Ten thousand parts are read in one pass, and a bad end does not start another."""
        parts = " ".join(10_000 * ["1 second"])

        assert parse_duration(parts) == 10_000
        with pytest.raises(PolicyError):
            parse_duration(parts + " and")
