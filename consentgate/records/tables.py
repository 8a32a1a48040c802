"""The tables of `SQLRecordStore`, as its migrations leave them.

Every key begins with the subject, and nothing counts across subjects: no sequence, no foreign key
and no unique index that is not a primary key. So each subject's rows can live on another machine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    column,
    inspect,
    select,
    table,
)

if TYPE_CHECKING:
    from sqlalchemy import Connection

METADATA: Final = MetaData()

_SUBJECT: Final = 64
_HASH: Final = 64
_SIGNATURE: Final = 64


def _text(name: str) -> Column[str]:
    return Column(name, Text, nullable=False)


def _hash(name: str, *, primary_key: bool = False) -> Column[str]:
    return Column(name, String(_HASH), nullable=False, primary_key=primary_key)


def _subject() -> Column[str]:
    return Column("subject", String(_SUBJECT), primary_key=True)


def _number(name: str) -> Column[int]:
    return Column(name, BigInteger, nullable=False)


def _signature() -> Column[str]:
    return Column("signature", String(_SIGNATURE), nullable=False)


records: Final = Table(
    "consent_records",
    METADATA,
    _subject(),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("record_id", String(36), nullable=False),
    Column("schema", Integer, nullable=False),
    Column("event", String(16), nullable=False),
    _number("time"),
    _number("valid_until"),
    _number("retention_until"),
    _text("choices"),
    Column("method", String(16), nullable=False),
    Column("layer", Integer),
    Column("control", String(16), nullable=False),
    _text("policy_version"),
    _hash("policy_hash"),
    _hash("banner_hash"),
    _text("package_version"),
    _text("language"),
    _text("jurisdiction"),
    _text("signals"),
    _text("ip_address"),
    _text("user_agent"),
    _hash("previous_hash"),
    _signature(),
    Index("consent_records_retention_until", "retention_until"),
)
"""``choices`` and ``signals`` are canonical JSON, so that what is equal is the same text."""

chains: Final = Table(
    "consent_chains",
    METADATA,
    _subject(),
    Column("first_number", Integer, nullable=False),
    _hash("first_previous_hash"),
    Column("last_number", Integer, nullable=False),
    _hash("last_hash"),
    _number("retention_until"),
    _signature(),
)

documents: Final = Table(
    "consent_documents",
    METADATA,
    _hash("hash", primary_key=True),
    Column("kind", String(16), nullable=False),
    _text("text"),
)

erasures: Final = Table(
    "consent_erasures",
    METADATA,
    _hash("subject_hash", primary_key=True),
    _hash("last_hash", primary_key=True),
    Column("last_number", Integer, nullable=False),
    _number("time"),
    _number("retention_until"),
    _signature(),
    Index("consent_erasures_retention_until", "retention_until"),
)

SCHEMA_VERSION_TABLE: Final = "consent_schema_version"
"""Where Alembic notes which migration was the last."""

SCHEMA_VERSION: Final = "0001"
"""The migration that these tables are the outcome of."""


def schema_version(connection: Connection) -> str | None:
    """Return the migration that the database has seen last, or None where it has no tables."""
    if not inspect(connection).has_table(SCHEMA_VERSION_TABLE):
        return None
    noted = table(SCHEMA_VERSION_TABLE, column("version_num", String))
    return connection.scalar(select(noted.c.version_num))
