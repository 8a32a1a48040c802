"""Times as people and other programs read them."""

from __future__ import annotations

from datetime import UTC, datetime


def timestamp(seconds: int) -> str:
    """Return a time in seconds since 1970 as RFC 3339 has it.

    Where that has no such year, which no clock says, the seconds themselves.
    """
    try:
        return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")
    except (OverflowError, OSError, ValueError):
        return f"{seconds} seconds since 1970"
