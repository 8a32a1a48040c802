"""Proof of consent: where the records of visitors' decisions are kept.

`SQLRecordStore` keeps them in SQLite or PostgreSQL, ``django_consentgate.records`` in the database
of a Django site. SQLAlchemy is imported when the first is asked for, and not before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from consentgate.exceptions import ConfigurationError
from consentgate.record import (
    DecisionCount,
    Discrepancy,
    Document,
    Record,
    RecordStore,
    StoredRecord,
)
from consentgate.records.chained import RETENTION, ChainedRecordStore

if TYPE_CHECKING:
    from collections.abc import Sequence

    from consentgate.records.sql import SQLRecordStore

__all__ = [
    "RETENTION",
    "ChainedRecordStore",
    "DecisionCount",
    "Discrepancy",
    "Document",
    "Record",
    "RecordStore",
    "RecordsSource",
    "SQLRecordStore",
    "StoredRecord",
    "open_store",
]

RecordsSource: TypeAlias = RecordStore | str | None
"""What the records of a site can be kept in: a store, a database's URL, or nothing."""


def __getattr__(name: str) -> Any:
    if name != "SQLRecordStore":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return _sql_record_store()


def _sql_record_store() -> type[SQLRecordStore]:
    try:
        from consentgate.records.sql import SQLRecordStore  # noqa: PLC0415 - see above
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"records need {error.name}: pip install 'consentgate[records]'"
        ) from error
    return SQLRecordStore


def open_store(
    source: RecordsSource, secret_keys: str | bytes | Sequence[str | bytes] | None = None
) -> RecordStore | None:
    """Return the store that ``source`` is, or has at its URL; None for None.

    Raises `ConfigurationError`.
    """
    if isinstance(source, str):
        return _sql_record_store()(source, secret_keys)
    return source
