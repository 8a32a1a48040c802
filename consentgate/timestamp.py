"""Times as people and other programs read them."""

from __future__ import annotations

from datetime import UTC, datetime


def timestamp(seconds: int) -> str:
    """Return a time in seconds since 1970 as RFC 3339 has it."""
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")
