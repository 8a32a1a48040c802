"""The proof of one decision, and what a place where proofs are kept can do."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol
from uuid import uuid4

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

Event = Literal["given", "partial", "refused", "withdrawn", "signal"]
Method = Literal["banner", "preferences", "placeholder", "api", "application", "signal"]
Control = Literal["accept_all", "reject_all", "save", "withdraw", ""]
DocumentKind = Literal["policy", "banner", "preferences"]
Fault = Literal["altered", "missing", "reordered"]

SCHEMA: Final = 1
"""The version of the fields of `Record`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """The proof of one decision (GDPR, article 7(1)); it says nothing else about the visitor.

    Its fields follow ISO/IEC TS 27560:2023 and the Kantara consent receipt 1.1, where a site has
    what they ask for.
    """

    subject: str
    """The random id in the consent cookie."""
    event: Event
    """What became of the choice; ``signal`` where a privacy signal changed and nobody chose."""
    time: int
    """When it was decided, in seconds since 1970."""
    valid_until: int
    """When the visitor is asked again, in seconds since 1970."""
    choices: Mapping[str, bool]
    """By category, whether it was accepted; of a signal, whether it may be stored now."""
    method: Method
    """Where it was decided, as the visitor's browser says: ``placeholder`` is content that waited,
    ``api`` is who posts without a page of ours; ``application`` is a form of the site's own."""
    layer: int | None = None
    """1 for the first layer of the banner, 2 for what lies behind it; None where there is none."""
    control: Control = ""
    """The button that was pressed, if it was one of ours."""
    policy_version: str
    policy_hash: str
    """The hash of the `Document` that says what the site declared."""
    banner_hash: str = ""
    """The hash of the `Document` that shows what was asked, on the banner or the preferences page;
    empty where neither was."""
    package_version: str
    """The version of ConsentGate that asked."""
    language: str
    """The language it was asked in (BCP 47); empty where the application asked."""
    jurisdiction: str
    """The preset that the policy builds on."""
    signals: Mapping[str, bool]
    """By privacy signal (``gpc``, ``dnt``), whether the browser sent it."""
    ip_address: str = ""
    """The network the request came from, where the site wants it kept: never the whole address."""
    user_agent: str = ""
    """What the browser calls itself, where the site wants it kept: with major versions alone."""
    record_id: str = field(default_factory=lambda: str(uuid4()))
    schema: int = SCHEMA

    def as_mapping(self) -> dict[str, Any]:
        """Return all fields by name."""
        return {each.name: getattr(self, each.name) for each in fields(self)}


@dataclass(frozen=True, slots=True)
class StoredRecord:
    """A record in the chain of its subject's records."""

    record: Record
    number: int
    """Its place among the records of its subject, from 1 on."""
    retention_until: int
    """Until when it is kept, in seconds since 1970."""
    previous_hash: str
    """The `hash` of the record before it; empty for the first."""
    signature: str
    """That of `hash`; only who has the site's keys can make it."""

    @property
    def hash(self) -> str:
        """What the next record of the subject, and the signature, vouch for."""
        return record_hash(self.record, self.retention_until, self.previous_hash)


@dataclass(frozen=True, slots=True)
class Document:
    """A text that records refer to by its hash, so that it can be shown later."""

    kind: DocumentKind
    text: str

    @property
    def hash(self) -> str:
        """The SHA-256 of the text in UTF-8, as ``sha256sum`` prints it."""
        return sha256_of(self.text)


@dataclass(frozen=True, slots=True)
class Discrepancy:
    """The first thing that is wrong with a chain, a document or an erasure."""

    fault: Fault
    subject: str
    """Whose chain it is; empty for a document."""
    number: int | None
    """The place of the record in the chain; None where no single one is meant."""
    detail: str
    """What was found, in English."""


@dataclass(frozen=True, slots=True)
class DecisionCount:
    """How many records there are of one kind on one day."""

    day: int
    """Days since 1970, in UTC."""
    event: Event
    choices: Mapping[str, bool]
    language: str
    policy_version: str
    records: int


class RecordStore(Protocol):
    """Where a site keeps its records; whatever a method raises means that it cannot just now.

    Methods may wait for a database, but not for long: who calls has a visitor waiting.
    """

    def use_keys(self, secret_keys: Sequence[bytes]) -> None:
        """Sign with the keys of the gate that uses the store, unless it has its own."""
        ...

    def append(self, record: Record, documents: Iterable[Document] = ()) -> bool:
        """Keep ``record`` for good before returning, and ``documents`` that it refers to.

        A ``signal`` that says what the last record of its subject says already is not kept
        again. Returns whether it was kept.
        """
        ...

    def by_subject(self, subject: str) -> Sequence[StoredRecord]:
        """Return the records of one visitor, the oldest first."""
        ...

    def erase(self, subject: str) -> int:
        """Forget the records of one visitor; return how many there were (GDPR, article 17)."""
        ...

    def purge(self, now: float | None = None) -> int:
        """Forget the records whose time to be kept is over; return how many there were."""
        ...

    def verify(self, subject: str | None = None) -> Iterator[Discrepancy]:
        """Yield the first discrepancy of each chain that has one: all chains, or one visitor's."""
        ...

    def count(self, since: int | None = None, until: int | None = None) -> Sequence[DecisionCount]:
        """Return how many records there are, by day and what they say, the oldest day first.

        ``since`` is the first day and ``until`` the first that does not count, in days since 1970.
        """
        ...

    def document(self, hash: str) -> Document | None:  # noqa: A002 - what it is
        """Return the document of that hash."""
        ...


def referred_documents(
    hashes: Iterable[tuple[str, ...]],
) -> set[tuple[str, DocumentKind]]:
    """Return the documents that records refer to, by their policy_hash, banner_hash and method."""
    referred: set[tuple[str, DocumentKind]] = set()
    for policy_hash, banner_hash, method in hashes:
        referred.add((policy_hash, "policy"))
        if banner_hash:
            kind: DocumentKind = "preferences" if method == "preferences" else "banner"
            referred.add((banner_hash, kind))
    return referred


def canonical_json(value: object) -> str:
    """Return ``value`` as the one JSON text it has (RFC 8785, for what records hold)."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def record_hash(record: Record, retention_until: int, previous_hash: str) -> str:
    """Return the SHA-256 of a record and of all that the chain adds to it but its place.

    The place is not in it, so that a record that was moved still shows whose successor it is.
    """
    content = {
        **record.as_mapping(),
        "choices": dict(record.choices),
        "signals": dict(record.signals),
        "retention_until": retention_until,
        "previous_hash": previous_hash,
    }
    return sha256_of(canonical_json(content))


def sha256_of(text: str) -> str:
    """Return the SHA-256 of ``text`` in UTF-8, in hexadecimal digits."""
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()
