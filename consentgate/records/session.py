"""One transaction of `SQLRecordStore`: rows in, values out."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from sqlalchemy import delete, exists, func, insert, select, update

from consentgate.duration import DAY
from consentgate.record import DecisionCount, Document, referred_documents
from consentgate.records import rows, tables
from consentgate.records.tables import chains, erasures, records

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from sqlalchemy import Connection

    from consentgate.record import DocumentKind, StoredRecord
    from consentgate.records.chain import Chain, Erasure


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
        return rows.chain(row) if row else None

    def chains(self, after: str | None, limit: int) -> Sequence[Chain]:
        """Return the next chains after the subject ``after``."""
        query = select(chains)
        if after is not None:
            query = query.where(chains.c.subject > after)
        found = self._connection.execute(query.order_by(chains.c.subject).limit(limit))
        return [rows.chain(row) for row in found.mappings()]

    def subjects_without_chain(self) -> Sequence[str]:
        """Return the subjects that have records, but no chain."""
        has_chain = exists().where(chains.c.subject == records.c.subject)
        query = select(records.c.subject).distinct().where(~has_chain)
        return [*map(rows.readable, self._connection.scalars(query))]

    def expired_subjects(self, now: int) -> Sequence[str]:
        """Return the subjects that have records whose time to be kept is over."""
        query = select(records.c.subject).where(records.c.retention_until <= now)
        # Each once, and ordered, here: databases would rather read all records for that.
        return sorted(set(map(rows.readable, self._connection.scalars(query))))

    def records(self, subjects: Collection[str]) -> Sequence[StoredRecord]:
        """Return the records of ``subjects``, those of each in their order."""
        query = select(records).where(records.c.subject.in_(subjects))
        found = self._connection.execute(query.order_by(records.c.subject, records.c.number))
        return [rows.stored_record(row) for row in found.mappings()]

    def last_record(self, subject: str) -> StoredRecord | None:
        """Return the newest record of ``subject``."""
        query = select(records).where(records.c.subject == subject)
        newest = query.order_by(records.c.number.desc()).limit(1)
        row = self._connection.execute(newest).mappings().first()
        return rows.stored_record(row) if row else None

    def add_record(self, stored: StoredRecord) -> None:
        """Keep one more record."""
        self._connection.execute(insert(records), rows.record_row(stored))

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
        found = self._connection.execute(select(erasures)).mappings()
        return [rows.erasure(row) for row in found]

    def is_erased(self, subject_hash: str) -> bool:
        """Whether a chain of that subject was erased."""
        found = exists().where(erasures.c.subject_hash == subject_hash)
        return bool(self._connection.scalar(select(found)))

    def remove_erasures(self, now: int) -> None:
        """Forget what stays of erased chains, where its time to be kept is over."""
        self._connection.execute(delete(erasures).where(erasures.c.retention_until <= now))

    def add_documents(self, documents: Iterable[Document]) -> None:
        """Keep each document that is not there yet."""
        wanted = {document.hash: document for document in documents}
        hashes = tables.documents.c.hash
        for known in self._connection.scalars(select(hashes).where(hashes.in_(wanted))):
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
        found = self._connection.execute(query.order_by(kept.hash))
        return [rows.document(*row) for row in found]

    def document_hashes(self) -> Collection[tuple[str, DocumentKind]]:
        """Return the hashes of the documents that records refer to, and as what."""
        columns = records.c.policy_hash, records.c.banner_hash, records.c.method
        found = self._connection.execute(select(*columns).distinct())
        return referred_documents(tuple(map(rows.readable, row)) for row in found)

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
        found = self._connection.execute(query.group_by(*kinds).order_by(*kinds))
        return [
            DecisionCount(int(day), event, rows.read_flags(choices), language, version, number)
            for day, event, choices, language, version, number in found
        ]
