"""The records of one subject as a chain: each vouches for the one before, and the site for each.

Who can write to the database, but has not the site's secret keys, can neither change a record nor
remove one without its being seen: each record is signed with the hash of its predecessor, and the
ends of the chain are signed beside it. What they can do is to put back an older state of a whole
chain, or to remove one altogether; that shows against a manifest that was published before.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass, replace
from typing import TYPE_CHECKING, Final

from consentgate.record import Discrepancy, StoredRecord, canonical_json, sha256_of
from consentgate.signing import TokenSigner

if TYPE_CHECKING:
    from collections.abc import Sequence

    from consentgate.record import Record

_SALT: Final = b"consentgate.record"
_SEPARATOR: Final = "."


@dataclass(frozen=True, slots=True)
class Chain:
    """The two ends of one subject's chain."""

    subject: str
    first_number: int
    """The place of the oldest record that is kept; those before it were purged."""
    first_previous_hash: str
    """The hash of the record before that; empty where there never was one."""
    last_number: int
    last_hash: str
    retention_until: int
    """Until when the newest record is kept, in seconds since 1970."""
    signature: str = ""


@dataclass(frozen=True, slots=True)
class Erasure:
    """What stays of an erased chain: that it was erased, and nothing of whose it was."""

    subject_hash: str
    last_number: int
    last_hash: str
    time: int
    """When it was erased, in seconds since 1970."""
    retention_until: int
    """Until when this is kept: as long as the newest of the records would have been."""
    signature: str = ""


def unsigned_chain(last: StoredRecord) -> Chain:
    """Return the chain that ``last`` is the end of, where somebody has removed what was signed."""
    return Chain(
        last.record.subject,
        last.number,
        last.previous_hash,
        last.number,
        last.hash,
        last.retention_until,
    )


def subject_hash(subject: str) -> str:
    """Return what stands for a subject where its name must not."""
    return sha256_of(subject)


class ChainSigner:
    """Sign records, chains and erasures with the site's keys; the newest signs, all verify."""

    def __init__(self, secret_keys: Sequence[bytes]) -> None:
        self._signer = TokenSigner(secret_keys, salt=_SALT, separator=_SEPARATOR)

    def next(self, record: Record, chain: Chain | None, retention_until: int) -> StoredRecord:
        """Return ``record`` as the next one of ``chain``, or as the first of a new chain."""
        number = chain.last_number + 1 if chain else 1
        stored = StoredRecord(
            record, number, retention_until, chain.last_hash if chain else "", signature=""
        )
        return replace(stored, signature=self._signer.signature(_of_record(stored)))

    def extended(self, chain: Chain | None, stored: StoredRecord) -> Chain:
        """Return ``chain`` as it is with ``stored`` at its end.

        A chain that was not as signed is not signed again: to do so would vouch for the change.
        """
        longer = Chain(
            stored.record.subject,
            chain.first_number if chain else stored.number,
            chain.first_previous_hash if chain else stored.previous_hash,
            stored.number,
            stored.hash,
            stored.retention_until,
        )
        return self.signed(longer) if chain is None or self.is_signed(chain) else longer

    def is_signed(self, chain: Chain) -> bool:
        """Whether the ends of ``chain`` are as they were signed."""
        return self._verifies(_of_chain(chain), chain.signature)

    def shortened(self, chain: Chain, first: StoredRecord) -> Chain:
        """Return ``chain`` as it is without the records before ``first``."""
        shorter = replace(chain, first_number=first.number, first_previous_hash=first.previous_hash)
        return self.signed(shorter)

    def signed(self, chain: Chain) -> Chain:
        """Return ``chain`` with the signature that vouches for its ends."""
        return replace(chain, signature=self._signer.signature(_of_chain(chain)))

    def erasure(self, chain: Chain, time: int) -> Erasure:
        """Return what stays of ``chain``."""
        hashed = subject_hash(chain.subject)
        erasure = Erasure(hashed, chain.last_number, chain.last_hash, time, chain.retention_until)
        return replace(erasure, signature=self._signer.signature(_of_erasure(erasure)))

    def is_erased(self, erasure: Erasure) -> bool:
        """Whether ``erasure`` was made with one of the keys."""
        return self._verifies(_of_erasure(erasure), erasure.signature)

    def first_discrepancy(
        self, subject: str, chain: Chain | None, records: Sequence[StoredRecord]
    ) -> Discrepancy | None:
        """Return the first thing that is wrong with a chain and its records, in their order."""
        if chain is not None and not self.is_signed(chain):
            return Discrepancy("altered", subject, None, "the ends of the chain are not as signed")
        number = chain.first_number if chain else 1
        previous = chain.first_previous_hash if chain else ""
        for stored in records:
            if found := self._check(stored, number, previous, records):
                return found
            number, previous = number + 1, stored.hash
        if chain is None:
            return Discrepancy("missing", subject, None, "the ends of the chain are missing")
        if previous != chain.last_hash:
            return Discrepancy("missing", subject, number, "the records from here on are missing")
        return None

    def _check(
        self, stored: StoredRecord, number: int, previous: str, records: Sequence[StoredRecord]
    ) -> Discrepancy | None:
        """Return what is wrong with the record that stands where ``number`` is expected."""
        subject = stored.record.subject
        if not self._verifies(_of_record(stored), stored.signature):
            return Discrepancy("altered", subject, stored.number, "the record is not as signed")
        if stored.previous_hash != previous:
            follows_another = stored.previous_hash in {each.hash for each in records}
            if follows_another or not stored.previous_hash:
                detail = "another record belongs in this place"
                return Discrepancy("reordered", subject, number, detail)
            return Discrepancy("missing", subject, number, "the record is missing")
        if stored.number != number:
            detail = f"the record is numbered {stored.number}"
            return Discrepancy("reordered", subject, number, detail)
        return None

    def _verifies(self, payload: str, signature: str) -> bool:
        return signature.isascii() and self._signer.verifies(payload, signature)


def _of_record(stored: StoredRecord) -> str:
    return f"record:{stored.hash}"


def _of_chain(chain: Chain) -> str:
    return f"chain:{sha256_of(canonical_json(astuple(chain)[:-1]))}"


def _of_erasure(erasure: Erasure) -> str:
    return f"erasure:{sha256_of(canonical_json(astuple(erasure)[:-1]))}"
