"""Seconds since 1970 as people read them."""

from __future__ import annotations

from datetime import UTC, datetime, time
from typing import TYPE_CHECKING

from django.utils import timezone
from django.utils.formats import date_format

if TYPE_CHECKING:
    from datetime import date


def today() -> date:
    """Return what day it is where the site is."""
    return datetime.now(timezone.get_current_timezone()).date()


def midnight(day: date) -> int:
    """Return when ``day`` begins where the site is."""
    return int(datetime.combine(day, time.min, timezone.get_current_timezone()).timestamp())


def in_words(seconds: int) -> str:
    """Return a time as it is where the site is, in the language of whoever looks."""
    try:
        moment = datetime.fromtimestamp(seconds, timezone.get_current_timezone())
    except (OSError, OverflowError, TypeError, ValueError):  # somebody changed it
        return str(seconds)
    return date_format(moment, "DATETIME_FORMAT")


def for_machines(seconds: int) -> str:
    """Return a time as RFC 3339 has it."""
    try:
        return datetime.fromtimestamp(seconds, UTC).isoformat()
    except (OSError, OverflowError, TypeError, ValueError):  # somebody changed it
        return str(seconds)
