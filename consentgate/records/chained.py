"""What every store of ours does, whatever its database: chains, signatures, retention."""

from __future__ import annotations

import logging
import time
from abc import ABC, abstractmethod
from collections import defaultdict
from functools import partial
from itertools import dropwhile
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

from consentgate.duration import parse_duration
from consentgate.exceptions import ConfigurationError
from consentgate.record import Discrepancy
from consentgate.records.chain import ChainSigner, subject_hash, unsigned_chain
from consentgate.records.rows import UNREADABLE
from consentgate.signing import secret_key_list

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

    from consentgate.record import DecisionCount, Document, DocumentKind, Record, StoredRecord
    from consentgate.records.chain import Chain, Erasure

    _Referred = tuple[str, DocumentKind]
    _Kept = tuple[str, Document]

T = TypeVar("T")

logger = logging.getLogger("consentgate")

RETENTION: Final = "5 years"
"""The time within which a civil claim is made in France (Code civil, article 2224)."""

_TRIES: Final = 12
"""Each conflict means that another got through, so this is how many may come before."""
_AT_ONCE: Final = 500
"""Chains that are read in one transaction."""
_PURGED_AT_ONCE: Final = 50
"""Chains that are purged in one transaction: few enough to hold up nobody."""


class Session(Protocol):
    """One transaction of a database."""

    def chain(self, subject: str) -> Chain | None:
        """Return the chain of ``subject``; nobody else changes it until the transaction ends."""
        ...

    def chains(self, after: str | None, limit: int) -> Sequence[Chain]:
        """Return the next chains, ordered by subject, of those that come after ``after``.

        None is before all of them.
        """
        ...

    def subjects_without_chain(self) -> Sequence[str]:
        """Return the subjects that have records, but no chain."""
        ...

    def expired_subjects(self, now: int) -> Sequence[str]:
        """Return the subjects that have records whose time to be kept is over, ordered."""
        ...

    def records(self, subjects: Collection[str]) -> Sequence[StoredRecord]:
        """Return the records of ``subjects``, those of each in their order."""
        ...

    def last_record(self, subject: str) -> StoredRecord | None:
        """Return the newest record of ``subject``."""
        ...

    def add_record(self, stored: StoredRecord) -> None:
        """Keep one more record."""
        ...

    def add_chain(self, chain: Chain) -> None:
        """Keep a chain that is new."""
        ...

    def replace_chain(self, chain: Chain) -> None:
        """Keep ``chain`` in the place of that of its subject."""
        ...

    def remove_chain(self, subject: str) -> None:
        """Forget the chain of ``subject``."""
        ...

    def remove_records(self, subject: str, before: int | None = None) -> int:
        """Forget the records of ``subject``, or those numbered less than ``before``."""
        ...

    def add_erasure(self, erasure: Erasure) -> None:
        """Keep what stays of an erased chain."""
        ...

    def erasures(self) -> Sequence[Erasure]:
        """Return what stays of all erased chains."""
        ...

    def is_erased(self, subject_hash: str) -> bool:
        """Whether a chain of that subject was erased."""
        ...

    def remove_erasures(self, now: int) -> None:
        """Forget what stays of erased chains, where its time to be kept is over."""
        ...

    def add_documents(self, documents: Iterable[Document]) -> None:
        """Keep each of ``documents`` that is not there yet."""
        ...

    def documents(self, hashes: Collection[str] | None = None) -> Sequence[tuple[str, Document]]:
        """Return documents and the hashes they are kept under: all, or those of ``hashes``."""
        ...

    def document_hashes(self) -> Collection[tuple[str, DocumentKind]]:
        """Return the hashes of the documents that records refer to, and as what."""
        ...

    def count(self, since: int | None, until: int | None) -> Sequence[DecisionCount]:
        """Return how many records there are by day, event, choices, language and policy."""
        ...


class Conflict(Exception):
    """Another transaction was first, this one changed nothing, and may be tried again."""


def tried_again(transact: Callable[[], T]) -> T:
    """Return what ``transact`` returns, after some `Conflict` where there has to be one."""
    for _ in range(_TRIES - 1):
        try:
            return transact()
        except Conflict:
            continue
    return transact()


class ChainedRecordStore(ABC):
    """A `RecordStore` whose records form signed chains, one for each subject.

    Args:
        secret_keys: newest first; unless given, those of the gate that uses the store. Keep an old
            key as long as records that it signed.
        retention: how long a record is kept, in words or seconds; never less than its decision
            counts. `purge` is what ends it.
        clock: returns seconds since 1970.

    Raises `ConfigurationError`. How a transaction comes about is for subclasses.
    """

    def __init__(
        self,
        secret_keys: str | bytes | Sequence[str | bytes] | None = None,
        *,
        retention: int | str = RETENTION,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._signer = None if secret_keys is None else ChainSigner(secret_key_list(secret_keys))
        self._retention = parse_duration(retention)
        self._clock = clock

    @abstractmethod
    def _run(self, action: Callable[[Session], T], *, write: bool, visitor_waits: bool) -> T:
        """Return what ``action`` returns for a new transaction, when that is committed.

        It may be done again where it met a `Conflict`. Where a visitor waits, it ends in time. All
        that one transaction reads is of one moment.
        """

    def use_keys(self, secret_keys: Sequence[bytes]) -> None:
        """Sign with ``secret_keys``, unless the store has its own."""
        if self._signer is None:
            self._signer = ChainSigner(secret_keys)

    @property
    def signer(self) -> ChainSigner:
        """Who signs; raises `ConfigurationError` where there are no keys."""
        if self._signer is None:
            raise ConfigurationError("this store has no secret keys, and can only be read")
        return self._signer

    def append(self, record: Record, documents: Iterable[Document] = ()) -> bool:
        """Keep ``record`` for good before returning; see `RecordStore.append`."""
        texts = list(documents)  # for it may be done again
        unsigned: list[Chain] = []
        kept = self._run(
            lambda session: self._append(session, record, texts, unsigned),
            write=True,
            visitor_waits=True,
        )
        if unsigned:
            logger.error("the records of %s are not as signed; see verify", record.subject)
        return kept

    def _append(
        self,
        session: Session,
        record: Record,
        documents: Iterable[Document],
        unsigned: list[Chain],
    ) -> bool:
        unsigned.clear()  # of a try before
        chain = session.chain(record.subject)
        is_sound = chain is not None and self.signer.is_signed(chain)
        last = None
        if not is_sound or record.event == "signal":
            last = session.last_record(record.subject)
        if chain is None and last is not None:
            self._check_that_chain_is_missing(session, last)
        if record.event == "signal" and self._says_nothing_new(session, record, last):
            return False
        session.add_documents(documents)
        before = unsigned_chain(last) if last is not None and not is_sound else chain
        retention_until = max(record.time + self._retention, record.valid_until)
        stored = self.signer.next(record, before, retention_until)
        session.add_record(stored)
        after = self.signer.extended(before, stored)
        if not after.signature:
            unsigned.append(after)
        if chain is None:
            session.add_chain(after)
        else:
            session.replace_chain(after)
        return True

    def _check_that_chain_is_missing(self, session: Session, last: StoredRecord) -> None:
        """Raise `Conflict` where others begin or erase the chain of ``last`` just now."""
        subject = last.record.subject
        if session.chain(subject) is not None or session.last_record(subject) != last:
            raise Conflict

    def _says_nothing_new(
        self, session: Session, record: Record, last: StoredRecord | None
    ) -> bool:
        """Whether a signal is in the last record already, or is of a visitor just erased."""
        if last is None:
            return session.is_erased(subject_hash(record.subject))
        return dict(last.record.signals) == dict(record.signals)

    def by_subject(self, subject: str) -> Sequence[StoredRecord]:
        """Return the records of one visitor, the oldest first."""
        return self._run(
            lambda session: session.records([subject]), write=False, visitor_waits=True
        )

    def erase(self, subject: str) -> int:
        """Forget the records of one visitor; return how many there were (GDPR, article 17)."""
        return self._run(
            lambda session: self._erase(session, subject), write=True, visitor_waits=True
        )

    def _erase(self, session: Session, subject: str) -> int:
        chain = session.chain(subject)
        if chain is not None:
            session.add_erasure(self.signer.erasure(chain, int(self._clock())))
            session.remove_chain(subject)
        erased = session.remove_records(subject)
        if chain is None and erased and session.chain(subject) is not None:
            raise Conflict  # a chain was begun meanwhile, and these were its records
        return erased

    def purge(self, now: float | None = None) -> int:
        """Forget the records whose time to be kept is over; return how many there were."""
        moment = int(self._clock() if now is None else now)
        self._run(lambda session: session.remove_erasures(moment), write=True, visitor_waits=False)
        subjects = self._read(lambda session: session.expired_subjects(moment))
        purged = 0
        for start in range(0, len(subjects), _PURGED_AT_ONCE):
            begun = time.monotonic()
            purged += self._purge(subjects[start : start + _PURGED_AT_ONCE], moment)
            # Visitors wait for the same lock, and get as much time as this took.
            time.sleep(time.monotonic() - begun)
        return purged

    def _purge(self, subjects: Sequence[str], now: int) -> int:
        return self._run(
            lambda session: sum(self._purge_chain(session, each, now) for each in subjects),
            write=True,
            visitor_waits=False,
        )

    def _purge_chain(self, session: Session, subject: str, now: int) -> int:
        """Forget the oldest records of a chain, up to the first that is still to be kept.

        Not those of a chain that was changed: to sign it again would vouch for the change.
        """
        chain = session.chain(subject)
        records = session.records([subject])
        if chain is None or self.signer.first_discrepancy(subject, chain, records):
            logger.error("the records of %s are not as signed, and not purged", subject)
            return 0
        kept = list(dropwhile(lambda stored: stored.retention_until <= now, records))
        if len(kept) == len(records):
            return 0
        if kept:
            session.replace_chain(self.signer.shortened(chain, kept[0]))
            return session.remove_records(subject, before=kept[0].number)
        session.remove_chain(subject)
        return session.remove_records(subject)

    def verify(self, subject: str | None = None) -> Iterator[Discrepancy]:
        """Yield the first discrepancy of each chain that has one, then those of all else."""
        if subject is not None:
            yield from self._verify_one(subject)
            return
        for chain, records in self.chains():
            if found := self.signer.first_discrepancy(chain.subject, chain, records):
                yield found
        for each in self._read(lambda session: session.subjects_without_chain()):
            if _is_unreadable(each):
                yield Discrepancy("altered", each, None, "the subject is none of ours")
            else:
                yield from self._verify_one(each)
        yield from self._verify_documents()
        for erasure in self.erasures():
            if not self.signer.is_erased(erasure):
                detail = f"the erasure of {erasure.subject_hash} is not as signed"
                yield Discrepancy("altered", "", None, detail)

    def _verify_one(self, subject: str) -> Iterator[Discrepancy]:
        def read(session: Session) -> tuple[Chain | None, Sequence[StoredRecord]]:
            return session.chain(subject), session.records([subject])

        chain, records = self._read(read)
        if chain is None and not records:
            return
        if found := self.signer.first_discrepancy(subject, chain, records):
            yield found

    def _verify_documents(self) -> Iterator[Discrepancy]:
        def read(session: Session) -> tuple[Collection[_Referred], Sequence[_Kept]]:
            return session.document_hashes(), session.documents()

        referred, found = self._read(read)
        kept = dict(found)
        for hashed, document in found:
            if document.hash != hashed:
                yield Discrepancy("altered", "", None, f"the document {hashed} is another text")
        for hashed, kind in sorted(referred):
            if hashed not in kept:
                yield Discrepancy("missing", "", None, f"the document {hashed} is missing")
            elif kept[hashed].kind != kind:
                yield Discrepancy("altered", "", None, f"the document {hashed} was a {kind}")

    def chains(self) -> Iterator[tuple[Chain, Sequence[StoredRecord]]]:
        """Yield all chains with their records."""
        after, unreadable = None, set[str]()
        while chains := self._read(partial(_with_records, after)):
            yield from (each for each in chains if each[0].subject not in unreadable)
            subjects = [chain.subject for chain, _ in chains]
            unreadable.update(filter(_is_unreadable, subjects))
            after = next((each for each in reversed(subjects) if each not in unreadable), None)
            if after is None:
                return

    def erasures(self) -> Sequence[Erasure]:
        """Return what stays of all erased chains."""
        return self._read(lambda session: session.erasures())

    def documents(self) -> Sequence[Document]:
        """Return all documents that records refer to."""
        return [document for _, document in self._read(lambda session: session.documents())]

    def document(self, hash: str) -> Document | None:  # noqa: A002 - what it is
        """Return the document of that hash."""
        found = self._read(lambda session: session.documents([hash]))
        return found[0][1] if found else None

    def count(self, since: int | None = None, until: int | None = None) -> Sequence[DecisionCount]:
        """Return how many records there are by day and what they say; see `RecordStore.count`."""
        return self._read(lambda session: session.count(since, until))

    def _read(self, action: Callable[[Session], T]) -> T:
        return self._run(action, write=False, visitor_waits=False)


def _is_unreadable(subject: str) -> bool:
    return subject.startswith(UNREADABLE)


def _with_records(after: str | None, session: Session) -> list[tuple[Chain, list[StoredRecord]]]:
    """Return the next chains that come after the subject ``after``, with their records."""
    chains = session.chains(after, _AT_ONCE)
    records: defaultdict[str, list[StoredRecord]] = defaultdict(list)
    for stored in session.records([chain.subject for chain in chains]):
        records[stored.record.subject].append(stored)
    return [(chain, records[chain.subject]) for chain in chains]
