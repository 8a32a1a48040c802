"""What a store holds at one moment, as hashes: a text to be time-stamped and compared with later.

It names no visitor and has no text of a document. Whoever published its SHA-256 (RFC 3161, a
newspaper, a notary) can show later that nothing in it was changed, removed or put back since.
"""

from __future__ import annotations

import time
from datetime import datetime
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from consentgate.exceptions import ConsentGateError
from consentgate.record import Discrepancy
from consentgate.records.chain import subject_hash
from consentgate.timestamp import timestamp

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from consentgate.record import Document, StoredRecord
    from consentgate.records.chain import Chain, ChainSigner, Erasure

_TITLE: Final = "consentgate records manifest 1"
_MOST_DIGITS: Final = 20


class Store(Protocol):
    """What a manifest is made of."""

    @property
    def signer(self) -> ChainSigner:
        """Who signs."""
        ...

    def chains(self) -> Iterable[tuple[Chain, Sequence[StoredRecord]]]:
        """Return all chains with their records."""
        ...

    def documents(self) -> Sequence[Document]:
        """Return all documents."""
        ...

    def erasures(self) -> Sequence[Erasure]:
        """Return what stays of all erased chains."""
        ...


class NotAManifest(ConsentGateError, ValueError):
    """A text that is no manifest, or one of another version."""


class Entry(NamedTuple):
    """The end of one chain, as a manifest has it."""

    last_number: int
    last_hash: str
    retention_until: int


def manifest(store: Store, *, clock: Callable[[], float] = time.time) -> Iterator[str]:
    """Yield the lines of a manifest, without their ends."""
    yield f"{_TITLE} {timestamp(int(clock()))}"
    for document in store.documents():
        yield f"document {document.hash} {document.kind}"
    for chain, _ in store.chains():
        subject = subject_hash(chain.subject)
        yield f"chain {subject} {chain.last_number} {chain.last_hash} {chain.retention_until}"


def compare(
    store: Store, lines: Iterable[str], *, clock: Callable[[], float] = time.time
) -> Iterator[Discrepancy]:
    """Yield what of a manifest is gone, though nobody erased it and its time is not over.

    Raises `NotAManifest`.
    """
    documents, entries, made_at = _read(lines)
    erased = _erased(store, since=made_at)
    for hashed, entry in list(entries.items()):
        if entry.retention_until <= clock() or erased.get(hashed, 0) >= entry.last_number:
            del entries[hashed]
    kept = {(document.hash, document.kind) for document in store.documents()}
    for hashed, kind in sorted(documents - kept):
        yield Discrepancy("missing", "", None, f"the document {hashed} is missing as a {kind}")
    for chain, records in store.chains():
        hashed = subject_hash(chain.subject)
        if hashed not in entries:
            continue
        entry = entries.pop(hashed)
        if not store.signer.is_signed(chain):
            detail = "the ends of the chain are not as signed"
            yield Discrepancy("altered", chain.subject, None, detail)
        elif found := _changed(entry, chain, records):
            yield found
    for hashed in entries:
        detail = f"the chain of the subject with the hash {hashed} is missing"
        yield Discrepancy("missing", "", None, detail)


def _erased(store: Store, since: float) -> dict[str, int]:
    """Return by the hash of a subject how many records were erased of it at most since then."""
    erased: dict[str, int] = {}
    for each in store.erasures():
        if store.signer.is_erased(each) and each.time >= since:
            erased[each.subject_hash] = max(each.last_number, erased.get(each.subject_hash, 0))
    return erased


def _read(lines: Iterable[str]) -> tuple[set[tuple[str, str]], dict[str, Entry], float]:
    """Return the documents, the chains, and when the manifest was made."""
    documents: set[tuple[str, str]] = set()
    chains: dict[str, Entry] = {}
    found = iter(lines)
    made_at = _time_of(next(found, ""))
    for number, line in enumerate(found, start=2):
        match line.split():
            case ["document", hashed, kind]:
                documents.add((hashed, kind))
            case ["chain", hashed, last_number, last_hash, retention] if _is_number(
                last_number
            ) and _is_number(retention):
                chains[hashed] = Entry(int(last_number), last_hash, int(retention))
            case _:
                raise NotAManifest(f"line {number} is not one of a manifest")
    return documents, chains, made_at


def _is_number(text: str) -> bool:
    return text.isdecimal() and len(text) <= _MOST_DIGITS


def _time_of(title: str) -> float:
    """Return when a manifest was made, by its first line."""
    try:
        return datetime.fromisoformat(title.removeprefix(f"{_TITLE} ").strip()).timestamp()
    except ValueError:
        raise NotAManifest(f"the first line is not {_TITLE!r} and a time") from None


def _changed(entry: Entry, chain: Chain, records: Sequence[StoredRecord]) -> Discrepancy | None:
    """Return what is wrong with a chain that once ended as ``entry`` says."""
    if chain.first_number > entry.last_number:
        return None  # purged, as the signature of the chain vouches for
    then = next((each for each in records if each.number == entry.last_number), None)
    if then is None:
        detail = "the record is missing"
        return Discrepancy("missing", chain.subject, entry.last_number, detail)
    if then.hash != entry.last_hash:
        detail = "the record is another one than in the manifest"
        return Discrepancy("altered", chain.subject, entry.last_number, detail)
    return None
