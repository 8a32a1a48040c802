"""Records as their visitors and other programs get them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from consentgate.timestamp import timestamp

if TYPE_CHECKING:
    from consentgate.record import StoredRecord


def exported(stored: StoredRecord) -> dict[str, Any]:
    """Return a record and its place in the chain, as JSON has them, times as in RFC 3339."""
    record = stored.record
    return {
        **record.as_mapping(),
        "choices": dict(record.choices),
        "signals": dict(record.signals),
        "time": timestamp(record.time),
        "valid_until": timestamp(record.valid_until),
        "retention_until": timestamp(stored.retention_until),
        "number": stored.number,
        "hash": stored.hash,
        "previous_hash": stored.previous_hash,
        "signature": stored.signature,
    }
