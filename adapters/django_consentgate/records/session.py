"""One transaction of `DjangoRecordStore`: models in, values out."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final, cast

from django.db import connections
from django.db.models import Count, Exists, F, OuterRef, Value

from consentgate.record import DecisionCount, Document, referred_documents
from consentgate.records import rows
from django_consentgate.records.models import (
    ConsentChain,
    ConsentDocument,
    ConsentErasure,
    ConsentRecord,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from django.db.models import QuerySet

    from consentgate.record import DocumentKind, StoredRecord
    from consentgate.records.chain import Chain, Erasure

_DAY: Final = 24 * 60 * 60
_COUNTED: Final = ("midnight", "event", "choices", "language", "policy_version")


class ModelSession:
    """One transaction in the database ``using``; see `Session`."""

    def __init__(self, using: str, *, write: bool) -> None:
        self._using = using
        self._write = write

    def shut_out_writers(self) -> None:
        """Take the one lock of a database that cannot lock rows, before anything is read.

        Two that read first, and then write, would block each other. It is what SQLite's BEGIN
        IMMEDIATE does, which Django says always or never.
        """
        if not self._locks_rows:
            self._chains.filter(subject="").update(subject="")

    @property
    def _locks_rows(self) -> bool:
        return connections[self._using].features.has_select_for_update

    @property
    def _records(self) -> QuerySet[ConsentRecord]:
        return ConsentRecord.objects.using(self._using).order_by("subject", "number")

    @property
    def _chains(self) -> QuerySet[ConsentChain]:
        return ConsentChain.objects.using(self._using).order_by("subject")

    @property
    def _documents(self) -> QuerySet[ConsentDocument]:
        return ConsentDocument.objects.using(self._using).order_by("hash")

    @property
    def _erasures(self) -> QuerySet[ConsentErasure]:
        return ConsentErasure.objects.using(self._using).order_by("time", "erasure_id")

    def chain(self, subject: str) -> Chain | None:
        """Return the chain of ``subject``, locked until the end of a writing transaction."""
        query = self._chains.filter(subject=subject)
        if self._write and self._locks_rows:
            query = query.select_for_update()
        return next((rows.chain(row) for row in query.values(*rows.OF_CHAIN)), None)

    def chains(self, after: str | None, limit: int) -> Sequence[Chain]:
        """Return the next chains after the subject ``after``."""
        query = self._chains if after is None else self._chains.filter(subject__gt=after)
        return [rows.chain(row) for row in query.values(*rows.OF_CHAIN)[:limit]]

    def subjects_without_chain(self) -> Sequence[str]:
        """Return the subjects that have records, but no chain."""
        chain = self._chains.filter(subject=OuterRef("subject"))
        return sorted(_subjects(self._records.filter(~Exists(chain))))

    def expired_subjects(self, now: int) -> Sequence[str]:
        """Return the subjects that have records whose time to be kept is over."""
        # Ordered here, for databases would rather read all records in this order.
        return sorted(_subjects(self._records.filter(retention_until__lte=now)))

    def records(self, subjects: Collection[str]) -> Sequence[StoredRecord]:
        """Return the records of ``subjects``, those of each in their order."""
        return list(map(stored_record, self._records.filter(subject__in=subjects)))

    def last_record(self, subject: str) -> StoredRecord | None:
        """Return the newest record of ``subject``."""
        last = self._records.filter(subject=subject).last()
        return stored_record(last) if last else None

    def add_record(self, stored: StoredRecord) -> None:
        """Keep one more record."""
        self._records.bulk_create([ConsentRecord(**rows.record_row(stored))])

    def add_chain(self, chain: Chain) -> None:
        """Keep a chain that is new."""
        self._chains.bulk_create([ConsentChain(**asdict(chain))])

    def replace_chain(self, chain: Chain) -> None:
        """Keep ``chain`` in the place of that of its subject."""
        values = asdict(chain)
        self._chains.filter(subject=values.pop("subject")).update(**values)

    def remove_chain(self, subject: str) -> None:
        """Forget the chain of ``subject``."""
        self._chains.filter(subject=subject).delete()

    def remove_records(self, subject: str, before: int | None = None) -> int:
        """Forget the records of ``subject``, or those numbered less than ``before``."""
        query = self._records.filter(subject=subject)
        if before is not None:
            query = query.filter(number__lt=before)
        return query.delete()[0]

    def add_erasure(self, erasure: Erasure) -> None:
        """Keep what stays of an erased chain."""
        self._erasures.bulk_create([ConsentErasure(**asdict(erasure))])

    def erasures(self) -> Sequence[Erasure]:
        """Return what stays of all erased chains."""
        return [rows.erasure(row) for row in self._erasures.values(*rows.OF_ERASURE)]

    def is_erased(self, subject_hash: str) -> bool:
        """Whether a chain of that subject was erased."""
        return self._erasures.filter(subject_hash=subject_hash).exists()

    def remove_erasures(self, now: int) -> None:
        """Forget what stays of erased chains, where its time to be kept is over."""
        self._erasures.filter(retention_until__lte=now).delete()

    def add_documents(self, documents: Iterable[Document]) -> None:
        """Keep each document that is not there yet."""
        wanted = {document.hash: document for document in documents}
        for known in self._documents.filter(hash__in=wanted).values_list("hash", flat=True):
            del wanted[known]
        self._documents.bulk_create(
            ConsentDocument(hash=hashed, kind=document.kind, text=document.text)
            for hashed, document in sorted(wanted.items())
        )

    def documents(self, hashes: Collection[str] | None = None) -> Sequence[tuple[str, Document]]:
        """Return documents and the hashes they are kept under: all, or those of ``hashes``."""
        query = self._documents
        if hashes is not None:
            query = query.filter(hash__in=hashes)
        return [rows.document(each.hash, each.kind, each.text) for each in query]

    def document_hashes(self) -> Collection[tuple[str, DocumentKind]]:
        """Return the hashes of the documents that records refer to, and as what."""
        found = self._records.order_by().values_list("policy_hash", "banner_hash", "method")
        return referred_documents(tuple(map(rows.readable, row)) for row in found.distinct())

    def count(self, since: int | None, until: int | None) -> Sequence[DecisionCount]:
        """Return how many records there are by day, event, choices, language and policy."""
        query = self._records
        if since is not None:
            query = query.filter(time__gte=since * _DAY)
        if until is not None:
            query = query.filter(time__lt=until * _DAY)
        midnight = F("time") - F("time") % Value(_DAY)  # not every database divides integers so
        kinds = query.annotate(midnight=midnight).order_by(*_COUNTED).values(*_COUNTED)
        return [_decision_count(row) for row in kinds.annotate(records=Count("*"))]


def _subjects(records: QuerySet[ConsentRecord]) -> set[str]:
    return set(map(rows.readable, records.order_by().values_list("subject", flat=True).iterator()))


def _decision_count(row: Mapping[str, Any]) -> DecisionCount:
    return DecisionCount(
        row["midnight"] // _DAY,
        row["event"],
        rows.read_flags(row["choices"]),
        row["language"],
        row["policy_version"],
        row["records"],
    )


def stored_record(kept: ConsentRecord) -> StoredRecord:
    """Return the record and its place in the chain that a row holds."""
    return rows.stored_record(vars(kept))


def kept_document(kept: ConsentDocument) -> Document:
    """Return the document that a row holds."""
    return Document(cast("DocumentKind", kept.kind), kept.text)
