"""One transaction of `SQLRecordStore`: rows in, values out."""

from __future__ import annotations

import json
from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any, Final, cast

from sqlalchemy import delete, exists, func, insert, select, union, update

from consentgate.duration import DAY
from consentgate.record import DecisionCount, Document, Record, StoredRecord, canonical_json
from consentgate.records import tables
from consentgate.records.chain import Chain, Erasure
from consentgate.records.tables import chains, erasures, records

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from sqlalchemy import Connection, RowMapping

_OF_RECORD: Final = tuple(each.name for each in fields(Record))
_OF_CHAIN: Final = tuple(each.name for each in fields(Chain))
_OF_ERASURE: Final = tuple(each.name for each in fields(Erasure))
_IN_JSON: Final = ("choices", "signals")
_BESIDE: Final = ("number", "retention_until", "previous_hash", "signature")


class SQLSession:
    """One transaction; see `Session`."""

    def __init__(self, connection: Connection, *, write: bool) -> None:
        self._connection = connection
        self._write = write

    def chain(self, subject: str) -> Chain | None:
        """Return the chain of ``subject``, locked until the end of a writing transaction."""
        query = select(chains).where(chains.c.subject == subject)
        if self._write:
            query = query.with_for_update()
        row = self._connection.execute(query).mappings().first()
        return _chain(row) if row else None

    def chains(self, after: str, limit: int) -> Sequence[Chain]:
        """Return the next chains after the subject ``after``."""
        query = select(chains).where(chains.c.subject > after)
        rows = self._connection.execute(query.order_by(chains.c.subject).limit(limit))
        return [_chain(row) for row in rows.mappings()]

    def subjects_without_chain(self) -> Sequence[str]:
        """Return the subjects that have records, but no chain."""
        has_chain = exists().where(chains.c.subject == records.c.subject)
        query = select(records.c.subject).distinct().where(~has_chain)
        return self._connection.scalars(query.order_by(records.c.subject)).all()

    def expired_subjects(self, now: int) -> Sequence[str]:
        """Return the subjects that have records whose time to be kept is over."""
        query = select(records.c.subject).distinct().where(records.c.retention_until <= now)
        return self._connection.scalars(query.order_by(records.c.subject)).all()

    def records(self, subjects: Collection[str]) -> Sequence[StoredRecord]:
        """Return the records of ``subjects``, those of each in their order."""
        query = select(records).where(records.c.subject.in_(subjects))
        rows = self._connection.execute(query.order_by(records.c.subject, records.c.number))
        return [_stored_record(row) for row in rows.mappings()]

    def last_record(self, subject: str) -> StoredRecord | None:
        """Return the newest record of ``subject``."""
        query = select(records).where(records.c.subject == subject)
        newest = query.order_by(records.c.number.desc()).limit(1)
        row = self._connection.execute(newest).mappings().first()
        return _stored_record(row) if row else None

    def add_record(self, stored: StoredRecord) -> None:
        """Keep one more record."""
        values = stored.record.as_mapping()
        values.update({name: canonical_json(dict(values[name])) for name in _IN_JSON})
        values.update({name: getattr(stored, name) for name in _BESIDE})
        self._connection.execute(insert(records), values)

    def add_chain(self, chain: Chain) -> None:
        """Keep a chain that is new."""
        self._connection.execute(insert(chains), asdict(chain))

    def replace_chain(self, chain: Chain) -> None:
        """Keep ``chain`` in the place of that of its subject."""
        query = update(chains).where(chains.c.subject == chain.subject)
        self._connection.execute(query.values(asdict(chain)))

    def remove_chain(self, subject: str) -> None:
        """Forget the chain of ``subject``."""
        self._connection.execute(delete(chains).where(chains.c.subject == subject))

    def remove_records(self, subject: str, before: int | None = None) -> int:
        """Forget the records of ``subject``, or those numbered less than ``before``."""
        query = delete(records).where(records.c.subject == subject)
        if before is not None:
            query = query.where(records.c.number < before)
        return self._connection.execute(query).rowcount

    def add_erasure(self, erasure: Erasure) -> None:
        """Keep what stays of an erased chain."""
        self._connection.execute(insert(erasures), asdict(erasure))

    def erasures(self) -> Sequence[Erasure]:
        """Return what stays of all erased chains."""
        rows = self._connection.execute(select(erasures)).mappings()
        return [Erasure(**_values(row, _OF_ERASURE)) for row in rows]

    def add_documents(self, documents: Iterable[Document]) -> None:
        """Keep each document that is not there yet."""
        wanted = {document.hash: document for document in documents}
        for known, _ in self.documents(wanted) if wanted else ():
            del wanted[known]
        for hashed, document in wanted.items():
            values = {"hash": hashed, "kind": document.kind, "text": document.text}
            self._connection.execute(insert(tables.documents), values)

    def documents(self, hashes: Collection[str] | None = None) -> Sequence[tuple[str, Document]]:
        """Return documents and the hashes they are kept under: all, or those of ``hashes``."""
        kept = tables.documents.c
        query = select(kept.hash, kept.kind, kept.text)
        if hashes is not None:
            query = query.where(kept.hash.in_(hashes))
        rows = self._connection.execute(query.order_by(kept.hash))
        return [(hashed, Document(kind, text)) for hashed, kind, text in rows]

    def document_hashes(self) -> Collection[str]:
        """Return the hashes of the documents that records refer to."""
        referred = union(select(records.c.policy_hash), select(records.c.banner_hash))
        return set(self._connection.scalars(referred)) - {""}

    def count(self, since: int | None, until: int | None) -> Sequence[DecisionCount]:
        """Return how many records there are by day, event, choices, language and policy."""
        day = (records.c.time // DAY).label("day")
        kinds = (
            day,
            records.c.event,
            records.c.choices,
            records.c.language,
            records.c.policy_version,
        )
        query = select(*kinds, func.count())
        if since is not None:
            query = query.where(records.c.time >= since * DAY)
        if until is not None:
            query = query.where(records.c.time < until * DAY)
        rows = self._connection.execute(query.group_by(*kinds).order_by(*kinds))
        return [
            DecisionCount(int(day), event, _read_json(choices), language, version, number)
            for day, event, choices, language, version, number in rows
        ]


def _chain(row: RowMapping) -> Chain:
    return Chain(**_values(row, _OF_CHAIN))


def _stored_record(row: RowMapping) -> StoredRecord:
    values = _values(row, _OF_RECORD)
    values.update({name: _read_json(values[name]) for name in _IN_JSON})
    return StoredRecord(Record(**values), *(row[name] for name in _BESIDE))


def _values(row: RowMapping, names: Iterable[str]) -> dict[str, Any]:
    return {name: row[name] for name in names}


def _read_json(text: str) -> Mapping[str, bool]:
    """Return what a column holds, or what no record of ours says where somebody changed it."""
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    return cast("dict[str, bool]", value) if isinstance(value, dict) else {text: False}
