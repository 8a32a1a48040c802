"""Rows of a database as the values they were made of, also where somebody has changed them."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import TYPE_CHECKING, Any, Final, Protocol, cast

from consentgate.record import Document, Record, StoredRecord, canonical_json
from consentgate.records.chain import Chain, Erasure

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from consentgate.record import DocumentKind

OF_CHAIN: Final = tuple(each.name for each in fields(Chain))
OF_ERASURE: Final = tuple(each.name for each in fields(Erasure))
OF_RECORD: Final = tuple(each.name for each in fields(Record))
BESIDE_RECORD: Final = ("number", "retention_until", "previous_hash", "signature")
"""The columns of a record's row that are not its own."""

UNREADABLE: Final = "?"
"""What the text begins with that stands for a value which is none; no name of a subject has it."""

_FLAGS: Final = ("choices", "signals")


class Row(Protocol):
    """The values of one row, by the names of its columns."""

    def __getitem__(self, name: str, /) -> Any:
        """Return the value of one column."""
        ...


def record_row(stored: StoredRecord) -> dict[str, Any]:
    """Return the columns of a record and of its place in the chain.

    ``choices`` and ``signals`` are canonical JSON, so that what is equal is the same text.
    """
    values = stored.record.as_mapping()
    values.update({name: canonical_json(dict(values[name])) for name in _FLAGS})
    values.update({name: getattr(stored, name) for name in BESIDE_RECORD})
    return values


def stored_record(row: Row) -> StoredRecord:
    """Return the record, and its place in the chain, that a row holds."""
    values = _values(row, OF_RECORD)
    values.update({name: read_flags(values[name]) for name in _FLAGS})
    return StoredRecord(Record(**values), **_values(row, BESIDE_RECORD))


def chain(row: Row) -> Chain:
    """Return the chain that a row holds."""
    return Chain(**_values(row, OF_CHAIN))


def erasure(row: Row) -> Erasure:
    """Return the erasure that a row holds."""
    return Erasure(**_values(row, OF_ERASURE))


def document(hashed: object, kind: object, text: object) -> tuple[str, Document]:
    """Return a document, and the hash it is kept under."""
    return readable(hashed), Document(cast("DocumentKind", readable(kind)), readable(text))


def read_flags(text: object) -> Mapping[str, bool]:
    """Return what a column of flags by name holds.

    What is none of ours is one flag that no record has, so that the change is found out.
    """
    try:
        value: object = json.loads(cast("str", text))
    except (ValueError, TypeError, RecursionError):
        value = None
    if not isinstance(value, dict):
        return {repr(text): False}
    flags = cast("dict[str, object]", value)
    is_ours = all(isinstance(flag, bool) for flag in flags.values())
    return (
        cast("dict[str, bool]", flags)
        if is_ours and canonical_json(flags) == text
        else {repr(text): False}
    )


def _values(row: Row, names: Iterable[str]) -> dict[str, Any]:
    return {name: _expected(row[name]) for name in names}


def _expected(value: object) -> object:
    return value if value is None or isinstance(value, int) else readable(value)


def readable(value: object) -> str:
    """Return the text that a column holds, or one that is none of ours.

    SQLite holds any type in any column, and octets that are no UTF-8 in a text.
    """
    if isinstance(value, str) and (value.isascii() or _is_unicode(value)):
        return value
    return f"{UNREADABLE}{value!a}"


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
